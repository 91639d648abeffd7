"""Building the body of an article: its HTML and, block by block, what a reader sees in it."""

import html
import random
from dataclasses import dataclass, field

ZOOM = "/templates/Default/api/zoom.png"
_BLANK = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

_INVISIBLE = ("\xad", "\u200b", "\ufeff")


@dataclass
class Body:
    """A body under construction. Each method adds one block to `html` and to what is true of it."""

    rng: random.Random
    html: list[str] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)
    images: list[tuple[str, str, str | None]] = field(default_factory=list)
    embeds: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)

    def text(self, text: str, before: str = "<p>", after: str = "</p>") -> None:
        """One block of running text between two pieces of markup."""
        self.paragraphs.append(text)
        self.html.append(f"{before}{noisy(self.rng, text)}{after}")

    def lines(self, lines: list[str]) -> None:
        """One paragraph broken by single `<br>`s."""
        self.paragraphs.append("\n".join(lines))
        broken = "<br>".join(noisy(self.rng, line) for line in lines)
        self.html.append(f"<p>{broken}</p>")

    def emphasis(self, text: str) -> None:
        """A paragraph whose first word is bold and whose last one is set in a pasted span."""
        first, *between, last = text.split(" ")
        self.paragraphs.append(text)
        self.html.append(
            f"<p><strong>{html.escape(first)}</strong> {noisy(self.rng, ' '.join(between))} "
            f'<span style="font-size:14px;color:rgb(33,37,41)">{html.escape(last)}</span></p>'
        )

    def quote(self, paragraphs: list[str]) -> None:
        self.paragraphs += paragraphs
        inner = "".join(f"<p>{noisy(self.rng, text)}</p>" for text in paragraphs)
        self.html.append(f"<blockquote>{inner}</blockquote>")

    def bullets(self, items: list[str]) -> None:
        self.paragraphs += items
        inner = "".join(f"<li>{noisy(self.rng, item)}</li>" for item in items)
        self.html.append(f"<ul>{inner}</ul>")

    def table(self, rows: list[list[str]]) -> None:
        self.paragraphs += [" ".join(cells) for cells in rows]
        inner = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
            for cells in rows
        )
        self.html.append(f'<table border="1"><tbody>{inner}</tbody></table>')

    def pasted_turn(self, paragraphs: list[str]) -> None:
        """Paragraphs that came out of a chat tool, wrappers and all."""
        self.paragraphs += paragraphs
        turn = self.rng.randrange(2, 12)
        inner = "".join(
            f'<p data-start="{60 * i}" data-end="{60 * i + 59}">{noisy(self.rng, text)}</p>'
            for i, text in enumerate(paragraphs)
        )
        self.html.append(
            f'<div class="flex-col" data-testid="conversation-turn-{turn}" style="--w:48rem">'
            f'<article dir="auto" data-testid="conversation-turn-{turn}" data-scroll-anchor="true">'
            f'<div class="markdown prose w-full">{inner}</div></article></div>'
        )

    def link(self, before: str, target: str, label: str, after: str = ".") -> None:
        """A paragraph that ends with a link."""
        self.paragraphs.append(f"{before}{label}{after}")
        self.links.append((target, label))
        self.html.append(
            f'<p>{html.escape(before)}<a href="{html.escape(target)}" target="_blank">'
            f"{html.escape(label)}</a>{html.escape(after)}</p>"
        )

    def picture(self, path: str, caption: str | None, lazy: bool, zoom: bool) -> None:
        """A picture in a `figure` or, when nothing is said about it, in a plain paragraph."""
        self.images.append((path, "body", caption))
        source = f'src="{_BLANK}" data-src="{path}"' if lazy else f'src="{path}"'
        inner = f'<img {source} alt="">' + (f'<img class="zoom" src="{ZOOM}">' if zoom else "")
        if caption is None:
            self.html.append(f"<p>{inner}</p>")
        else:
            under = f"<figcaption>{html.escape(caption)}</figcaption>"
            self.html.append(f"<figure>{inner}{under}</figure>")

    def frame(self, kind: str, url: str) -> None:
        """An embed that is an `iframe`."""
        self.embeds.append((kind, url))
        self.html.append(
            f'<div class="embed"><iframe width="560" height="315" src="{html.escape(url)}" '
            'frameborder="0" allowfullscreen></iframe></div>'
        )

    def video(self, path: str) -> None:
        self.embeds.append(("video", path))
        self.html.append(f'<video controls preload="none" src="{path}"></video>')

    def tweet(self, text: str, url: str) -> None:
        """A post of X; its text is seen by readers even before the platform's script has run."""
        self.paragraphs.append(text)
        self.embeds.append(("x", url))
        self.html.append(
            f'<blockquote class="twitter-tweet"><p dir="ltr">{html.escape(text)}</p>'
            f'<a href="{url}"></a></blockquote>'
        )

    def instagram(self, url: str) -> None:
        self.embeds.append(("instagram", url))
        self.html.append(
            f'<blockquote class="instagram-media" data-instgrm-permalink="{url}" '
            'data-instgrm-version="14"></blockquote>'
        )


def noisy(rng: random.Random, text: str) -> str:
    """`text` as HTML, now and then with the invisible characters that pasted texts carry."""
    roll = rng.random()
    if roll < 0.12:
        spaces = [i for i, letter in enumerate(text) if letter == " "]
        letters = [i for i in range(3, len(text) - 3) if text[i - 2 : i + 2].isalpha()]
        if roll < 0.05 and spaces:
            at = rng.choice(spaces)
            text = f"{text[:at]}\xa0{text[at + 1 :]}"
        elif letters:
            at = rng.choice(letters)
            text = text[:at] + rng.choice(_INVISIBLE) + text[at:]
        return html.escape(text, quote=False).replace("\xa0", "&nbsp;").replace("\xad", "&shy;")
    return html.escape(text, quote=False)
