"""What in a page is no part of its text, told by its tag or by the name that it gives itself."""

from __future__ import annotations

import re

from caliber_crawler.pages.html import Element, attribute, is_hidden

# Not `embed`: the parser takes all that follows one for its inside.
DROPPED = frozenset(
    "script style template form button input select textarea nav svg canvas object applet "
    "audio map dialog title".split()
)
# Boxes that say by class or id that they are no part of the text. Matched against whole words of
# the attribute, so that a class such as "adsorption" is left alone.
_FOREIGN = re.compile(
    r"(?:^|\s)(?:(?:post|article|news|block|box|js)[-_])?"
    r"(?:related|read[-_]?(?:also|more|next)|more[-_]news|see[-_]also|newsletter|subscri(?:be|ption)|"
    r"share|sharing|social|advert\w*+|ads?|adsbygoogle|banner|promo|teasers?|recommend\w*+|"
    r"comments?|float_block\w*+|signature|hits|breadcrumbs?)(?:[-_][\w-]*+)?+(?=\s|$)",
    re.IGNORECASE,
)


def is_foreign(element: Element) -> bool:
    """Whether an element names itself a box that is no part of the text, or is not shown."""
    if not element.attrib:
        return False
    names = f"{attribute(element, 'class')} {attribute(element, 'id')}"
    if names != " " and _FOREIGN.search(names):
        return True
    return is_hidden(element)
