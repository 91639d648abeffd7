"""Layout ``post-2025``: root ``.post`` with the parts named below."""

from __future__ import annotations

from caliber_crawler.pages.html import Element, Page, words
from caliber_crawler.pages.parts import Layout, Parts, time_texts
from caliber_crawler.site import Site

ROOT = "post"
SECTION = ("post_categoty", "post_category")  # the site spells it the first way
TITLE = "post_title"
TIME = "post_time"
COVER = "post_cover"
BODY = "post_body"
VIEWS = "post_hits"

_NAMES = frozenset({*SECTION, TITLE, TIME, COVER, BODY, VIEWS})


def find(page: Page, site: Site) -> Parts | None:
    """The first element of each part within the root; the root is the first that holds any."""
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
        # Each element of the page is passed once, however many frames there are.
        for element in root.iterdescendants("*"):
            if element in frames:
                nested.add(element)
            for name in names.get(element, ()):
                found.setdefault(name, element)
        if TITLE in found or BODY in found:
            return Parts(
                title=words(found.get(TITLE)),
                times=time_texts(found[TIME]) if TIME in found else [],
                section=next((found[name] for name in SECTION if name in found), None),
                cover=found.get(COVER),
                body=found.get(BODY),
                views=words(found.get(VIEWS)),
                has_frame=True,
            )
    return Parts(has_frame=True) if roots else None


LAYOUT = Layout("post-2025", find)
