"""What in a page is no part of its text, told by its tag or by the name that it gives itself."""

from __future__ import annotations

import re
from functools import lru_cache

from caliber_crawler.pages.html import Element, is_hidden

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
    r"comments?|float_block\w*+|signature|hits|breadcrumbs?|adv|reklam\w*+|adfox\w*+|"
    r"yandex_rtb|div-gpt-ad|sharedaddy|sd-sharing|ya-share\d?+|addtoany\w*+|addthis\w*+|a2a_kit|"
    r"sharethis\w*+|tags|tag-(?:list|links|cloud)|author-(?:box|bio|card|info))"
    r"(?:[-_][\w-]*+)?+(?=\s|$)"
    # Or by the end of a name, as "tg-banner"; a "hero-banner" holds headline and cover.
    r"|(?<![\w-])(?!(?:hero|page|cover|title|header)[-_])[\w-]{1,40}[-_](?:banner|ads?)(?=\s|$)",
    re.IGNORECASE,
)

_SHORT = 100  # letters of names that are kept in memory


def is_foreign(element: Element) -> bool:
    """Whether an element names itself a box that is no part of the text, or is not shown."""
    if not element.attrib:
        return False
    for name in ("class", "id"):
        said = element.get(name)
        if said is not None and (_says(said) if len(said) <= _SHORT else _FOREIGN.search(said)):
            return True
    return is_hidden(element)


# A page has few names, and the pages of a site have the same.
@lru_cache(maxsize=2_000)
def _says(names: str) -> bool:
    return _FOREIGN.search(names) is not None
