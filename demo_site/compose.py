"""Writing the body of one article: how long it is, and which blocks it has."""

import random
from dataclasses import dataclass

from demo_site.blocks import Body
from demo_site.words import Draw, Words


@dataclass(frozen=True)
class Composed:
    """A body, and the authors named under it; `byline` is its last paragraph or None."""

    body: Body
    authors: list[str]
    byline: str | None


def picture_path(rng: random.Random, size: str = "original") -> str:
    """Address of a picture that no other article has; size is `original` or `normal`."""
    return f"/media/photos/{size}/{rng.getrandbits(128):032x}.webp"


def compose(
    rng: random.Random, words: Words, section: int, related: tuple[str, str], must_have_text: bool
) -> Composed:
    """The body of an article of the section with this number.

    related: address and headline of another article, to which the text may link.
    must_have_text: no video article, whose text may be empty.
    """
    draw = Draw(rng, words, section)
    body = Body(rng)
    roll = rng.random()
    if roll < 0.02 and not must_have_text:
        return _video_article(rng, draw, words, body)
    sentences = _sentences(rng, draw, words, _sentence_count(rng, roll))
    _fill(rng, draw, words, body, sentences, related)
    authors: list[str] = []
    byline = None
    if rng.random() < 0.45:
        authors = _authors(rng, draw)
        byline = words.byline.format(words.joiner.join(authors))
    return Composed(body, authors, byline)


def _video_article(rng: random.Random, draw: Draw, words: Words, body: Body) -> Composed:
    body.frame("youtube", _youtube(rng))
    if rng.random() < 0.6:
        body.text(draw(rng.choice(words.one_liners)))
    return Composed(body, [], None)


def _sentence_count(rng: random.Random, roll: float) -> int:
    """Sentences of an article: 1 to 40, mostly about seven, which makes some hundred words."""
    if roll < 0.06:
        return 1
    if roll < 0.11:
        return 2
    return min(40, max(3, round(rng.lognormvariate(2.0, 0.6))))


def _sentences(rng: random.Random, draw: Draw, words: Words, count: int) -> list[str]:
    templates = list(words.sentences)
    rng.shuffle(templates)
    return [draw(templates[i % len(templates)]) for i in range(count)]


def _authors(rng: random.Random, draw: Draw) -> list[str]:
    first = draw.person()
    if rng.random() < 0.85:
        return [first]
    second = draw.person()
    return [first] if second == first else [first, second]


def _fill(
    rng: random.Random,
    draw: Draw,
    words: Words,
    body: Body,
    sentences: list[str],
    related: tuple[str, str],
) -> None:
    """Put the sentences into blocks, and between them what else articles carry."""
    long = len(sentences) > 5
    while sentences:
        size = min(len(sentences), rng.choice((1, 1, 2, 2, 3)))
        _text_block(rng, body, sentences[:size])
        del sentences[:size]
        if sentences and rng.random() < (0.3 if long else 0.15):
            _extra_block(rng, draw, words, body, related)
    if rng.random() < 0.1:
        _embed(rng, draw, words, body)
    if rng.random() < 0.06:
        body.link(draw(words.link_sentence), *related)


def _text_block(rng: random.Random, body: Body, sentences: list[str]) -> None:
    text = " ".join(sentences)
    roll = rng.random()
    if roll < 0.82:
        body.text(text)
    elif roll < 0.87:
        body.emphasis(text)
    elif roll < 0.91:
        body.text(text, "<div>", "</div>")
    elif roll < 0.94:
        body.text(text, '<p style="text-align: justify;"><span lang="EN-US">', "</span></p>")
    elif roll < 0.97:
        body.lines(sentences)
    else:
        body.pasted_turn(sentences)


def _extra_block(
    rng: random.Random, draw: Draw, words: Words, body: Body, related: tuple[str, str]
) -> None:
    roll = rng.random()
    if roll < 0.25:
        body.quote([draw(rng.choice(words.quotes))])
    elif roll < 0.38:
        body.text(draw(rng.choice(words.headings)), "<h3>", "</h3>")
    elif roll < 0.48:
        body.bullets([draw(rng.choice(words.captions)) for _ in range(rng.randrange(2, 5))])
    elif roll < 0.53:
        body.table([draw(row).split("|") for row in words.table_rows])
    elif roll < 0.78:
        caption = draw(rng.choice(words.captions)) if rng.random() < 0.7 else None
        path = (
            picture_path(rng)
            if rng.random() < 0.9
            else f"https://pictures.example.org/{rng.getrandbits(48):x}.jpg"
        )
        body.picture(path, caption, lazy=rng.random() < 0.4, zoom=rng.random() < 0.3)
    elif roll < 0.88:
        _embed(rng, draw, words, body)
    elif roll < 0.96:
        body.link(draw(words.link_sentence), *related)
    else:
        number = rng.getrandbits(20)
        target = f"https://reports.example.org/view?id={number}&lang=en"
        body.link(draw(words.link_sentence), target, f"reports.example.org/{number}")


def _embed(rng: random.Random, draw: Draw, words: Words, body: Body) -> None:
    number = rng.randrange(100, 9_999)
    kind = rng.randrange(8)
    if kind < 3:
        body.frame("youtube", _youtube(rng))
    elif kind == 3:
        body.frame("telegram", f"https://t.me/demo_channel/{number}?embed=1")
    elif kind == 4:
        text = draw(rng.choice(words.sentences))
        body.tweet(text, f"https://x.com/demo_desk/status/{rng.getrandbits(60)}")
    elif kind == 5:
        body.instagram(f"https://www.instagram.com/p/{_token(rng)}/")
    elif kind == 6:
        post = f"https%3A%2F%2Fwww.facebook.com%2Fdemo%2Fposts%2F{number}"
        body.frame("facebook", f"https://www.facebook.com/plugins/post.php?href={post}&width=500")
    elif number % 2:
        body.frame("iframe", f"https://maps.example.org/embed?place={number}&zoom=12")
    else:
        body.video(f"/media/video/{rng.getrandbits(64):016x}.mp4")


def _youtube(rng: random.Random) -> str:
    return f"https://www.youtube.com/embed/{_token(rng)}"


def _token(rng: random.Random) -> str:
    return "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_", k=11))
