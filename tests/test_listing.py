"""Learning how a list asks for more, from made-up exchanges of every kind."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caliber_crawler.errors import LostThread
from caliber_crawler.items import Card, SectionRef
from caliber_crawler.listing.answers import (
    Format,
    complaint,
    find_format,
    misgiving,
    read_answer,
    read_page,
)
from caliber_crawler.listing.exchange import Answer, Exchange, Request, put_together, take_apart
from caliber_crawler.listing.learn import Batch, Lesson, learn
from caliber_crawler.listing.places import Places, names
from caliber_crawler.listing.rule import ListRule, first_request, next_request
from caliber_crawler.listing.walk import Walk
from caliber_crawler.pages.html import Page
from caliber_crawler.site import Site

BASE = "http://127.0.0.1:8000"
LIST = f"{BASE}/en/category/world"
SITE = Site.from_settings(BASE, "Asia/Baku")
SIZE = 5
ALL = [f"story-{i}" for i in range(43)]
# A list has a part of all articles, so its numbers and times are no equal steps apart.
IDS = [900 - 7 * i - i * i % 5 for i in range(60)]
TIMES = [1_700_000_000 - 600 * i - i * i % 7 * 60 for i in range(60)]
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def card_html(i: int) -> str:
    return (
        f'<div class="float_block" data-id="{IDS[i]}" data-at="{TIMES[i]}">'
        f'<a href="/en/post/{ALL[i]}"><h2 class="float_block_title">Story {i}</h2></a></div>'
    )


def cards_html(start: int, stop: int) -> str:
    return "".join(card_html(i) for i in range(start, min(stop, len(ALL))))


def objects(start: int, stop: int) -> list[dict[str, Any]]:
    return [
        {"id": IDS[i], "alias": ALL[i], "name": f"Story {i}", "at": TIMES[i]}
        for i in range(start, min(stop, len(ALL)))
    ]


class Server:
    """A list that asks in one way: what its script sends after `shown` cards, and the answer.

    Serves the first `SIZE` cards in its page; each batch has `SIZE` more.
    """

    def __init__(
        self,
        ask: Callable[[int, Any], Request],
        answer: Callable[[int], tuple[str, str]],
        place: Callable[[Request], int],
        head: str = "",
    ) -> None:
        self.ask, self.answer, self.place = ask, answer, place
        html = f"<html><head>{head}</head><body>{cards_html(0, SIZE)}</body></html>"
        self.page = read_page(Page(LIST, html.encode()), SITE)

    def exchange(self, request: Request) -> Exchange:
        """What the server says to a request, wherever in the list it points."""
        kind, body = self.answer(self.place(request))
        return Exchange(request, Answer(200, kind, body.encode()))

    def batches(self, number: int) -> list[Batch]:
        """What a browser would see while it scrolls."""
        found, last = [], None
        for k in range(number):
            shown = SIZE * (k + 1)
            exchange = self.exchange(self.ask(shown, last))
            last = exchange.answer
            found.append(Batch(cards(shown, shown + SIZE), [exchange]))
        return found

    def learn(self, number: int = 3) -> Lesson:
        return learn(self.page, LIST, self.batches(number), SITE)

    def walk(self, rule: ListRule) -> list[str]:
        """Follow a rule to the end of the list; slugs in order, the page's own first."""
        # Rules are kept in a database, so every walk is made with one that was stored.
        kept = ListRule.from_document(json.loads(json.dumps(rule.to_document())))
        slugs = [card.url.rpartition("/")[2] for card in self.page.cards]
        step = first_request(kept, self.page, LIST, BASE, 1)
        while step is not None and len(slugs) < 200:
            exchange = self.exchange(step.request)
            reading = read_answer(exchange.answer, kept.format, LIST, SITE)
            assert reading is not None
            if not reading.entries:
                break
            slugs += [card.url.rpartition("/")[2] for card in reading.cards]
            step = next_request(kept, step.state, reading, LIST, BASE, 1)
        return slugs


def cards(start: int, stop: int) -> list[Card]:
    page = Page(LIST, cards_html(start, stop).encode())
    return read_page(page, SITE).cards


def query(request: Request, name: str) -> str:
    return parse_qs(urlsplit(request.url).query)[name][0]


def html(start: int) -> tuple[str, str]:
    return "text/html", cards_html(start, start + SIZE)


def wrapped(start: int, **more: Any) -> tuple[str, str]:
    data = {"ok": True, "data": {"html": cards_html(start, start + SIZE)}, **more}
    return "application/json", json.dumps(data)


def listed(start: int, **more: Any) -> tuple[str, str]:
    return "application/json", json.dumps({"items": objects(start, start + SIZE), **more})


def after_id(identity: str) -> int:
    return IDS.index(int(identity)) + 1


def token(start: int) -> str:
    return f"t{start * 7919 % 100003:05d}x"


TOKENS = {token(i): i for i in range(60)}


def _after(start: int) -> str:
    return f"&after={token(start)}"


def _form(request: Request, name: str) -> str:
    return parse_qs(request.body)[name][0]


def _whole(value: Any) -> int:
    """Servers may insist on the type that their own script sends."""
    assert type(value) is int
    return value


