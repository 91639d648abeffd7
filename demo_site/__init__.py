"""A stand-in for the news site that the crawler reads: same addresses, same markup, invented news.

Tests, the demo and the benchmarks crawl it, on loopback only. Everything it serves follows from a
`SiteConfig`: two sites of the same configuration serve the same bytes, but for view counts.

    with serve(SiteConfig(articles=60, seed=7)) as site:
        site.url                                 # "http://127.0.0.1:PORT"
        truth = site.first_list("en", "world")[0]
        site.knobs.edited[truth.slug] = Edit(title="Another headline")
        site.truth("en", truth.slug)             # what a correct crawler records now
        site.log                                 # requests so far

Which file answers which question:

    config     what a site is built from            knobs      what tests change while it runs
    words*     vocabulary of each language          catalogue  the world as the knobs leave it
    editions   addresses, labels, printed times     cards      the cards of lists
    plan       which story is in which list         lists      how lists ask for more
    slugs      headline and index to slug and back  scripts    the JavaScript that asks
    blocks     HTML and truth of a body, in step    more       what it is answered
    compose    what a body consists of              render     HTML of whole pages
    world      every article, computed on demand    site       routes: request to answer
    pictures   bytes of the one picture there is    server     sockets, threads, processes
    messages   requests and answers                 __main__   `python -m demo_site`
"""

from demo_site.config import SiteConfig
from demo_site.knobs import Charset, Cut, Edit, Knobs
from demo_site.server import Hit, ServedSite, serve, serve_process
from demo_site.world import Truth, World

__all__ = [
    "Charset",
    "Cut",
    "Edit",
    "Hit",
    "Knobs",
    "ServedSite",
    "SiteConfig",
    "Truth",
    "World",
    "serve",
    "serve_process",
]
