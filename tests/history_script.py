"""What editors do between the crawls of the history: the kinds of events, and when."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from demo_site import Post
from demo_site.knobs import RemovedAs
from demo_site.world import NEWEST
from tests.history_texts import Newsroom, Text, count, rates, reworded, slug_of, weather
from tests.history_truth import Link, Story

if TYPE_CHECKING:
    from tests.history import History

_LAST = 20
_SECTIONS = ("politics", "world", "economy", "society", "culture", "sport", "technology", "opinion")
_ECONOMY, _SOCIETY = ("economy",), ("society", "world")


@dataclass(frozen=True)
class Rename:
    """A new address for a story of so many words.

    old: what the old address answers. title: whether the headline is edited; another: whether it
    may become another one altogether. share: of words that are changed. grows: how many times as
    long the text becomes; above: update paragraphs are put on top of it, too. moved: the date
    moves, by minutes to hours.
    """

    kind: str
    words: tuple[int, int] = (40, 400)
    old: str = "404"
    title: bool = True
    another: bool = True
    share: float = 0.0
    grows: float = 0.0
    above: bool = False
    moved: bool = False


_RENAMES = (
    *(Rename("renamed, text the same", moved=moved) for moved in (False, True, True, False)),
    *(Rename("renamed, text a little changed", share=s) for s in (0.01, 0.03, 0.05)),
    *(Rename("renamed and moved, text a little changed", share=s, moved=True) for s in (0.02,) * 3),
    *(Rename("renamed, text grown", (25, 60), grows=times) for times in (3, 6, 12, 25)),
    *(Rename("renamed and moved, text grown under updates", (25, 60), grows=times, above=True,
             moved=True) for times in (3, 8, 15)),
    *(Rename("renamed with 301", old="301", share=share) for share in (0.0, 0.0, 0.04)),
    *(Rename("renamed with 301 and no change", old="301", title=False),) * 3,
    # A text that is not longer and stands under both addresses was posted again: see repetitions.
    *(Rename("renamed and grown, old text stays", (25, 60), old="text", grows=times, another=False)
      for times in (3, 4, 6)),
)  # fmt: skip


class Script:
    """`events`: number of a crawl to what happens before it, each with its kind."""

    def __init__(self, history: History, seed: int) -> None:
        self.events: dict[int, list[tuple[str, Callable[[], object]]]] = {}
        self._history = history
        self._chance = random.Random(seed)
        self._news = Newsroom(seed + 1_000)
        self._free = [*history.stories.values()]
        self._chance.shuffle(self._free)
        self._posts = 0
        for arc in (
            self._renames, self._lives_of_renamed, self._edits, self._moved_dates, self._counters,
            self._removals, self._repetitions, self._near_repetitions, self._recurring,
            self._follow_ups,
        ):  # fmt: skip
            arc()

    # Arcs

    def _renames(self) -> None:
        for rename in _RENAMES:
            story = self._take(*rename.words)
            self._at(self._odd(3, 17), rename.kind, self._rename, story, rename)

    def _lives_of_renamed(self) -> None:
        plain = Rename("renamed")
        for i in range(3):
            story = self._take(40, 400)
            self._at(3 + 2 * i, "renamed once", self._rename, story, plain)
            self._at(9 + 2 * i, "renamed once more", self._rename, story, plain)
        for _ in range(3):
            story = self._take(40, 400)
            self._at(self._odd(3, 9), "renamed, later edited", self._rename, story, plain)
            self._at(self._any(10, 18), "edited after it was renamed", self._append, story)
        for _ in range(3):
            story = self._take(40, 400)
            self._at(self._odd(3, 9), "renamed, later removed", self._rename, story, plain)
            self._at(self._any(10, 15), "removed after it was renamed", self._remove, story, "404")

    def _edits(self) -> None:
        for kind, edit in (
            ("paragraph changed", self._reword_paragraph),
            ("paragraph appended", self._append),
            ("paragraph put in front", self._put_in_front),
            ("headline edited", self._retitle),
            ("edited and date moved", self._edit_and_move),
        ):
            for _ in range(4):
                self._at(self._any(2, 20), kind, edit, self._take(40, 400))
        for _ in range(3):
            story = self._take(40, 400)
            self._at(self._any(2, 9), "edited once", self._retitle, story)
            self._at(self._any(10, 20), "edited twice", self._reword_paragraph, story)

    def _moved_dates(self) -> None:
        for _ in range(4):
            self._at(self._any(2, 20), "date moved", self._move, self._take())
        for back in (False, False, True):
            story = self._take()
            self._at(self._any(2, 9), "date moved once", self._move, story)
            kind = "date moved again"
            self._at(self._any(10, 20), kind, self._move_back if back else self._move, story)

    def _counters(self) -> None:
        for _ in range(3):
            story, number = self._take(), self._any(2, 19)
            hide = self._history.site.knobs.hide
            self._at(number, "counter hidden", hide.__setitem__, story.slug, {"views"})
            self._at(number + 1, "counter shown", hide.__delitem__, story.slug)

    def _removals(self) -> None:
        ways: tuple[RemovedAs, ...] = ("404", "410", "page", "home")
        for how in ways * 3:
            self._at(self._any(2, 16), f"removed: {how}", self._remove, self._take(), how)
        for how in ways:
            story, number = self._take(), self._odd(2, 17) + 1
            self._at(number, "removed for one crawl", self._remove, story, how)
            self._at(number + 1, "back before it was gone", self._bring_back, story)
            self._at(_LAST, "removed last", self._remove, self._take(), how)
            story, number = self._take(), self._odd(3, 11)
            self._at(number, "removed for two crawls", self._remove, story, how)
            self._at(number + 4, "back after it was gone", self._bring_back, story)
            story, number = self._take(40, 400), self._odd(3, 11)
            self._at(number, "removed, later back edited", self._remove, story, how)
            self._at(number + 4, "back with another text", self._bring_back_edited, story)

    def _repetitions(self) -> None:
        for number in (1, 5, 11):
            title, text = self._news.headline(), self._news.text(self._chance.choice((30, 90)))
            copies = []
            for _ in range(3):
                copies.append(self._post(number, "posted three times", title, text))
                copies[-1].group, copies[-1].link = copies[0].made, "duplicate_of"
            self._at(number + 2, "surplus copy removed", self._remove, copies[-1], "404")

    def _near_repetitions(self) -> None:
        for later in (0, 2):
            for share in (0.02, 0.035, 0.05):
                number = self._odd(3, 15)
                title, text = self._news.headline(), self._news.text(80)
                story = self._post(number, "posted, then nearly repeated", title, text)
                again = self._post(
                    number + later,
                    "nearly repeated at once" if not later else "nearly repeated later",
                    self._chance.choice((title, f"{title} VIDEO", f"Once more: {title}")),
                    reworded(text, share, self._chance),
                    when=_time(number) + timedelta(minutes=25),
                )
                for one in (story, again):
                    self._link(one, story.made, "near_duplicate_of")

    def _recurring(self) -> None:
        posted: list[Story] = []
        for day in range(6):
            number, when = 1 + 2 * day, NEWEST + timedelta(days=day, minutes=day)
            self._post(number, "rates of the day", "Manat rate announced",
                       rates(when, self._chance), when=when, sections=_ECONOMY)  # fmt: skip
            self._post(number, "weather of the day", "Weather for tomorrow",
                       weather(when, self._chance), when=when, sections=_SOCIETY)  # fmt: skip
            if day < 5:
                posted.append(
                    self._post(number, "headline recurs", "Oil price falls",
                               self._news.text(60), when=when, sections=_ECONOMY)
                )  # fmt: skip
            if 1 < day < 5:
                old = posted[day - 2]
                self._at(number, "headline recurs as an old one goes", self._remove, old, "404")

    def _follow_ups(self) -> None:
        for number in (3, 7, 13):
            text = self._news.text(150)
            self._post(number, "posted, then quoted", self._news.headline(), text)
            background = [p for p in text if 2 * count((p,)) <= 0.5 * count(text)][:2]
            self._post(number + 2, "quoted as background", self._news.headline(),
                       (*self._news.text(70), *background))  # fmt: skip

    # Events

    def _rename(self, story: Story, rename: Rename) -> None:
        history = self._history
        text = history.paragraphs(story)
        changes: dict[str, Any] = {}
        if rename.share:
            changes |= _instead(reworded(text, rename.share, self._chance))
        if rename.grows:
            more = int((rename.grows - 1) * count(text)) + 1
            on_top = self._news.text(more // 4) if rename.above else ()
            changes["before"] = on_top
            changes["paragraphs"] = self._news.text(more - count(on_top))
        if rename.moved:
            changes["published"] = self._moved(story)
        title = self._news.headline() if rename.title else None
        # As often an edited headline as another one.
        if title and (not rename.another or self._chance.random() < 0.5):
            title = (
                f"{history.now(story).title}: {self._chance.choice(('details', 'what is known'))}"
            )
        history.rename(story, title, rename.old, **changes)

    def _reword_paragraph(self, story: Story) -> None:
        text = [*self._history.paragraphs(story)]
        place = self._chance.randrange(len(text))
        text[place] = reworded((text[place],), 0.3, self._chance)[0]
        self._history.change(story, **_instead(tuple(text)))

    def _append(self, story: Story) -> None:
        self._history.change(story, paragraphs=(*story.edit.paragraphs, *self._news.text(12)))

    def _put_in_front(self, story: Story) -> None:
        self._history.change(story, before=self._news.text(12))

    def _retitle(self, story: Story) -> None:
        self._history.change(story, title=self._news.headline())

    def _edit_and_move(self, story: Story) -> None:
        self._append(story)
        self._move(story)

    def _move(self, story: Story) -> None:
        self._history.change(story, published=self._moved(story))

    def _move_back(self, story: Story) -> None:
        self._history.change(story, published=story.first)

    def _moved(self, story: Story) -> datetime:
        minutes = self._chance.choice((-180, -25, 7, 45, 130, 400))
        return self._history.now(story).printed + timedelta(minutes=minutes)

    def _remove(self, story: Story, how: RemovedAs) -> None:
        self._history.remove(story, how)

    def _bring_back(self, story: Story) -> None:
        self._history.bring_back(story)

    def _bring_back_edited(self, story: Story) -> None:
        self._history.bring_back(story)
        self._append(story)

    # Making the script

    def _at(self, number: int, kind: str, event: Callable[..., object], *arguments: Any) -> None:
        self.events.setdefault(number, []).append((kind, lambda: event(*arguments)))

    def _post(
        self,
        number: int,
        kind: str,
        title: str,
        text: Text,
        when: datetime | None = None,
        sections: tuple[str, ...] = (),
    ) -> Story:
        self._posts += 1
        story = Story(slug_of(title, f"p{self._posts}"))
        sections = sections or tuple(self._chance.sample(_SECTIONS, self._chance.choice((1, 2))))
        post = Post(title, text, when or _time(number), sections)
        self._at(number, kind, self._history.post, story, post)
        return story

    def _link(self, story: Story, group: str, link: Link) -> None:
        story.group, story.link = group, link

    def _take(self, least: int = 0, most: int = 1_000) -> Story:
        """A story of the site's world with so many words, to which nothing else happens."""
        world = self._history.site.world
        for story in self._free:
            truth = world.find("en", story.made)
            if truth is not None and least <= count(truth.paragraphs) <= most:
                self._free.remove(story)
                return story
        raise AssertionError(f"no story of {least} to {most} words is left")

    def _any(self, first: int, last: int) -> int:
        return self._chance.randrange(first, last + 1)

    def _odd(self, first: int, last: int) -> int:
        return self._chance.randrange(first // 2 * 2 + 1, last + 1, 2)


def _instead(text: Text) -> dict[str, Text]:
    """Changes that put another text in place of all that an article shows now."""
    return {"text": text, "before": (), "paragraphs": ()}


def _time(number: int) -> datetime:
    """When something is posted before a crawl."""
    return NEWEST + timedelta(hours=12 * number, minutes=number)