def _text(value: Any) -> str:
    assert type(value) is str
    return value


SERVERS = {
    "page": Server(
        lambda shown, _: Request("GET", f"{BASE}/more?cat=world&page={shown // SIZE + 1}"),
        html,
        lambda r: (int(query(r, "page")) - 1) * SIZE,
    ),
    "page in path": Server(
        lambda shown, _: Request("GET", f"{BASE}/more/world/{shown // SIZE + 1}/"),
        html,
        lambda r: (int(urlsplit(r.url).path.split("/")[3]) - 1) * SIZE,
    ),
    "offset": Server(
        lambda shown, _: Request("GET", f"{BASE}/more?offset={shown}"),
        wrapped,
        lambda r: int(query(r, "offset")),
    ),
    "last id, form": Server(
        lambda shown, _: Request("POST", f"{BASE}/more", FORM, f"cat=5&last_id={IDS[shown - 1]}"),
        listed,
        lambda r: after_id(_form(r, "last_id")),
    ),
    "last id, json": Server(
        lambda shown, _: Request(
            "POST", f"{BASE}/api", JSON, json.dumps({"q": {"cat": [5], "after": IDS[shown - 1]}})
        ),
        listed,
        lambda r: IDS.index(_whole(json.loads(r.body)["q"]["after"])) + 1,
    ),
    "last id, json, as text": Server(
        lambda shown, _: Request("POST", f"{BASE}/api", JSON, f'{{"after": "{IDS[shown - 1]}"}}'),
        listed,
        lambda r: after_id(_text(json.loads(r.body)["after"])),
    ),
    "page, json": Server(
        lambda shown, _: Request("POST", f"{BASE}/api", JSON, f'{{"page": "{shown // SIZE}"}}'),
        listed,
        lambda r: int(_text(json.loads(r.body)["page"])) * SIZE,
    ),
    "offset in steps of its own": Server(
        lambda shown, _: Request("GET", f"{BASE}/more?from={shown * 3}"),
        html,
        lambda r: int(query(r, "from")) // 3,
    ),
    "last time": Server(
        lambda shown, _: Request("GET", f"{BASE}/more?t={TIMES[shown - 1]}"),
        html,
        lambda r: TIMES.index(int(query(r, "t"))) + 1,
    ),
    "last slug": Server(
        lambda shown, _: Request("GET", f"{BASE}/more?after={ALL[shown - 1]}"),
        listed,
        lambda r: ALL.index(query(r, "after")) + 1,
    ),
    "token": Server(
        lambda shown, _: Request("GET", f"{BASE}/more?token={token(shown)}"),
        lambda start: wrapped(start, next=token(start + SIZE) if start + SIZE < len(ALL) else None),
        lambda r: TOKENS[query(r, "token")],
        head=f'<meta name="cursor" content="{token(SIZE)}">',
    ),
    "token, first one unknown": Server(
        lambda shown, _: Request("GET", f"{BASE}/more?token={token(shown)}"),
        lambda start: wrapped(start, next=token(start + SIZE) if start + SIZE < len(ALL) else None),
        lambda r: TOKENS[query(r, "token")],
    ),
    "next address": Server(
        lambda shown, _: Request("GET", f"{BASE}/more/{token(shown)}?x=1"),
        lambda start: wrapped(
            start, links={"next": f"/more/{token(start + SIZE)}?x=1"} if start < 38 else {}
        ),
        lambda r: TOKENS[urlsplit(r.url).path.split("/")[2]],
        head=f'<link rel="next" href="/more/{token(SIZE)}?x=1">',
    ),
    "next address, first one by the last id": Server(
        lambda shown, _: Request("GET", f"{BASE}/more?cat=world&after={IDS[shown - 1]}"),
        lambda start: listed(start, next=f"/more?cat=world&after={IDS[start + SIZE - 1]}"),
        lambda r: after_id(query(r, "after")),
    ),
    "next address, first one without a place": Server(
        lambda shown, _: Request(
            "GET", f"{BASE}/more?cat=5{_after(shown) if shown > SIZE else ''}"
        ),
        lambda start: wrapped(start, next=f"/more?cat=5{_after(start + SIZE)}"),
        lambda r: TOKENS[query(r, "after")] if "after" in r.url else SIZE,
    ),
    "next address, first one unknown": Server(
        lambda shown, _: Request("GET", f"{BASE}/more?cat=5{_after(shown)}"),
        lambda start: wrapped(start, next=f"/more?cat=5{_after(start + SIZE)}"),
        lambda r: TOKENS[query(r, "after")],
    ),
    "token, first one always the same": Server(
        lambda shown, _: Request(
            "GET", f"{BASE}/more?from={token(shown) if shown > SIZE else '*'}"
        ),
        lambda start: wrapped(start, next=token(start + SIZE)),
        lambda r: TOKENS.get(query(r, "from"), SIZE),
    ),
    "pages counted down": Server(
        lambda shown, _: Request("GET", f"{BASE}/more?page={60 - shown // SIZE}"),
        html,
        lambda r: (60 - int(query(r, "page"))) * SIZE,
    ),
    "pages counted down, each one named": Server(
        lambda shown, _: Request("GET", f"{BASE}/more?page={60 - shown // SIZE}"),
        lambda start: wrapped(start, older=59 - start // SIZE),
        lambda r: (60 - int(query(r, "page"))) * SIZE,
        head='<meta name="older" content="59">',
    ),
    "session token and cache breaker": Server(
        lambda shown, _: Request(
            "POST",
            f"{BASE}/more?_={1_750_000_000_000 + 321 * shown}",
            {**FORM, "x-csrf-token": "secret-1234", "x-requested-with": "XMLHttpRequest"},
            f"page={shown // SIZE + 1}",
        ),
        html,
        lambda r: (int(_form(r, "page")) - 1) * SIZE,
        head='<meta name="csrf-token" content="secret-1234">',
    ),
    "multipart form": Server(
        lambda shown, _: Request(
            "POST",
            f"{BASE}/more",
            {"content-type": f"multipart/form-data; boundary=----b{shown}"},
            f'------b{shown}\r\nContent-Disposition: form-data; name="from"\r\n\r\n{shown}\r\n'
            f"------b{shown}--\r\n",
        ),
        html,
        lambda r: int(r.body.split("\r\n\r\n")[1].split("\r\n")[0]),
    ),
}


@pytest.mark.parametrize("name", SERVERS)
def test_every_way_of_asking_is_learned_and_walks_the_whole_list(name: str) -> None:
    server = SERVERS[name]
    lesson = server.learn()
    assert lesson.rule is not None, lesson.why
    assert server.walk(lesson.rule) == ALL
    assert lesson.check is not None
    answer = server.exchange(lesson.check.request).answer
    reading = read_answer(answer, lesson.rule.format, LIST, SITE)
    assert reading is not None
    assert {card.url for card in reading.cards} == lesson.expected
    assert lesson.go_on is not None
    assert server.place(lesson.go_on.request) == SIZE * 4


@pytest.mark.parametrize("name", SERVERS)
def test_two_batches_give_the_right_rule_or_none(name: str) -> None:
    lesson = SERVERS[name].learn(2)
    if lesson.rule is None:
        assert re.search("follows from nothing seen|a third request is needed", lesson.why)
    else:
        assert SERVERS[name].walk(lesson.rule) == ALL


def test_two_numbers_are_no_step() -> None:
    places = {shown * 2_654_435_761 % 1_000_003: shown for shown in range(60)}
    signs = {shown: sign for sign, shown in places.items()}
    server = Server(
        lambda shown, _: Request("GET", f"{BASE}/more?sign={signs[shown]}"),
        html,
        lambda r: places[int(query(r, "sign"))],
    )
    lesson = server.learn(2)
    assert lesson.rule is None
    assert "'sign' follows from nothing seen" in lesson.why


def test_a_number_that_is_in_an_answer_by_chance_makes_no_rule() -> None:
    """Offsets that count promotions, which are no cards; counters happen to equal the offsets."""
    page = read_page(Page(LIST, cards_html(0, 12).encode()), SITE)
    offsets, batches = [12, 32, 52], []
    for k, offset in enumerate(offsets):
        start = 12 + 9 * k
        items = [{**item, "views": 7} for item in objects(start, start + 9)]
        items[0]["views"] = offset + 20
        body = json.dumps({"items": [*items, {"alias": "", "name": "promo"}], "total": 500})
        exchange = Exchange(
            Request("GET", f"{BASE}/more?offset={offset}"), Answer(200, "", body.encode())
        )
        batches.append(Batch(cards(start, start + 9), [exchange]))
    two, three = (learn(page, LIST, batches[:number], SITE) for number in (2, 3))
    assert two.rule is None
    assert "'offset' is found in answer items.0.views, perhaps by chance" in two.why
    assert three.rule is not None, three.why
    assert three.rule.sources["query", "offset"].kind == "step"
    assert three.go_on is not None
    assert query(three.go_on.request, "offset") == "72"


@pytest.mark.parametrize("cursor", ["17", "902", "17342"])
def test_a_short_cursor_needs_a_third_request(cursor: str) -> None:
    cursors = [cursor, *(str(int(cursor) + n * n * 3) for n in range(1, 9))]
    server = Server(
        lambda shown, _: Request("GET", f"{BASE}/more?after={cursors[shown // SIZE - 1]}"),
        lambda start: listed(start, next=cursors[start // SIZE] if start < 38 else None),
        lambda r: (cursors.index(query(r, "after")) + 1) * SIZE,
    )
    assert "a third request is needed" in server.learn(2).why
    lesson = server.learn(3)
    assert lesson.rule is not None, lesson.why
    assert server.walk(lesson.rule) == ALL


def test_a_session_token_is_read_from_the_page_again() -> None:
    server = SERVERS["session token and cache breaker"]
    lesson = server.learn()
    assert lesson.rule is not None
    page = Page(LIST, f'<meta name="csrf-token" content="another">{cards_html(0, SIZE)}'.encode())
    step = first_request(lesson.rule, read_page(page, SITE), LIST, BASE, 1)
    assert step is not None
    assert step.request.headers["x-csrf-token"] == "another"
    assert step.request.headers["x-requested-with"] == "XMLHttpRequest"


@pytest.mark.parametrize("name", SERVERS)
def test_the_first_request_follows_from_the_page_of_the_day(name: str) -> None:
    """Or the rule says that it does not: else what was posted since would be passed over."""
    server = SERVERS[name]
    lesson = server.learn()
    assert lesson.rule is not None, lesson.why
    seen = name in (
        "token, first one unknown",
        "next address, first one unknown",
        "pages counted down",
    )
    kept = ListRule.from_document(json.loads(json.dumps(lesson.rule.to_document())))
    assert kept.begins_as_seen == seen
    assert ("first one as seen" in kept.describe()) == seen


def test_a_next_address_does_not_hide_what_the_first_one_is_made_of() -> None:
    server = SERVERS["next address, first one by the last id"]
    lesson = server.learn()
    assert lesson.rule is not None, lesson.why
    later = read_page(Page(LIST, cards_html(20, 25).encode()), SITE)
    step = first_request(lesson.rule, later, LIST, BASE, 1)
    assert step is not None
    assert server.place(step.request) == 25


def test_rules_that_an_older_version_stored_begin_as_seen() -> None:
    lesson = SERVERS["next address, first one unknown"].learn()
    assert lesson.rule is not None
    stored = lesson.rule.to_document()
    del stored["next_url"]["stays"]
    assert ListRule.from_document(stored).begins_as_seen


@pytest.mark.parametrize("moments", [("1764170000", "1764256400"), ("2025-11-26", "2025-11-27")])
def test_a_moment_of_the_visit_is_read_from_the_page_again(moments: tuple[str, str]) -> None:
    then, now = moments
    server = Server(
        lambda shown, _: Request("GET", f"{BASE}/more?until={then}&page={shown // SIZE + 1}"),
        html,
        lambda r: (int(query(r, "page")) - 1) * SIZE,
        head=f'<meta name="opened" content="{then}">',
    )
    lesson = server.learn()
    assert lesson.rule is not None
    page = Page(LIST, f'<meta name="opened" content="{now}">{cards_html(0, SIZE)}'.encode())
    step = first_request(lesson.rule, read_page(page, SITE), LIST, BASE, 1)
    assert step is not None
    assert query(step.request, "until") == now


def test_titles_and_times_of_objects_are_found() -> None:
    lesson = SERVERS["last id, form"].learn()
    assert lesson.rule is not None
    assert lesson.rule.format.keys["title"] == "name"
    assert lesson.rule.format.prefix == f"{BASE}/en/post/"


@pytest.mark.parametrize(
    "written",
    [
        lambda at: f"{at.astimezone(SITE.zone):%d %B %Y %H:%M}",
        lambda at: f"{at.astimezone(SITE.zone):%Y-%m-%d %H:%M:%S}",
        lambda at: f"{at:%Y-%m-%dT%H:%M:%S.123Z}",
        lambda at: int(at.timestamp()),
        lambda at: str(int(at.timestamp())),
        lambda at: int(at.timestamp()) * 1000 + 123,
    ],
)
def test_times_of_objects_are_told_by_the_minutes_that_cards_print(
    written: Callable[[datetime], Any],
) -> None:
    times = [datetime(2025, 4, 2, 9, 24, 37, tzinfo=UTC) - i * timedelta(hours=7) for i in range(6)]
    shown = [
        replace(card, published_at=at.replace(second=0))
        for card, at in zip(cards(0, 6), times, strict=True)
    ]
    items = [{**item, "at": written(at)} for item, at in zip(objects(0, 6), times, strict=True)]
    answer = Answer(200, "application/json", json.dumps({"items": items}).encode())
    fmt = find_format(answer, shown, LIST, SITE)
    assert fmt is not None
    assert fmt.keys["time"] == "at"
    reading = read_answer(answer, fmt, LIST, SITE)
    assert reading is not None
    dated = [card.published_at for card in reading.cards]
    assert [at and at.replace(second=0, microsecond=0) for at in dated] == [
        card.published_at for card in shown
    ]
    walk = Walk(since=datetime(2026, 1, 1, tzinfo=UTC))
    walk.take(reading.cards)
    assert walk.ended == "since"


@pytest.mark.parametrize(
    "member", [True, None, 7, -1_743_585_877, 1e9, "12345678901", [], "٣" * 10]
)
def test_members_that_are_no_time_of_a_card(member: Any) -> None:
    shown = [replace(card, published_at=datetime(2025, 4, 2, tzinfo=UTC)) for card in cards(0, 3)]
    items = [{**item, "at": member} for item in objects(0, 3)]
    answer = Answer(200, "application/json", json.dumps({"items": items}).encode())
    fmt = find_format(answer, shown, LIST, SITE)
    assert fmt is not None
    assert "time" not in fmt.keys


def test_a_signature_follows_no_rule_and_is_named() -> None:
    import hashlib

    def sign(shown: int) -> str:
        return hashlib.sha256(f"secret{shown}".encode()).hexdigest()

    server = Server(
        lambda shown, _: Request("GET", f"{BASE}/more?page={shown // SIZE + 1}&s={sign(shown)}"),
        html,
        lambda r: (int(query(r, "page")) - 1) * SIZE,
    )
    lesson = server.learn()
    assert lesson.rule is None
    assert "'s'" in lesson.why


def test_cards_without_any_request_give_no_rule() -> None:
    batches = [Batch(cards(SIZE, 2 * SIZE), []), Batch(cards(2 * SIZE, 3 * SIZE), [])]
    lesson = learn(SERVERS["page"].page, LIST, batches, SITE)
    assert lesson.rule is None
    assert "no answer holds the cards" in lesson.why


def test_other_requests_and_failed_ones_are_passed_over() -> None:
    server = SERVERS["offset"]
    noise = [
        Exchange(Request("POST", f"{BASE}/stat", JSON, '{"n": 1}'), Answer(200, "", b"{}")),
        Exchange(Request("GET", f"{BASE}/hot"), Answer(200, "text/html", card_html(40).encode())),
        Exchange(Request("GET", f"{BASE}/more?offset=10"), Answer(500, "text/html", b"oops")),
    ]
    batches = [Batch(b.cards, [*noise, *b.exchanges]) for b in server.batches(3)]
    lesson = learn(server.page, LIST, batches, SITE)
    assert lesson.rule is not None, lesson.why
    assert server.walk(lesson.rule) == ALL


def test_one_request_is_not_enough() -> None:
    lesson = SERVERS["page"].learn(1)
    assert lesson.rule is None
    assert "2 are needed" in lesson.why


def test_an_offset_stays_right_when_batches_differ_in_size() -> None:
    sizes = [5, 3, 6, 4]
    exchanges, start = [], SIZE
    for size in sizes:
        request = Request("GET", f"{BASE}/more?skip={start}")
        exchanges.append(
            Batch(
                cards(start, start + size),
                [Exchange(request, Answer(200, "", cards_html(start, start + size).encode()))],
            )
        )
        start += size
    lesson = learn(SERVERS["page"].page, LIST, exchanges, SITE)
    assert lesson.rule is not None
    assert lesson.go_on is not None
    assert query(lesson.go_on.request, "skip") == str(start)


def test_an_offset_skips_nothing_when_cards_stand_beside_the_list() -> None:
    """Most read cards were for the most part those of the list while its rule was learned."""
    lesson = SERVERS["offset"].learn()
    assert lesson.rule is not None
    page = read_page(Page(LIST, (cards_html(0, SIZE) + cards_html(30, 36)).encode()), SITE)
    step = first_request(lesson.rule, page, LIST, BASE, 1)
    assert step is not None
    assert SERVERS["offset"].place(step.request) == SIZE
    advert = read_page(Page(LIST, (cards_html(5, 10) + card_html(40)).encode()), SITE)
    step = next_request(lesson.rule, step.state, advert, LIST, BASE, 1)
    assert step is not None
    assert SERVERS["offset"].place(step.request) <= SIZE * 2


def test_answers_in_another_order_than_the_requests_give_the_same_rule() -> None:
    server = SERVERS["page"]
    second, third = (server.exchange(server.ask(SIZE * k, None)) for k in (1, 2))
    late = replace(second, asked=1)
    batches = [
        Batch(cards(10, 15), [replace(third, asked=2)]),
        Batch(cards(5, 10), [late]),
    ]
    lesson = learn(server.page, LIST, batches, SITE)
    assert lesson.rule is not None, lesson.why
    assert server.walk(lesson.rule) == ALL
    backwards = [Batch(cards(10, 15), [third]), Batch(cards(5, 10), [second])]
    lesson = learn(server.page, LIST, backwards, SITE)
    assert lesson.rule is None
    assert "follows from nothing seen" in lesson.why


def test_cards_that_no_answer_held_give_no_rule() -> None:
    """Over HTTP nobody would have them."""
    server = SERVERS["page"]
    batches = [Batch(cards(SIZE, SIZE * 2), []), *server.batches(3)[1:]]
    lesson = learn(server.page, LIST, batches, SITE)
    assert lesson.rule is None
    assert "neither the page nor an answer held" in lesson.why


def test_a_last_card_without_an_id_is_no_end() -> None:
    server = SERVERS["last time"]
    lesson = server.learn()
    assert lesson.rule is not None
    assert lesson.go_on is not None
    extra = '<div class="float_block"><a href="/en/post/an-advert">An advert</a></div>'
    assert lesson.rule.format.kind == "html"
    answer = read_page(Page(LIST, (cards_html(20, 25) + extra).encode()), SITE)
    step = next_request(lesson.rule, lesson.go_on.state, answer, LIST, BASE, 1)
    assert step is not None
    assert server.place(step.request) == 25
    alone = read_page(Page(LIST, extra.encode()), SITE)
    with pytest.raises(LostThread):
        next_request(lesson.rule, lesson.go_on.state, alone, LIST, BASE, 1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": "Too many requests"}', "Too many requests"),
        (b'{"error": null, "html": ""}', ""),
        (b"<html><head><title>Just a moment...</title></head><body></body></html>", "check"),
        (b"<p>No more news</p>", ""),
        (b"", ""),
    ],
)
def test_an_answer_that_tells_of_trouble(body: bytes, said: str) -> None:
    found = complaint(Answer(200, "", body), LIST, SITE)
    assert said in found
    assert bool(found) == bool(said)


_NOTICE = "<p>We use cookies. Read the cookie policy.</p><button>Accept cookies</button>"
_FRAME = f'<nav><a href="/en/category/world">World</a></nav>{_NOTICE}'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (_FRAME, ""),
        (f"<title>World | Caliber.Az</title>{_FRAME}<h2>We value your privacy</h2>", ""),
        (f"<title>Before you continue</title>{_FRAME}", "consent"),
        (_NOTICE, "consent"),
    ],
)
def test_a_notice_of_cookies_on_every_page_is_no_trouble(body: str, said: str) -> None:
    found = complaint(Answer(200, "text/html", f"<body>{body}</body>".encode()), LIST, SITE)
    assert said in found
    assert bool(found) == bool(said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"success": false, "items": [], "message": "Later"}', "success: False"),
        ('{"status": "error", "html": ""}', "status: error"),
        ('{"success": true, "status": "ok", "items": []}', ""),
        ('{"items": [], "next": null}', ""),
        ("[]", ""),
        ("", ""),
        ("<p>No more news</p>", ""),
        ("<html><body></body></html>", ""),
        ("<html><body><h1>Technical works</h1></body></html>", "Technical works"),
        ("<h1>Technical works</h1>", "Technical works"),
        (f"<html><body>{_FRAME}<h1>World</h1></body></html>", ""),
        (f"<html><body><h1>World</h1>{card_html(3)}</body></html>", ""),
    ],
)
def test_an_answer_that_may_be_a_failure_or_the_end(body: str, said: str) -> None:
    answer = Answer(200, "", body.encode())
    found = misgiving(answer, LIST, SITE)
    assert said in found
    assert bool(found) == bool(said)
    if said:
        assert not complaint(answer, LIST, SITE)


