"""Layout ``post-2025``: root ``.post`` with the parts named below."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from lxml import etree

from caliber_crawler.pages.foreign import DROPPED, is_foreign
from caliber_crawler.pages.html import Element, Page, attribute, words
from caliber_crawler.pages.parts import Layout, Parts
from caliber_crawler.pages.section import CARD
from caliber_crawler.pages.times import is_small, time_texts
from caliber_crawler.site import Site

ROOT = "post"
SECTION = ("post_categoty", "post_category")  # the site spells it the first way
TITLE = "post_title"
TIME = "post_time"
COVER = "post_cover"
BODY = "post_body"
VIEWS = "post_hits"
SIGNATURE = "post_signature"

_PART = "post_"  # how the names of the frame's parts begin
_MOST_ENDS = 100  # signatures and counters of one page that are looked at
_NEAR = 100  # elements behind the text among which its counter is
_MOST_BESIDE = 200  # elements of a frame outside its text that are looked at
_NO_BYLINES = (*SECTION, TITLE, COVER, BODY, VIEWS)
_NAMES = frozenset({*SECTION, TITLE, TIME, COVER, BODY, VIEWS})


def find(page: Page, site: Site) -> Parts | None:
    """The first element of each part within the root; the root is the first that holds any.

    One in the body, where editors paste from the site's own pages, counts only where there is no
    other.
    """
    classes = page.classes(ROOT)
    roots = classes.get(ROOT, [])
    names: dict[Element, list[str]] = {}
    for name in _NAMES:
        for element in classes.get(name, ()):
            names.setdefault(element, []).append(name)
    frames = set(roots)
    nested: set[Element] = set()  # frames that were looked through with an outer one
    for root in roots:
        if root in nested:
            continue
        found: dict[str, Element] = {}
        pasted: dict[str, Element] = {}
        left = 0  # elements of the body that are still to come
        # Each element of the page is passed once, however many frames there are.
        for element in root.iterdescendants("*"):
            if element in frames:
                nested.add(element)
            for name in names.get(element, ()):
                (pasted if left else found).setdefault(name, element)
            left = max(0, left - 1)
            if found.get(BODY) is element:
                left = sum(1 for _ in element.iterdescendants("*"))
        if TITLE in found or BODY in found:
            body, views = found.get(BODY), found.get(VIEWS)
            rest: list[Element | str] = []
            if body is not None:
                rest, end = _behind(body, root, classes)
                if views is None and end is not None:
                    views = _counter(end)
            time = _first((TIME,), found, pasted)
            # A counter outside the body says that the frame is whole: then it has no cover.
            cover = _first((COVER,), found, {} if VIEWS in found else pasted)
            return Parts(
                title=words(_first((TITLE,), found, pasted)),
                times=time_texts(time) if time is not None else [],
                section=_first(SECTION, found, pasted),
                cover=cover,
                body=body,
                rest=rest,
                views=words(views if views is not None else pasted.get(VIEWS)),
                beside=_beside(root, {found[n] for n in _NO_BYLINES if n in found}, frames),
                has_frame=True,
            )
    return Parts(has_frame=True) if roots else None


def _first(names: Sequence[str], *places: Mapping[str, Element]) -> Element | None:
    return next((place[name] for place in places for name in names if name in place), None)


def _beside(
    root: Element, without: Collection[Element], frames: Collection[Element]
) -> Iterator[str]:
    """The short texts of a frame outside some of its parts, in order, up to the first card."""
    walk = etree.iterwalk(root, events=("start",))
    for _, element in islice(walk, 1, _MOST_BESIDE):
        names = element.get("class") or ""
        if CARD in names or element in frames:
            return
        foreign = SIGNATURE not in names and is_foreign(element)
        if element in without or element.tag in DROPPED or foreign:
            walk.skip_subtree()
        elif is_small(element) and (shown := words(element)) and " " in shown:
            yield shown


def _behind(
    body: Element, root: Element, classes: Mapping[str, Sequence[Element]]
) -> tuple[list[Element | str], Element | None]:
    """What stands between the body and the signature or the counter, and the element of those.

    In a whole frame there is nothing. A stray ``</div>`` among what an editor pasted ends the body
    early, and the frame, too; what follows up to that mark is the article's all the same. Without
    such a mark nobody knows where the text ends, so nothing is taken.
    """
    frames = set(classes[ROOT])
    ends: set[Element] = set()  # the marks and all that they stand in
    for name in (SIGNATURE, VIEWS):
        for mark in islice(classes.get(name, ()), _MOST_ENDS):
            around = [mark, *mark.iterancestors()]
            if next((box for box in around if box in frames), root) is root:  # no other article's
                ends.update(around)
    found: list[Element | str] = []
    at: Element | None = body
    while at is not None:
        if at.tail and not at.tail.isspace():
            found.append(at.tail)
        following = at.getnext()
        if following is None:
            at = at.getparent()
            continue
        at = following
        if at in ends:
            return found, at
        names = attribute(at, "class").split()
        if at in frames or CARD in names:
            break
        if BODY in names or not any(name.startswith(_PART) for name in names):
            found.append(at)
    return [], None


def _counter(end: Element) -> Element | None:
    """The counter of views in or soon behind an element."""
    near = (e for box in (end, *islice(end.itersiblings(), _NEAR)) for e in box.iter("*"))
    return next((e for e in islice(near, _NEAR) if VIEWS in attribute(e, "class").split()), None)


LAYOUT = Layout("post-2025", find)
