"""caliber-crawler: the map.

Which file answers which question, in the order in which data flow:

* What does a record look like, and an address?         `items`, `site`
* How is a page read?                                   `pages/` (`html`, `section`, `article`,
  `layouts/`, `fallback`, `blocks`, `kinds`, `body`, `media`, `embeds`, `metadata`), with `text`,
  `dates`, `people` and `offices`
* What happens to a record before it is stored?         `records`, `dedupe`
* Is it another version of a stored one, or nearly?     `identity`, `similarity`, with `fates`
* When is it to be visited again?                       `revisit`
* Where and how is it stored?                           `store/`
* How does it become a file, and never half of one?     `export/`, `feeds`, `files`
* What does the page with charts look like?            `report/`, with `store/report`
* Which browser is started, and when?                   `browser/`, `browsing`, `opening`,
  `handlers`
* Where may requests go, and whom is trusted?           `reach`, `connections`, `browser/ways`,
  `browser/guard`, with `middlewares`
* How does a list that grows on scroll ask for more?    `listing/`, with `browser/`
* How far was it walked, and what was left out?         `store/walks`
* What is too much of a page or an answer?              `limits`, `bounds`, `heads`
* Which pages are asked for?                            `spiders/`, `requests`
* Which of them next, by which worker, and how fast?    `scheduler`, `ready`, `pump`, `outcomes`,
  `middlewares`, `robots`, `cookies`, `politeness`, `workers`, with `store/frontier`,
  `store/limiter`, `store/locks`
* How do Scrapy's parts hang together?                  `settings`, `config`, `scrapy_settings`,
  `addon`, `responses`, `pipelines`, `extensions`, `exporters`, `logs`, `contracts`, `commands/`,
  `debugging`, `interrupts`, `store_command`, `fixtures`
* What is counted, and when is a crawl healthy?         `counters`, `health/`, `checkup`, `verdict`,
  `alerts`
* How is it shown, while it runs and after?             `tally`, `watch`, `screen`, `progress`,
  `crawl_texts`, `metrics`, `prometheus`, with `store/overview`
* Which crawl starts by the clock, and what if it hangs?  `schedule/`, with `store/schedule`
* What is wrong on this machine, and what helps?       `doctor/`, with `store/condition`
* Where are passwords hidden, and what may be printed?  `secrecy`, `secret_settings`, `saying`,
  `stdio`
* What can go wrong?                                    `errors`

A module imports only from modules above it in docs/architecture.md; tests/test_layers.py checks it.
"""

__version__ = "0.1.0"
