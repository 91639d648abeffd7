"""What keeps a crawl from working on this machine, and what to do about it (`scrapy doctor`).

findings     what a check says, and how it is run: with a deadline, and never with a traceback
machine      Python, packages, zone, terminal, disk
options      the settings
chromium     the browser: found, started, shown a page
database     MongoDB: the embedded server or one of the user's, and what is in the database
leftovers    crawls that were not finished, and locks of dead workers
network      the site's name, address and certificate
site         robots.txt, one page and the site's clock, asked for as a crawl asks
examination  which check comes when, and which cannot be made because of another
"""
