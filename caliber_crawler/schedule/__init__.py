"""Crawls that start by the clock, each in a process of its own, and nobody need look on.

* When does a cron expression fire, clock changes included?   `cron`
* What does an entry of the file say?                          `entries`
* Is the file sound, and on which line is it not?              `reading`, `source`, `lines`,
                                                               `checks`
* Which run is due, late, missed?                              `plan`
* What is remembered over a restart?                           `state`, `keeping`, `store/schedule`
* How is a crawl started, watched, stopped?                    `launch`, `processes`, `leash`
* Who does it all, in which order?                             `scheduler`, `slots`, with `clock`
* And one run at once, without all that?                       `once`

`cron`, `entries`, `lines`, `reading` and `plan` are pure: the present instant is handed in.
"""