def test_json_that_lacks_the_place_of_the_cards_is_of_another_kind() -> None:
    fmt = Format("json_html", "data.html")
    for body, cards_or_none in (
        (b'{"data": {"html": null}}', 0),
        (b'{"data": {"html": ""}}', 0),
        (b'{"data": {}}', None),
        (b'{"status": "later"}', None),
    ):
        reading = read_answer(Answer(200, "", body), fmt, LIST, SITE)
        assert (None if reading is None else len(reading.cards)) == cards_or_none, body


def test_html_in_a_list_of_strings_is_found() -> None:
    body = json.dumps({"rows": [{"h": card_html(i)} for i in range(5, 9)], "n": 4})
    answer = Answer(200, "application/json", body.encode())
    fmt = find_format(answer, cards(5, 9), LIST, SITE)
    assert fmt is not None
    reading = read_answer(answer, fmt, LIST, SITE)
    assert reading is not None
    assert reading.cards == cards(5, 9)


_scalars = st.none() | st.booleans() | st.integers(-9999, 9999) | st.text("ab.é/&=?<", max_size=6)
_json = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(st.text("ab.c", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc.", min_size=1, max_size=3), _json, min_size=1, max_size=4))
def test_a_json_request_comes_together_again(value: dict[str, Any]) -> None:
    request = Request("POST", f"{BASE}/api", JSON, json.dumps(value))
    again = put_together(take_apart(request))
    assert again.method == "POST"
    assert again.url == request.url
    assert json.loads(again.body) == value


@given(
    st.dictionaries(st.text("abc[]", min_size=1, max_size=4), st.text("xyzé &=", max_size=5)),
    st.lists(st.text("abé", min_size=1, max_size=4), max_size=3),
)
def test_a_get_request_comes_together_again(query: dict[str, str], path: list[str]) -> None:
    from urllib.parse import quote, urlencode

    url = f"{BASE}/{'/'.join(map(quote, path))}"
    url += f"?{urlencode(query)}" if query else ""
    shape = take_apart(Request("GET", url))
    assert take_apart(put_together(shape)) == shape


@given(st.binary(max_size=200), st.sampled_from(["", "text/html", "application/json"]))
def test_no_answer_breaks_the_reader(body: bytes, kind: str) -> None:
    answer = Answer(200, kind, body)
    assert find_format(answer, cards(5, 9), LIST, SITE) is None
    lesson = learn(
        SERVERS["page"].page,
        LIST,
        [Batch(cards(5, 9), [Exchange(Request("GET", BASE), answer)])],
        SITE,
    )
    assert lesson.rule is None


def test_hostile_nesting_ends() -> None:
    body = b'{"a":' * 3000 + b"1" + b"}" * 3000
    assert find_format(Answer(200, "", body), cards(5, 9), LIST, SITE) is None


# --- when a walk is over


def test_a_list_that_repeats_its_last_batch_ends() -> None:
    walk = Walk()
    assert len(walk.take(cards(0, 5))) == 5
    for _ in range(2):
        assert walk.take(cards(0, 5)) == []
        assert walk.ended is None
    walk.take(cards(0, 5))
    assert walk.ended == "end"


def test_small_batches_that_repeat_a_few_cards_are_no_end() -> None:
    """Articles were posted meanwhile, and all that follows moved down."""
    walk = Walk()
    walk.take(cards(0, 12))
    for k in range(3):
        walk.take(cards(k, k + 1))
        assert walk.ended is None
    assert len(walk.take(cards(12, 13))) == 1
    for _ in range(2):
        walk.take([])
        assert walk.ended is None
    walk.take([])
    assert walk.ended == "end", "a batch without cards counts whole"


def test_cards_after_a_batch_without_any_show_a_gap() -> None:
    walk = Walk(stop_at_known=True)
    walk.take(cards(0, 5))
    walk.take([])
    walk.take(cards(0, 5))
    assert not walk.gap, "a list that ended may begin anew"
    walk = Walk(stop_at_known=True)
    walk.take(cards(0, 5))
    walk.take([])
    known = [card.url for card in cards(10, 15)]
    other = Walk(stop_at_known=True)
    other.go_on_from(walk.position, found=True)
    for one in (walk, other):
        one.take(cards(10, 15), known)
        assert (one.gap, one.ended) == (True, None)
    walk.restart()
    assert not walk.gap


def test_a_walk_made_again_tells_whether_it_came_to_the_same_end() -> None:
    walk = Walk()
    walk.take(cards(0, 5))
    walk.take(cards(5, 10))
    assert not walk.came_to_the_same_end
    walk.restart()
    walk.take(cards(0, 5))
    assert not walk.came_to_the_same_end
    walk.take(cards(5, 10))
    assert walk.came_to_the_same_end
    walk.take(cards(10, 12))
    assert not walk.came_to_the_same_end


def test_cards_of_other_editions_do_not_hide_where_the_known_begins() -> None:
    batch = cards(0, 10)
    others = {card.url for card in batch[7:]}
    known = [card.url for card in batch[:7]]
    walk = Walk(stop_at_known=True)
    walk.take(batch, known, lambda card: card.url not in others, others)
    assert walk.ended == "known"


def beside(start: int, stop: int) -> list[Card]:
    """Cards that stand in another place of a page, as of what is most read."""
    return [replace(card, block=1) for card in cards(start, stop)]


@pytest.mark.parametrize(
    ("page", "end"),
    [
        ([*cards(30, 42), *beside(0, 12)], None),
        ([*beside(0, 12), *cards(30, 42)], None),
        ([*cards(0, 12), *beside(12, 24)], "known"),
        ([*cards(30, 35), *cards(0, 7), *beside(12, 24)], "known"),
        ([*cards(0, 12), *beside(30, 32)], "known"),
        ([*cards(30, 42), *beside(0, 2)], None),
        ([*cards(0, 2), *beside(2, 4)], "known"),
    ],
)
def test_the_known_begins_in_each_place_with_cards(page: list[Card], end: str | None) -> None:
    walk = Walk(stop_at_known=True)
    walk.take(page, [card.url for card in cards(0, 24)])
    assert walk.ended == end


def test_a_limit_is_never_reported_as_the_end() -> None:
    walk = Walk(limit=7)
    assert len(walk.take(cards(0, 5))) == 5
    assert len(walk.take(cards(5, 10))) == 2
    assert walk.ended == "limit"
    walk.nothing_more()
    assert walk.ended == "limit"


def test_since_needs_a_whole_older_batch() -> None:
    since = datetime(2026, 6, 1, tzinfo=UTC)
    old, new = since - timedelta(hours=1), since + timedelta(hours=1)
    dated = [replace(card, published_at=old) for card in cards(0, 4)]
    walk = Walk(since=since)
    walk.take([*dated, replace(cards(4, 5)[0], published_at=new)])
    assert walk.ended is None
    walk.take([*[replace(card, published_at=old) for card in cards(5, 8)], cards(8, 9)[0]])
    assert walk.ended is None, "a time that is not understood tells nothing"
    walk.take([replace(card, published_at=old) for card in cards(9, 12)])
    assert walk.ended == "since"


def test_known_needs_half_a_batch_in_a_row_and_the_wish() -> None:
    known = [card.url for card in cards(0, 10)]
    walk = Walk(stop_at_known=True)
    walk.take([*cards(0, 4), cards(20, 21)[0]], known)
    assert walk.ended is None
    walk.take(cards(5, 10), known)
    assert walk.ended == "known"
    half = Walk(stop_at_known=True)
    half.take([*cards(20, 23), *cards(0, 2)], known)
    assert half.ended is None, "three cards at least"
    half.take([*cards(23, 26), *cards(2, 5)], known)
    assert half.ended == "known"
    other = Walk()
    other.take(cards(0, 5), known)
    assert other.ended is None


@pytest.mark.parametrize("why", ["known", "since"])
def test_cards_that_come_one_by_one_count_together(why: str) -> None:
    since = datetime(2026, 6, 1, tzinfo=UTC)
    new, old = since + timedelta(hours=1), since - timedelta(hours=1)
    page, (a, b, *rest) = cards(0, 5), [replace(c, published_at=old) for c in cards(5, 10)]
    known = [card.url for card in (a, b, *rest)]

    def fresh(walk: Walk) -> Walk:
        """As if another worker went on with it."""
        other = Walk(stop_at_known=walk.stop_at_known, since=walk.since)
        other.go_on_from(walk.position, found=walk.found_any)
        return other

    walk = Walk(stop_at_known=True) if why == "known" else Walk(since=since)
    walk.take([replace(card, published_at=new) for card in page], known)
    later = replace(cards(10, 11)[0], published_at=new)
    for batch in ([a], [b], [b], [later], [a, rest[0]], [rest[1]]):
        walk.take(batch, known)
        assert walk.ended is None, batch
    walk = fresh(walk)
    walk.take([rest[2]], known)
    assert walk.ended == why


@pytest.mark.parametrize("why", ["known", "since"])
def test_a_list_of_two_articles_is_left_when_nothing_is_new(why: str) -> None:
    since = datetime(2026, 6, 1, tzinfo=UTC)
    two = [replace(card, published_at=since - timedelta(hours=1)) for card in cards(0, 2)]
    walk = Walk(stop_at_known=True) if why == "known" else Walk(since=since)
    walk.take(two, [card.url for card in two])
    assert walk.ended == why


def test_a_walk_that_an_older_version_began_goes_on() -> None:
    walk = Walk(stop_at_known=True)
    walk.go_on_from([0, 3, 12, 1], found=True)
    walk.take(cards(0, 2), [card.url for card in cards(0, 2)])
    assert walk.ended is None
    walk.take(cards(2, 3), [card.url for card in cards(2, 3)])
    assert (walk.ended, walk.batches, walk.taken) == ("known", 5, 15)


def test_a_list_that_is_walked_again_from_its_top_goes_on_past_what_was_seen() -> None:
    walk = Walk(ceiling=8)
    for start in range(0, 30, SIZE):
        walk.take(cards(start, start + SIZE))
    walk.restart()
    again = [walk.take(cards(start, start + SIZE)) for start in range(0, 35, SIZE)]
    assert [len(batch) for batch in again] == [0] * 6 + [SIZE]
    assert (walk.ended, walk.taken, walk.batches) == (None, 35, 7)
    for _ in range(3):
        walk.take(cards(30, 35))
    assert walk.ended == "ceiling"


def test_a_ceiling_of_batches() -> None:
    walk = Walk(ceiling=2)
    walk.take(cards(0, 5))
    walk.take(cards(5, 10))
    assert walk.ended == "ceiling"


def test_a_walk_that_is_over_keeps_no_addresses() -> None:
    walk, shown = Walk(), [Card(f"{BASE}/en/post/{i}", "") for i in range(5_000)]
    tracemalloc.start()
    try:
        for start in range(0, len(shown), SIZE):
            walk.take(shown[start : start + SIZE])
        walk.nothing_more()
        during, _ = tracemalloc.get_traced_memory()
        walk.forget()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after < during / 10
    assert (walk.found_any, walk.taken, walk.ended) == (True, 5_000, "end")


WORLD: SectionRef = {"slug": "world", "name": "WORLD"}


def labelled(block: int, *slugs: str | None) -> list[Card]:
    """Cards of one place, by the sections that they name."""
    refs: list[SectionRef | None] = [
        {"slug": slug, "name": slug.upper()} if slug else None for slug in slugs
    ]
    return [
        Card(f"{BASE}/en/post/{block}-{i}", "", section=ref, block=block)
        for i, ref in enumerate(refs)
    ]


@pytest.mark.parametrize(
    ("others", "own"),
    [
        # A list has articles that are in two sections; what is most read may be the section's own.
        ([["economy", "world", "sport", "world"]], ["sport", "world", "sport", "world", "sport"]),
        ([["world", "sport", "world"]], ["world"] * 5 + ["sport"] * 6),
        ([["sport"] * 5, ["culture"] * 4], ["world", "world"]),
        # No card of the list names it: sections below it, say.
        ([["world", "sport", "economy", "sport"]], ["asia", "europe"] * 4),
        ([["world", "sport", "economy", "sport"]], [None] * 6),
    ],
)
def test_what_stands_beside_a_list(others: list[list[str]], own: list[str | None]) -> None:
    for first in (True, False):
        listed = labelled(0, *own)
        beside = [card for k, each in enumerate(others, 1) for card in labelled(k, *each)]
        shown = [*listed, *beside] if first else [*beside, *listed]
        assert not Places().strangers(shown, WORLD) & {card.url for card in listed}


def test_a_place_stays_what_it_was_while_a_list_grows() -> None:
    places = Places()
    first = [*labelled(0, "world", "sport", "world", "world"), *labelled(1, "sport", "world")]
    assert places.strangers(first, WORLD) == {first[4].url}
    beside, more = labelled(1, "sport", "sport"), labelled(0, "sport", "sport")
    assert places.strangers(beside, WORLD) == {card.url for card in beside}
    assert places.strangers(more, WORLD) == set()


def test_the_section_that_a_card_names() -> None:
    card = Card("u", "u")
    assert not names(card, WORLD)
    assert names(replace(card, section={"slug": "world", "name": "The world"}), WORLD)
    assert not names(replace(card, section={"slug": "worlds", "name": "WORLD"}), WORLD)
    assert names(replace(card, section={"slug": None, "name": "World"}), WORLD)
