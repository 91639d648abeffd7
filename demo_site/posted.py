"""Articles that are posted while the site runs: from `Post` to what lists and pages need."""

import random
import zlib
from html import escape

from demo_site.editions import Edition
from demo_site.knobs import Post
from demo_site.world import ZONE, Head, Page, Truth


def posted_head(edition: Edition, slug: str, post: Post) -> Head:
    """What lists show. `KeyError` for a section that the edition lacks."""
    cover = random.Random(slug).getrandbits(128)
    return Head(
        slug=slug,
        title=post.title,
        section=_sections(edition).index(post.sections[0]),
        published=post.published.astimezone(ZONE),
        cover=f"{cover:032x}.webp",
    )


def posted_page(edition: Edition, slug: str, post: Post) -> Page:
    """The article as it was posted; it stands in one edition only and has no meta description."""
    head = posted_head(edition, slug, post)
    truth = Truth(
        language=edition.language,
        slug=slug,
        path=edition.post_path(slug),
        title=post.title,
        description=None,
        sections=[edition.sections[_sections(edition).index(name)] for name in post.sections],
        published=head.published,
        time_text=edition.print_time(head.published),
        paragraphs=list(post.paragraphs),
        authors=list(post.authors),
        images=[(f"/media/photos/original/{head.cover}", "cover", None)],
        embeds=[],
        links=[],
        initial_views=20 + zlib.crc32(slug.encode()) % 880,
        alternates={},
    )
    words = edition.words
    return Page(
        truth=truth,
        body_html=as_html(post.paragraphs),
        byline=words.byline.format(words.joiner.join(post.authors)) if post.authors else None,
        head_title=post.title,
        edit_link=False,
    )


def as_html(paragraphs: tuple[str, ...]) -> str:
    """Plain paragraphs as the inner HTML of a body."""
    return "\n".join(
        f"<p>{escape(text, quote=False).replace(chr(10), '<br>')}</p>" for text in paragraphs
    )


def _sections(edition: Edition) -> list[str]:
    return [slug for slug, _ in edition.sections]
