"""How a list that grows on scroll asks for more: seen in a browser, learned, repeated over HTTP.

Nobody has published how the site's lists ask, so the crawler finds out. `exchange` holds what a
browser saw, `answers` reads cards out of any kind of answer, `learn` infers a rule from a few
exchanges, `rule` says what the rule is and makes the next request from it, `walk` decides when a
walk is over. All of it is pure: no browser, no network, no clock.
"""
