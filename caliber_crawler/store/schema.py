"""What documents may look like: MongoDB's own check of each write, made of the types of the code.

A collection takes what the types here describe and nothing else, whoever writes to it: no unknown
field, no missing one, no value of another kind.
"""

from __future__ import annotations

import asyncio
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, OperationFailure

from caliber_crawler.items import ARTICLE_FIELDS, Article, Reject
from caliber_crawler.store.client import UNAUTHORIZED
from caliber_crawler.store.documents import Internal, Revision
from caliber_crawler.store.views import OPTIONS as VIEWS

Schema = dict[str, Any]

_NAMESPACE_EXISTS = 48
_BUSY = {12586, 12587}  # an operation in the background keeps the collection or the database
_ATTEMPTS, _PAUSE = 100, 0.1
_PLAIN: dict[Any, list[str]] = {
    str: ["string"],
    bool: ["bool"],
    int: ["int", "long"],
    float: ["double", "int", "long"],
    datetime: ["date"],
    type(None): ["null"],
}
# What the types do not say: values that every stored record has, and the few words that may stand.
_ALWAYS = ("id", "url", "language", "first_seen_at", "last_seen_at", "crawl")
_HASH = {"bsonType": "string", "pattern": "^[0-9a-f]{64}$"}


def schema_of(kind: Any) -> Schema:
    """The JSON schema (MongoDB's dialect) of a type: plain types, unions, lists, dictionaries by
    text, literals, typed dictionaries and dataclasses. Raises TypeError for any other.

    >>> schema_of(int | None)
    {'bsonType': ['int', 'long', 'null']}
    """
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return {}
    if kind in _PLAIN:
        return {"bsonType": _PLAIN[kind]}
    if origin in (Union, types.UnionType):
        return _either([schema_of(arg) for arg in args])
    if origin is list:
        return {"bsonType": ["array"], "items": schema_of(args[0])}
    if origin is dict:
        return {"bsonType": ["object"], "additionalProperties": schema_of(args[1])}
    if origin is Literal:
        return {"enum": list(args)}
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return _object({item.name: hints[item.name] for item in fields(kind)})
    if typing.is_typeddict(kind):
        # `__required_keys__` does not know NotRequired where annotations are kept as text.
        hints = get_type_hints(kind, include_extras=True)
        optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
        plain = {n: get_args(hint)[0] if n in optional else hint for n, hint in hints.items()}
        return _object(plain, optional)
    raise TypeError(f"no schema for {kind!r}")


def _object(hints: Mapping[str, Any], optional: Collection[str] = ()) -> Schema:
    return {
        "bsonType": ["object"],
        "properties": {name: schema_of(hint) for name, hint in hints.items()},
        "required": sorted(hints.keys() - set(optional)),
        "additionalProperties": False,
    }


def _either(schemas: list[Schema]) -> Schema:
    if all(schema.keys() == {"bsonType"} for schema in schemas):
        return {"bsonType": [name for schema in schemas for name in schema["bsonType"]]}
    return {"anyOf": schemas}


def _articles() -> Schema:
    schema = schema_of(Article)
    properties = {name: schema["properties"][name] for name in ARTICLE_FIELDS}
    for name in _ALWAYS:
        properties[name] = _not_null(properties[name])
    properties |= {
        "status": {"enum": ["live", "gone"]},
        "content_hash": _HASH,
        "revision": {"bsonType": ["int", "long"], "minimum": 1},
        "_id": {"bsonType": ["string"]},
        "internal": schema_of(Internal),
    }
    return {**schema, "properties": properties, "required": sorted(properties)}


def _not_null(schema: Schema) -> Schema:
    if "anyOf" in schema:
        rest = [one for one in schema["anyOf"] if one != {"bsonType": ["null"]}]
        return rest[0] if len(rest) == 1 else {"anyOf": rest}
    return {**schema, "bsonType": [name for name in schema["bsonType"] if name != "null"]}


def _rejects() -> Schema:
    schema = schema_of(Reject)
    properties = {
        **schema["properties"],
        "crawl": {"bsonType": ["object", "null"]},
        "_id": {"bsonType": ["string"]},
        "crawl_id": {"bsonType": ["string"]},
    }
    return {**schema, "properties": properties, "required": sorted(properties)}


VALIDATORS: dict[str, Schema] = {
    "articles": {"$jsonSchema": _articles(), "$expr": {"$eq": ["$_id", "$id"]}},
    "revisions": {"$jsonSchema": schema_of(Revision)},
    "rejects": {"$jsonSchema": _rejects()},
}
"""Collection → what its documents must match."""


async def ensure_collections(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Make the collections that are not made by the first write: the time series `views`.

    Raises the driver's errors.
    """
    there = await database.list_collection_names(filter={"name": "views"})
    if not there:
        await _create(database, "views", VIEWS)


async def ensure_validators(database: AsyncDatabase[dict[str, Any]]) -> list[str]:
    """Have MongoDB check every write. Changes nothing where it does already.

    Returns the collections of which the user of the database may not set it (that needs the role
    ``dbAdmin`` where a collection is there already). Raises the driver's errors.
    """
    listed = [info async for info in await database.list_collections()]
    now = {info["name"]: info["options"].get("validator") for info in listed}
    refused = []
    for name, validator in VALIDATORS.items():
        if now.get(name) == validator:
            continue
        if name not in now and await _create(database, name, {"validator": validator}):
            continue
        if not await _change(database, name, validator):
            refused.append(name)
    return refused


async def _change(database: AsyncDatabase[dict[str, Any]], name: str, validator: Schema) -> bool:
    """Set the check of a collection that is there; False when the user may not."""
    for attempt in range(_ATTEMPTS):
        try:
            await database.command("collMod", name, validator=validator, validationLevel="strict")
        except OperationFailure as error:
            if error.code == UNAUTHORIZED:
                return False
            # Another worker, which started at the same moment, makes an index there.
            if error.code not in _BUSY or attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(_PAUSE)
        else:
            return True
    return False


async def _create(
    database: AsyncDatabase[dict[str, Any]], name: str, options: Mapping[str, Any]
) -> bool:
    """Whether the collection was made here; False when somebody else was first."""
    try:
        await database.create_collection(name, **options)
    except CollectionInvalid:
        return False
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise
        return False
    return True
