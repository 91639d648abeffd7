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
    editions   addresses, labels, printed times     lineup     a list without and with some articles
    plan       which story is in which list         cards      the cards of lists
    slugs      headline and index to slug and back  lists      how lists ask for more
    blocks     HTML and truth of a body, in step    scripts    the JavaScript that asks
    compose    what a body consists of              more       what it is answered
    world      every article, computed on demand    render     HTML of whole pages
    posted     articles posted meanwhile            site       routes: request to answer
    edits      pages after an editor's change       server     sockets, threads, processes
    validators ETag, Last-Modified, 304             messages   requests and answers
    pictures   bytes of the one picture there is    __main__   `python -m demo_site`
"""

from demo_site.config import SiteConfig
from demo_site.knobs import Charset, Cut, Edit, Knobs, Post
from demo_site.server import Hit, ServedSite, serve, serve_process
from demo_site.world import Truth, World

__all__ = [
    "Charset",
    "Cut",
    "Edit",
    "Hit",
    "Knobs",
    "Post",
    "ServedSite",
    "SiteConfig",
    "Truth",
    "World",
    "serve",
    "serve_process",
]
