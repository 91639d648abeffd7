"""MongoDB's own check of what is written, and databases of other versions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypedDict

import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database
from pymongo.errors import WriteError

from caliber_crawler.errors import StoreError
from caliber_crawler.items import ARTICLE_FIELDS
from caliber_crawler.store import Store
from caliber_crawler.store.articles import ArticleStore
from caliber_crawler.store.documents import VERSION
from caliber_crawler.store.migrations import prepare
from caliber_crawler.store.schema import VALIDATORS, schema_of
from caliber_crawler.store.spans import moved
from tests.stories import story

Documents = Database[dict[str, Any]]


@pytest.fixture
async def store(async_database: AsyncDatabase[dict[str, Any]]) -> ArticleStore:
    await prepare(async_database)
    return ArticleStore(async_database)


class TestSchemaOfTypes:
    def test_plain_and_nested(self) -> None:
        class Inner(TypedDict):
            word: str

        @dataclass
        class Outer:
            number: int | None
            inner: list[Inner]
            by_name: dict[str, float]
            kind: Literal["a", "b"]
            when: datetime

        # Types of this function cannot be found by name, so the hints are given as they are.
        Outer.__annotations__ = {
            "number": int | None, "inner": list[Inner], "by_name": dict[str, float],
            "kind": Literal["a", "b"], "when": datetime,
        }  # fmt: skip
        Inner.__annotations__ = {"word": str}
        assert schema_of(Outer)["properties"] == {
            "number": {"bsonType": ["int", "long", "null"]},
            "inner": {
                "bsonType": ["array"],
                "items": {
                    "bsonType": ["object"],
                    "properties": {"word": {"bsonType": ["string"]}},
                    "required": ["word"],
                    "additionalProperties": False,
                },
            },
            "by_name": {
                "bsonType": ["object"],
                "additionalProperties": {"bsonType": ["double", "int", "long"]},
            },
            "kind": {"enum": ["a", "b"]},
            "when": {"bsonType": ["date"]},
        }
        assert schema_of(Outer)["required"] == ["by_name", "inner", "kind", "number", "when"]

    def test_what_has_no_schema(self) -> None:
        with pytest.raises(TypeError, match="no schema"):
            schema_of(set[str])

    def test_every_field_of_the_record_is_in_it(self) -> None:
        schema = VALIDATORS["articles"]["$jsonSchema"]
        assert set(schema["properties"]) == {"_id", "internal", *ARTICLE_FIELDS}
        assert set(schema["required"]) == set(schema["properties"])


class TestWrites:
    @pytest.mark.parametrize(
        "change",
        [
            {"$set": {"extra": 1}},
            {"$unset": {"title": ""}},
            {"$set": {"published_at": "yesterday"}},
            {"$set": {"status": "dead"}},
            {"$set": {"views": 1.5}},
            {"$set": {"revision": 0}},
            {"$set": {"sections": [{"slug": "a"}]}},
            {"$set": {"sections": "world"}},
            {"$set": {"crawl.outcome": 3}},
            {"$set": {"crawl.extra": "x"}},
            {"$set": {"extraction.method": None}},
            {"$set": {"content_hash": "abc"}},
            {"$set": {"id": "en/other"}},
            {"$set": {"internal.version": "2"}},
            {"$set": {"internal.bands": ["x"]}},
            {"$unset": {"internal.visit": ""}},
            {"$set": {"alternates": {"ru": 5}}},
        ],
        ids=str,
    )
    async def test_what_is_no_record_is_refused(
        self, store: ArticleStore, database: Documents, change: dict[str, Any]
    ) -> None:
        await store.save([story("a")])
        with pytest.raises(WriteError, match="validation"):
            database.articles.update_one({}, change)

    async def test_other_collections(self, store: ArticleStore, database: Documents) -> None:
        for name in ("revisions", "rejects"):
            with pytest.raises(WriteError, match="validation"):
                database[name].insert_one({"_id": "x", "odd": 1})

    async def test_one_refused_article_harms_no_neighbour(
        self, store: ArticleStore, database: Documents
    ) -> None:
        odd = story("odd")
        assert odd.extraction is not None
        odd.extraction["layout"] = 5  # type: ignore[typeddict-item]
        saved = await store.save([story("a"), odd, story("b")])
        assert [one.is_stored for one in saved] == [True, False, True]
        assert "schema" in (saved[1].refused or "")
        assert {d["_id"] for d in database.articles.find()} == {"en/a", "en/b"}
        change = story("a", crawl_id="c2", hours=1)
        assert change.extraction is not None
        change.extraction["layout"] = 5  # type: ignore[typeddict-item]
        saved = await store.save([change, story("b", crawl_id="c2", hours=1)])
        assert [one.is_stored for one in saved] == [False, True]


class TestOtherVersions:
    async def old_database(self, store: ArticleStore, database: Documents) -> dict[str, Any]:
        """As the first version left it: no `internal`, no `meta`, no checks, fewer fields."""
        await store.save([story("a", title="Before"), story("b")])
        await store.save([story("a", title="After", crawl_id="c2", hours=1)])
        for name in VALIDATORS:
            database.command("collMod", name, validator={}, validationLevel="off")
        database.articles.update_many({}, {"$unset": {"internal": "", "near_duplicate_of": ""}})
        database.revisions.update_many({}, {"$unset": {"changes": "", "moved_to": ""}})
        database["meta"].drop()
        database["views"].drop()
        database.articles.drop_indexes()
        return {d["_id"]: d for d in database.articles.find()}

    async def test_an_older_database_is_brought_up_to_date(
        self, store: ArticleStore, async_database: Any, database: Documents
    ) -> None:
        before = await self.old_database(store, database)
        await asyncio.gather(*(prepare(async_database) for _ in range(4)))
        for record in database.articles.find():
            internal = record.pop("internal")
            assert internal["version"] == VERSION
            assert len(internal["bands"]) == 16
            assert record == before[record["_id"]] | {"near_duplicate_of": None}
        [revision] = database.revisions.find()
        assert (revision["changes"], revision["moved_to"]) == ([], None)
        assert database["meta"].find_one() == {"_id": "form", "version": VERSION}
        [saved] = await store.save([story("b", crawl_id="c3", hours=2, views=3)])
        assert saved.article.crawl is not None
        assert saved.article.crawl["outcome"] == "unchanged"
        assert database["views"].count_documents({}) == 1
        with pytest.raises(WriteError, match="validation"):
            database.articles.update_one({}, {"$set": {"extra": 1}})

    @pytest.mark.parametrize("version", [2, 3, 4])
    async def test_older_fingerprints_are_made_anew(
        self, store: ArticleStore, async_database: Any, database: Documents, version: int
    ) -> None:
        await store.save([story("a", title="Before"), story("b")])
        right = {d["_id"]: d for d in database.articles.find()}
        older = {"internal.version": version, "internal.bands": [1, 2**40], "internal.traces": [3]}
        database.articles.update_many({}, {"$set": older})
        database["meta"].update_one({}, {"$set": {"version": version}})
        await asyncio.gather(*(prepare(async_database) for _ in range(4)))
        assert {d["_id"]: d for d in database.articles.find()} == right
        assert database["meta"].find_one() == {"_id": "form", "version": VERSION}

    @pytest.mark.parametrize("version", [4, VERSION])
    async def test_what_an_older_program_stored_meanwhile_is_mended_by_the_next_visit(
        self, store: ArticleStore, database: Documents, version: int
    ) -> None:
        """It was at work during the upgrade. A new record of it has the old form; one of the new
        form that it met has traces as it made them."""
        await store.save([story("a")])
        [right] = database.articles.find()
        raw = moved(right["internal"]["traces"], datetime(1970, 1, 2, tzinfo=UTC))
        older = {"internal.version": version, "internal.traces": raw}
        database.articles.update_one({}, {"$set": older})
        await store.save([story("a", crawl_id="c2", hours=1)])
        [record] = database.articles.find()
        for name in ("version", "traces", "bands"):
            assert record["internal"][name] == right["internal"][name]

    async def test_a_step_that_was_cut_off_is_done_again(
        self, store: ArticleStore, async_database: Any, database: Documents
    ) -> None:
        await self.old_database(store, database)
        database.articles.update_one({"_id": "en/a"}, {"$set": {"internal": {"mark": 1}}})
        await prepare(async_database)
        kept = database.articles.find_one({"_id": "en/a"})
        made = database.articles.find_one({"_id": "en/b"})
        assert kept is not None
        assert made is not None
        assert kept["internal"] == {"mark": 1}
        assert made["internal"]["version"] == VERSION

    async def test_a_newer_one_is_refused(
        self, mongo_uri: str, database: Documents, store: ArticleStore
    ) -> None:
        database["meta"].update_one({}, {"$set": {"version": VERSION + 1}}, upsert=True)
        with pytest.raises(StoreError, match="newer version of this program"):
            await Store.open(mongo_uri, database.name, Path(), "crawl-1")

    @pytest.mark.parametrize(
        "change", [{"$unset": {"version": 1}}, *({"$set": {"version": v}} for v in (None, "4", []))]
    )
    async def test_one_that_does_not_say_which_it_is_is_refused(
        self, mongo_uri: str, database: Documents, store: ArticleStore, change: dict[str, Any]
    ) -> None:
        database["meta"].update_one({"_id": "form"}, change, upsert=True)
        with pytest.raises(StoreError, match="'form' in its collection 'meta' has the version"):
            await Store.open(mongo_uri, database.name, Path(), "crawl-1")

    async def test_a_record_without_any_time_is_named(
        self, async_database: Any, database: Documents
    ) -> None:
        database.articles.insert_one({"_id": "en/odd", "url": "x"})
        with pytest.raises(StoreError, match="en/odd has no time"):
            await prepare(async_database)

    async def test_starting_again_changes_nothing(
        self, store: ArticleStore, async_database: Any, database: Documents
    ) -> None:
        await store.save([story("a")])
        before = database.command("listCollections")["cursor"]["firstBatch"]
        await prepare(async_database)
        assert database.command("listCollections")["cursor"]["firstBatch"] == before
