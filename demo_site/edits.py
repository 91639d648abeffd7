"""A page after an editor's change."""

from dataclasses import replace

from demo_site.editions import Edition
from demo_site.knobs import Edit
from demo_site.posted import as_html
from demo_site.world import ZONE, Page, Truth


def edited(page: Page, edit: Edit, edition: Edition) -> Page:
    """The page with the edit. Its `<title>` keeps the earlier headline, as on the real site."""
    truth, body_html = page.truth, page.body_html
    if edit.text is not None:
        cover = truth.images[:1]
        paragraphs = list(edit.text)
        truth = replace(truth, paragraphs=paragraphs, images=cover, embeds=[], links=[])
        body_html = as_html(edit.text)
    after = edit.paragraphs if edit.paragraph is None else (edit.paragraph, *edit.paragraphs)
    truth = replace(truth, paragraphs=[*edit.before, *truth.paragraphs, *after])
    parts = (as_html(edit.before), body_html, as_html(after))
    body_html = "\n".join(part for part in parts if part)
    return replace(page, truth=_reheaded(truth, edit, edition), body_html=body_html)


def _reheaded(truth: Truth, edit: Edit, edition: Edition) -> Truth:
    """With the edit's headline and time, where it has them."""
    if edit.title is not None:
        truth = replace(truth, title=edit.title)
    if edit.published is not None:
        published = edit.published.astimezone(ZONE)
        truth = replace(truth, published=published, time_text=edition.print_time(published))
    return truth
