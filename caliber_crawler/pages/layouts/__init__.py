"""The layouts of article pages that are known, the newest first.

When the site changes, a new dated file beside the old ones takes the first place here; old pages
(in archives, or served during the change) are still read by the old ones.
"""

from __future__ import annotations

from caliber_crawler.pages.layouts import post_2025
from caliber_crawler.pages.parts import Layout

LAYOUTS: tuple[Layout, ...] = (post_2025.LAYOUT,)
