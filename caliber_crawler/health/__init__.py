"""Whether what a crawl collected looks as usual: rules on counts, learned from past crawls.

Pure functions. Expectations come from past crawls of the same spider with the same arguments
(`rules.compare`); without any history only `rules.at_once` judges. A finding names section and
field, what was expected and what was seen, in one line for people.

Everything here would rather be late than cry wolf: docs/health.md says which choices follow.
"""

from caliber_crawler.health.figures import Figures, in_section, split
from caliber_crawler.health.findings import Finding
from caliber_crawler.health.rules import Expecting, at_once, compare

__all__ = ["Expecting", "Figures", "Finding", "at_once", "compare", "in_section", "split"]
