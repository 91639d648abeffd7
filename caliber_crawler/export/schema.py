"""The record as types of Arrow, made from the types that `items.Article` declares."""

from __future__ import annotations

import types
from datetime import datetime
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pyarrow as pa

from caliber_crawler.items import ARTICLE_FIELDS, Article

_PLAIN = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("ms", tz="UTC"),
}


def record_schema() -> pa.Schema:
    """One column for each field of the record, in its order; every column takes null."""
    hints = get_type_hints(Article)
    return pa.schema([pa.field(name, arrow_type(hints[name])) for name in ARTICLE_FIELDS])


def arrow_type(hint: Any) -> pa.DataType:
    """Lists become lists, mappings maps, typed dictionaries structs, instants UTC milliseconds.

    Raises TypeError for a type that has no such form.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if origin is NotRequired:
        return arrow_type(parts[0])
    if origin in (Union, types.UnionType):
        (one,) = (part for part in parts if part is not type(None))
        return arrow_type(one)
    if origin is list:
        return pa.list_(arrow_type(parts[0]))
    if origin is dict:
        return pa.map_(arrow_type(parts[0]), arrow_type(parts[1]))
    if is_typeddict(hint):
        inner = get_type_hints(hint)
        return pa.struct([pa.field(name, arrow_type(part)) for name, part in inner.items()])
    raise TypeError(f"no type of Arrow for {hint}")
