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
    seen: set[Element] = set()
    for root in roots:
        nested = any(outer in seen for outer in root.iterancestors())
        seen.add(root)
        if nested:  # was looked through with the outer one
            continue
        found: dict[str, Element] = {}
        for name in _NAMES:
            inside = (e for e in classes.get(name, ()) if root in e.iterancestors())
            if (element := next(inside, None)) is not None:
                found[name] = element
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
