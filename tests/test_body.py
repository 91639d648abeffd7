"""The body of an article: what a reader sees, in order, once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caliber_crawler.items import Article
from caliber_crawler.pages.article import parse_article
from caliber_crawler.pages.body import read_body
from caliber_crawler.pages.gallery import Gallery
from caliber_crawler.pages.html import Element
from caliber_crawler.text import paragraphs
from tests.growth import assert_linear
from tests.pages import SITE, article, article_html, page

OTHER = '<a href="/en/post/other">Another story of the day</a>'


def body(html: str) -> list[str]:
    """The paragraphs of a body."""
    text = article(html).article.body
    return text.split("\n\n") if text else []


def record(html: str) -> Article:
    return article(html).article


def test_nothing_of_a_mixed_body_is_missing() -> None:
    found = record(
        "<article><p>A1</p><blockquote><p>Q1</p></blockquote><ul><li>L1<li>L2</ul>text T1<br>"
        "text T2<div><div><p>D1</p></div></div><h3>H1</h3><table><tr><td>C1</table>"
        '<blockquote class="twitter-tweet"><p>TW</p></blockquote>'
        '<iframe src="https://t.me/x/1"></iframe><p>A2</p></article>'
    )
    assert found.body.split("\n\n") == [
        "A1", "Q1", "L1", "L2", "text T1\ntext T2", "D1", "H1", "C1", "TW", "A2",
    ]  # fmt: skip
    assert found.embeds == [{"type": "telegram", "url": "https://t.me/x/1"}]


@pytest.mark.parametrize(
    ("lead", "form", "sentence"),
    [
        ("Read also:", "Subscribe", "Read also the law before you sign, he said."),
        ("Читайте также:", "Подпишитесь", "Читайте также закон, сказал он."),
        ("Həmçinin oxuyun:", "Abunə olun", "Həmçinin oxuyun qanunu, o dedi."),
        ("Կարդացեք նաև՝", "Բաժանորդագրվել", "Կարդացեք նաև օրենքը, ասաց նա։"),
        ("Կարդացեք նա\u0565\u0582՝", "Բաժանորդագրվել", "Կարդացեք նաև օրենքը, ասաց նա։"),
    ],
)
def test_foreign_text_stays_out(lead: str, form: str, sentence: str) -> None:
    found = article(
        f'<p>Real.</p><p><strong>{lead} <a href="/en/post/x">Other headline</a></strong></p>'
        '<div class="related"><p>R</p><span class="author">Other Person</span></div>'
        f"<form><p>{form}</p></form><figure><img src='/a.jpg'><figcaption>CAP</figcaption></figure>"
        f"<script>s</script><style>t</style><noscript>n</noscript><p>{sentence}</p>"
        "<p>By Leyla Quliyeva</p>"
    )
    assert found.article.body == f"Real.\n\n{sentence}"
    assert found.article.images == [
        {"url": "https://caliber.az/a.jpg", "role": "body", "caption": "CAP"}
    ]
    assert found.article.authors == ["Leyla Quliyeva"]
    assert found.article.links == []
    assert found.notes.teasers == 1


@pytest.mark.parametrize(
    "teaser",
    [
        f"<p>{OTHER}</p>",
        f"<p>→ {OTHER}</p>",
        f"<p>Earlier today: {OTHER}</p>",
        f"<p>Подробнее по ссылке: {OTHER}</p>",
        f"<p>READ ALSO {OTHER}</p>",
        f"<p>Read\xa0also: {OTHER} and {OTHER}</p>",
        f"<p>Read also:<br>{OTHER}<br>{OTHER}</p>",
        '<p><a href="/en/post/o"><strong>Read also:</strong> A headline with a stop.</a></p>',
        f"<h3>Read also</h3><ul><li>{OTHER}</li></ul>",
        f"<div>Читайте также:</div><div>{OTHER}</div>",
        f"<p>Oxuyun: {OTHER}</p>",
        f"<p>{OTHER}, {OTHER}</p>",
        '<p><a href="https://WWW.caliber.az/post/y?utm_source=x"><b>Headline</b></a></p>',
        '<a href="/en/post/other"><div>Headline in a box</div></a>',
    ],
)
def test_teasers(teaser: str) -> None:
    found = article(f"<p>Before.</p>{teaser}<p>After.</p>")
    assert found.article.body == "Before.\n\nAfter."
    assert found.article.links == []
    assert found.notes.teasers >= 1


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (f"<p>As {OTHER} says, it rained.</p>", "As Another story of the day says, it rained."),
        (f"<p>It rained, see {OTHER}.</p>", "It rained, see Another story of the day."),
        ('<p>He said: <a href="/en/post/x">it will rain</a></p>', "He said: it will rain"),
        ('<p>He said: <a href="/en/post/x">It will rain</a>.</p>', "He said: It will rain."),
        ('<p>He said: <a href="/en/post/x">"It rains"</a></p>', 'He said: "It rains"'),
        ('<p><a href="/en/post/x">The road is open again.</a></p>', "The road is open again."),
        ('<p><a href="/post/x">Դուռը բաց է։</a></p>', "Դուռը բաց է։"),
        (
            f"<p>Читайте также {OTHER} до конца.</p>",
            "Читайте также Another story of the day до конца.",
        ),
        ('<p>Read also: the <a href="https://x.org/">statute</a></p>', "Read also: the statute"),
        ('<p><a href="https://x.org/a">A linked report</a></p>', "A linked report"),
        ('<p><a href="/en/category/world">World</a></p>', "World"),
        ('<p><a href="#note">One whole line</a></p>', "One whole line"),
        ('<p><a name="note">One whole line</a></p>', "One whole line"),
        ('<p><a href="">One whole line</a></p>', "One whole line"),
        ('<p><a href="www.azertag.az">One whole line</a></p>', "One whole line"),
        ('<p><a href="undefined">One whole line</a></p>', "One whole line"),
        (
            '<p>Source: <a href="azertag.az?id=1">The whole report</a></p>',
            "Source: The whole report",
        ),
        ('<p><a href="/en/post/north-road-reopens">This very page</a></p>', "This very page"),
        ("<p>Related</p>", None),
    ],
)
def test_sentences_with_links_are_text(html: str, text: str | None) -> None:
    assert body(f"<p>Before.</p>{html}") == ["Before.", *filter(None, [text])]


def test_a_teaser_behind_a_line_break_does_not_take_its_paragraph_along() -> None:
    assert body(f"<p>It snowed.<br>Read also: {OTHER}</p>") == ["It snowed."]
    assert body(f"<p>It snowed.<br><br>Read also: {OTHER}<br><br>It thawed.</p>") == [
        "It snowed.",
        "It thawed.",
    ]
    assert body(f"<p>It snowed.<br>Read also:<br>{OTHER}<br>{OTHER}</p>") == ["It snowed."]


def test_a_link_on_a_line_of_its_own_can_be_a_part_of_a_sentence() -> None:
    assert body(f"<p>The news agency says that<br>{OTHER}<br>was long.</p>") == [
        "The news agency says that\nAnother story of the day\nwas long."
    ]


@pytest.mark.parametrize("tail", ["", "<p>By Leyla Quliyeva</p>", "<p>Caliber.Az</p>"])
def test_a_digest_keeps_its_links(tail: str) -> None:
    found = article(f"<ul><li>{OTHER}</li><li><a href='/en/post/y'>Second</a></li></ul>{tail}")
    assert found.article.body == "Another story of the day\n\nSecond"
    assert [link["text"] for link in found.article.links] == ["Another story of the day", "Second"]
    assert found.notes.teasers == 0


SECOND = '<a href="/en/post/y">Second</a>'
LIKED = "What our readers liked this week:"


@pytest.mark.parametrize(
    ("html", "text", "links"),
    [
        # A list that a sentence announces.
        (
            (
                f"<p>{LIKED}</p><ul><li>{OTHER}</li><li><p>{SECOND}</p></li></ul><p>It snowed.</p>"
                f"<ul><li>{OTHER}</li></ul>"
            ),
            [LIKED, "Another story of the day", "Second", "It snowed."],
            2,
        ),
        (
            f"<p>{LIKED}</p><ul><li>It snowed in Ganja.</li><li>{OTHER}</li><li>{SECOND}</li></ul>",
            [LIKED, "It snowed in Ganja.", "Another story of the day", "Second"],
            2,
        ),
        (
            f"<p>{LIKED}</p><ul><li><p>One.</p><p>Two.</p></li><li>{OTHER}</li></ul><p>Three.</p>",
            [LIKED, "One.", "Two.", "Another story of the day", "Three."],
            1,
        ),
        (
            f"<p>It snowed.</p><ul><li>{LIKED}</li><li>{OTHER}</li></ul>",
            ["It snowed.", LIKED, "Another story of the day"],
            1,
        ),
        (
            f"<p>It snowed.</p><ul><li>In Ganja.</li><li>{OTHER}</li></ul>",
            ["It snowed.", "In Ganja."],
            0,
        ),
        (f"<p>It snowed: on Monday.</p><ul><li>{OTHER}</li></ul>", ["It snowed: on Monday."], 0),
        (f"<p>Of the day:</p><ul><li>{OTHER}</li></ul>", ["Of the day:"], 0),
        (f"<p>{LIKED}</p><ul><li>Read also: {OTHER}</li></ul>", [LIKED], 0),
        (f"<p>{LIKED}</p><p>{OTHER}</p>", [LIKED], 0),
        # Headings with text of their own.
        (
            (
                f"<p>Intro.</p><h3>{OTHER}</h3><p>It snowed.</p><p>More.</p><h3>{SECOND}</h3>"
                "<p>It thawed.</p>"
            ),
            ["Intro.", "Another story of the day", "It snowed.", "More.", "Second", "It thawed."],
            2,
        ),
        (f"<p>One.</p><h3>{OTHER}</h3><p>Two.</p>", ["One.", "Two."], 0),
        (f"<p>One.</p><h3>{OTHER}</h3><h3>{SECOND}</h3><p>Two.</p>", ["One.", "Two."], 0),
        (
            f"<p>One.</p><h3>{OTHER}</h3><p>Two.</p><h3>{SECOND}</h3><p>By A. One</p>",
            ["One.", "Two."],
            0,
        ),
    ],
)
def test_digests_with_text(html: str, text: list[str], links: int) -> None:
    found = article(html)
    assert found.article.body.split("\n\n") == text
    assert len(found.article.links) == links
    left_out = html.count("<a ") - links
    assert bool(found.notes.teasers) == bool(left_out)


@pytest.mark.parametrize(
    ("html", "paragraphs"),
    [
        ("Ba&shy;ku a&nbsp;b x&#8203;y x&#x2060;y &#xFEFF;z p&#x202F;q", ["Baku a b xy xy z p q"]),
        ("<span>N</span>ews <b>Baku</b>,<i>May</i>", ["News Baku,May"]),
        ("one<br>two<p>a</p><p>b</p>", ["one\ntwo", "a", "b"]),
        ("<br>one<br>two<br>&nbsp;<br>three<br/><br/><br/>four<br>", ["one\ntwo", "three", "four"]),
        ("<p>one<span><br></span>two</p>", ["one\ntwo"]),
        ("<p>👨&#x200d;👩&#x200d;👧 ok</p>", ["👨\u200d👩\u200d👧 ok"]),
        ("<p>e&#x301;</p>", ["é"]),
        ("<p>Baku &#151; Tbilisi &#x93;x&#x94; &#129;</p>", ["Baku — Tbilisi “x”"]),
        ("<p>one<!-- c -->two</p>three<!-- x -->four", ["onetwo", "threefour"]),
        (
            "<p>one<p>two<div>three<b>four<p>five</i></b></div>six",
            ["one", "two", "threefour", "five", "six"],
        ),
        (
            "<article><p>a</p><article><p>b</p></article>tail</article>end",
            ["a", "b", "tail", "end"],
        ),
        ("alpha<p>beta</p>gamma<b>delta</b> eps", ["alpha", "beta", "gammadelta eps"]),
        ("<dl><dt>T<dd>D<dt>T2<dd>D2</dl>", ["T", "D", "T2", "D2"]),
        ("<pre>a\n  b\n\nc</pre>d\ne", ["a\nb", "c", "d e"]),
        (
            "<table><caption>Cap</caption><tr><th>A<th>B<tr><td><p>3</p><td><p>4</p></table>",
            ["Cap", "A B", "3 4"],
        ),
        ("<table><tr><td><p>Long</p><p>cell</p></td></tr></table>", ["Long", "cell"]),
        ("<table><tr><td>a<p>b</p></td></tr></table>", ["a", "b"]),
        ("<table><tr><td style='display:table-cell'>a<td>b</table>", ["a b"]),
        ("<h2>Head</h2>text<hr>more", ["Head", "text", "more"]),
        ("<p>H<sub>2</sub>O and 5<sup>th</sup> <q>yes</q></p>", ["H2O and 5th yes"]),
        ("<p>2 &lt; 3 &amp; 4</p>", ["2 < 3 & 4"]),
        (
            '<span style="display:block">one</span><span style="DISPLAY: block">two</span>',
            ["one", "two"],
        ),
        ('<div data-testid="turn-3"><article dir="auto"><p>Pasted</p></article></div>', ["Pasted"]),
        ("<details><summary>More</summary>Inside</details>", ["More", "Inside"]),
        ("<p>x</p><button>B</button><select><option>o</select><textarea>t</textarea>y", ["x", "y"]),
        (
            "<p hidden>h</p><p style='display : NONE'>n</p><p style='visibility:hidden'>v</p>ok",
            ["ok"],
        ),
        ("<p>one</p><div class='ads'>ad</div>two<ins class='adsbygoogle'>x</ins>", ["one", "two"]),
        (
            "<p class='shareholders'>Firms</p><p class='adsorption'>Physics</p>",
            ["Firms", "Physics"],
        ),
        # Words do not touch across what is no text.
        (
            "Opened on Monday.<img src='/a.jpg'>Drivers had waited.",
            ["Opened on Monday. Drivers had waited."],
        ),
        ("Baku<img src='/a.jpg'>, Ganja<img src='/b.jpg'><b>. Sheki</b>", ["Baku, Ganja. Sheki"]),
        ("Opened<noscript><img src='/a.jpg'></noscript><b>on</b> Monday", ["Opened on Monday"]),
        ("<a href='https://x.org/'>One<img src='/a.jpg'></a>two", ["One two"]),
        (
            "re<img src='data:,'>open<img src='/p' width=1>ed to<script>x</script>day",
            ["reopened today"],
        ),
        (
            "One.<iframe src='https://t.me/x/1'></iframe>Two.<video src='/v.mp4'>no</video>three",
            ["One.", "Two.", "three"],
        ),
        (
            "One.<lite-youtube videoid='a'>no</lite-youtube>Two.<audio src='/a'>no</audio>three",
            ["One.", "Two.", "three"],
        ),
        ("One.<script data-telegram-post='x/1'></script>Two.", ["One.", "Two."]),
        ("One.<embed src='https://youtu.be/a'>Two.", ["One.", "Two."]),
        ("One.<object data='https://youtu.be/a'>no</object>Two.", ["One.", "Two."]),
        ("One.<form><p>Subscribe</p></form>Two.<button>Go</button>Three", ["One.", "Two. Three"]),
        ("One.<ins class='adsbygoogle' style='display:inline-block'></ins>Two.", ["One. Two."]),
        ("One.<ins class='adsbygoogle' style='display:block'></ins>Two.", ["One.", "Two."]),
        (
            "<table><tr><td>Road<td><iframe src='https://t.me/x/1'></iframe><td>open</table>",
            ["Road open"],
        ),
        ("<pre>one\n<b>two</b>\r\n\r\n<i>three\n</i></pre>four", ["one\ntwo", "three", "four"]),
        ("<svg><text>s</text></svg><template><p>t</p></template><title>u</title>v", ["v"]),
        ("", []),
        (" &nbsp;<p>\u200b</p><br>", []),
    ],
)
def test_paragraphs(html: str, paragraphs: list[str]) -> None:
    assert body(html) == paragraphs


def test_text_in_a_figure_beside_the_picture_is_text() -> None:
    found = record(
        "<figure><table><tr><td><img src='/a.jpg'>Cell<td>2</table><figcaption>C</figcaption>"
        "</figure><figure><blockquote>Quote</blockquote><figcaption>Who</figcaption></figure>"
    )
    assert found.body == "Cell 2\n\nQuote\n\nWho"
    assert [(image["url"], image["caption"]) for image in found.images] == [
        ("https://caliber.az/a.jpg", "C")
    ]


@pytest.mark.parametrize(
    "box",
    [
        '<p class="wp-caption"><img src="/a.jpg"><i class="wp-caption-text">A <b>road</b></i></p>',
        '<div><a href="/a.jpg"><img src="/a.jpg"></a></div><div class="photo_caption">A road</div>',
        '<figure><img src="/a.jpg"><div class="caption">A road</div></figure>',
        '<p><img src="/a.jpg"><span class="image-caption">A road</span></p>',
    ],
)
def test_boxes_that_call_themselves_captions(box: str) -> None:
    found = record(f"<div>{box}</div><p>Snow.</p>")
    assert found.body == "Snow."
    assert [image["caption"] for image in found.images] == ["A road"]


def test_captions_of_a_slider_stand_with_their_pictures() -> None:
    def slide(name: str) -> str:
        return f'<div><img src="/{name}.jpg"><div class="slide__caption">{name}</div></div>'

    found = record(slide("b") + slide("a") + slide("b") + "<p>Snow.</p>")
    assert found.body == "Snow."
    assert [(i["url"][-5:], i["caption"]) for i in found.images] == [("b.jpg", "b"), ("a.jpg", "a")]


@pytest.mark.parametrize(
    "box",
    [
        '<p class="caption">Snow.</p>',
        '<div><img src="/a.jpg"></div><section><p class="caption">Snow.</p></section>',
        '<img src="/a.jpg"><p class="captionless">Snow.</p>',
        '<img src="/a.jpg"><div class="caption"><img src="/b.jpg">Snow.</div>',
    ],
)
def test_other_boxes_are_text(box: str) -> None:
    found = record(f"<div>{box}</div>")
    assert found.body == "Snow."
    assert {image["caption"] for image in found.images} <= {None}


def test_captions_of_nested_figures_are_read_once() -> None:
    found = record(
        "<figure><figure><img src='/a.jpg'><figcaption>In</figcaption></figure>x"
        "<figcaption>Out</figcaption></figure>y"
    )
    assert found.body == "x\n\ny"


SHARE = (
    '<a href="https://www.facebook.com/sharer/sharer.php?u=x">Facebook</a> '
    '<a href="https://t.me/share/url?url=x">Telegram</a> '
    '<a href="https://api.whatsapp.com/send?text=x">WhatsApp</a>'
)


def test_a_row_of_links_that_share_the_page_is_no_text() -> None:
    found = article(f"<p>Snow.</p><div><span>Share it:</span> {SHARE}</div><ul><li>{SHARE}</ul>")
    assert (found.article.body, found.article.links, found.notes.teasers) == ("Snow.", [], 0)
    said = f"<p>Whoever wants the road open may tell so on {SHARE} today.</p>"
    assert len(record(said).links) == 3
    assert record('<p>See <a href="https://t.me/roads/7">Telegram</a></p>').body == "See Telegram"


def test_links_are_listed_in_order_with_their_text() -> None:
    found = record(
        '<p>See <a href="/a?b=1">the <b>first</b></a>, <a href="//x.org/y z">second</a></p>'
        '<p><a href="mailto:a@b">mail</a> <a href="#x">top</a> <a href="javascript:x()">js</a></p>'
        '<a href="https://x.org/long"><p>Two whole.</p><p>Paragraphs.</p></a>'
        '<p>x<a href="https://x.org/empty"></a></p>'
    )
    assert found.links == [
        {"url": "https://caliber.az/a?b=1", "text": "the first"},
        {"url": "https://x.org/y%20z", "text": "second"},
        {"url": "https://x.org/long", "text": "Two whole. Paragraphs."},
    ]


def test_text_behind_an_unclosed_or_nested_link_is_text() -> None:
    found = record('<p>a <a href="/x">one <a href="/y">two</a> three</p><p>b</p>')
    assert found.body == "a one two three\n\nb"
    assert [link["text"] for link in found.links] == ["one", "two"]


@pytest.mark.parametrize("shown", ["block", "flex", "grid", "table", "inline"])
def test_a_link_ends_however_it_is_shown(shown: str) -> None:
    link = f'<a href="/en/post/other" style="display:{shown}">Another story</a>'
    found = record(
        f"<p>Snow fell.</p>{link}<p>Who paid for it?</p><p>It thawed.</p><p>By Leyla Quliyeva</p>"
    )
    assert found.body == "Snow fell.\n\nWho paid for it?\n\nIt thawed."
    assert found.authors == ["Leyla Quliyeva"]
    assert found.links == []


def test_a_link_shown_as_a_block_is_a_paragraph() -> None:
    found = record('<p>Snow<a href="https://x.org/" style="display:block">fell</a>on it.</p>')
    assert found.body == "Snow\n\nfell\n\non it."
    assert found.links == [{"url": "https://x.org/", "text": "fell"}]


@pytest.mark.parametrize(
    ("html", "embeds", "text"),
    [
        (
            '<iframe src="https://www.youtube.com/embed/a">no</iframe>x',
            [("youtube", "https://www.youtube.com/embed/a")],
            "x",
        ),
        (
            '<iframe data-src="//youtu.be/a" src="about:blank"></iframe>',
            [("youtube", "https://youtu.be/a")],
            "",
        ),
        (
            '<iframe src="https://maps.example.org/a"></iframe>',
            [("iframe", "https://maps.example.org/a")],
            "",
        ),
        ('<iframe src="https://ad.doubleclick.net/a"></iframe><iframe></iframe>', [], ""),
        (
            '<video><source src="/v.mp4"><source src="/v.webm">no</video>x',
            [("video", "https://caliber.az/v.mp4"), ("video", "https://caliber.az/v.webm")],
            "x",
        ),
        (
            '<script src="https://telegram.org/w.js" data-telegram-post="ch/1"></script>x',
            [("telegram", "https://t.me/ch/1")],
            "x",
        ),
        (
            (
                '<blockquote class="twitter-tweet"><p>Post</p>— N '
                '<a href="https://twitter.com/n/status/1">May</a></blockquote>'
            ),
            [("x", "https://twitter.com/n/status/1")],
            "Post\n\n— N May",
        ),
        (
            (
                '<blockquote class="instagram-media" data-instgrm-permalink="https://www.instagram.com/p/x/">'
                '<p>View <a href="https://www.instagram.com/p/x/">it</a></p></blockquote>x'
            ),
            [("instagram", "https://www.instagram.com/p/x/")],
            "x",
        ),
        (
            '<div class="fb-post" data-href="https://www.facebook.com/p/1"><p>no</p></div>x',
            [("facebook", "https://www.facebook.com/p/1")],
            "x",
        ),
        (
            '<figure><oembed url="https://youtu.be/a"></oembed></figure>x',
            [("youtube", "https://youtu.be/a")],
            "x",
        ),
        (
            (
                '<embed src="https://www.youtube.com/v/a"><object data="https://www.youtube.com/v/b">'
                '<param name="a"></object><embed src="/a.pdf"><object data="/b.swf">no</object>x'
            ),
            [
                ("youtube", "https://www.youtube.com/v/a"),
                ("youtube", "https://www.youtube.com/v/b"),
            ],
            "x",
        ),
        (
            (
                '<blockquote class="tiktok-embed" cite="https://www.tiktok.com/@a/video/1"><section>'
                '<a href="https://www.tiktok.com/@a">@a</a> Post</section></blockquote>x'
            ),
            [("tiktok", "https://www.tiktok.com/@a/video/1")],
            "x",
        ),
        (
            (
                '<p>Snow</p><div id="vk_post_-12_34"></div><script>(function(){return '
                'VK.Widgets.Post("vk_post_-12_34", -12, 34, "hash");}());</script><p>fell.</p>'
            ),
            [("vk", "https://vk.com/wall-12_34")],
            "Snow\n\nfell.",
        ),
        (
            "x<div id='post'>wait</div><script>VK.Widgets.Post('post',-1,2,'h')</script>y",
            [("vk", "https://vk.com/wall-1_2")],
            "x\n\nwait\n\ny",
        ),
        ("<div id='vk_post_5_6'><p>loading</p></div>x", [("vk", "https://vk.com/wall5_6")], "x"),
        ("<div id='vk_posts'><p>Snow</p></div><script>VK.init({a: 1})</script>x", [], "Snow\n\nx"),
        (
            '<iframe src="https://vk.com/video_ext.php?oid=-1&id=2"></iframe>',
            [("vk", "https://vk.com/video_ext.php?oid=-1&id=2")],
            "",
        ),
        (
            (
                '<blockquote class="text-post-media" data-text-post-permalink='
                '"https://www.threads.net/@a/post/b"><a href="https://www.threads.net/@a/post/b">'
                "<div>View on Threads</div></a></blockquote>x"
            ),
            [("threads", "https://www.threads.net/@a/post/b")],
            "x",
        ),
        (
            (
                '<blockquote class="bluesky-embed" data-bluesky-uri='
                '"at://did:plc:a1/app.bsky.feed.post/3k"><p>Post</p></blockquote>x'
            ),
            [("bluesky", "https://bsky.app/profile/did:plc:a1/post/3k")],
            "Post\n\nx",
        ),
        (
            (
                '<blockquote class="bluesky-embed"><p>Post</p>— N '
                '<a href="https://bsky.app/profile/n.org/post/3k">May</a></blockquote>'
            ),
            [("bluesky", "https://bsky.app/profile/n.org/post/3k")],
            "Post\n\n— N May",
        ),
        (
            '<p>a<audio src="/a.mp3">no</audio>b<audio><source src="/b.ogg">no</audio>c</p>',
            [("audio", "https://caliber.az/a.mp3"), ("audio", "https://caliber.az/b.ogg")],
            "a\n\nb\n\nc",
        ),
        (
            '<iframe src="https://notyoutube.com/a"></iframe>',
            [("iframe", "https://notyoutube.com/a")],
            "",
        ),
        (
            '<iframe src="https://t.me/x/1"></iframe><iframe src="https://t.me/x/1"></iframe>',
            [("telegram", "https://t.me/x/1")],
            "",
        ),
    ],
)
def test_embeds(html: str, embeds: list[tuple[str, str]], text: str) -> None:
    found = record(html)
    assert [(embed["type"], embed["url"]) for embed in found.embeds] == embeds
    assert found.body == text
    assert found.links == []


@pytest.mark.parametrize(
    ("element", "kind", "url"),
    [
        ('lite-youtube videoid="abc"', "youtube", "https://www.youtube.com/embed/abc"),
        ('amp-youtube data-videoid="abc"', "youtube", "https://www.youtube.com/embed/abc"),
        ('amp-twitter data-tweetid="7"', "x", "https://x.com/i/status/7"),
        ('amp-instagram data-shortcode="a"', "instagram", "https://www.instagram.com/p/a"),
        ('amp-facebook data-href="https://www.facebook.com/a/1"', "facebook", "https://www.facebook.com/a/1"),
    ],
)  # fmt: skip
def test_embeds_of_web_components(element: str, kind: str, url: str) -> None:
    name = element.partition(" ")[0]
    found = record(
        f"<p>One.</p><{element}><a href='/x'>Play</a></{name}><{name}></{name}><p>Two.</p>"
    )
    assert found.embeds == [{"type": kind, "url": url}]
    assert found.body == "One.\n\nTwo."


TWEET = (
    '<blockquote class="twitter-tweet"><p>Post</p>— N <a href="https://x.com/n/status/1">May</a>'
    "</blockquote>"
)


@pytest.mark.parametrize(
    ("box", "text", "embeds"),
    [
        (f'<div class="social-embed">Share it{TWEET}twice</div>', ["Post", "— N May"], ["x"]),
        (TWEET.replace("tweet", "tweet social"), ["Post", "— N May"], ["x"]),
        (f'<div class="ads"><p class="promo">ad {TWEET} ad</p></div>', ["Post", "— N May"], ["x"]),
        (
            '<div class="promo-video"><p><iframe src="https://youtu.be/a"></iframe></p>More</div>',
            [],
            ["youtube"],
        ),
        (
            (
                '<div class="social"><div class="fb-post" data-href="https://www.facebook.com/p/1">'
                "loading</div></div>"
            ),
            [],
            ["facebook"],
        ),
        ('<div class="promo"><video src="/media/videos/a.mp4"></video></div>', [], ["video"]),
        ('<div class="promo"><audio src="/media/audio/a.mp3"></audio></div>', [], ["audio"]),
        ('<div class="ads"><audio src="https://ads.example.org/a.mp3"></audio></div>', [], []),
        ('<div class="ads"><video src="https://ads.example.org/a.mp4"></video></div>', [], []),
        ('<div class="ads"><iframe src="https://ads.example.org/a"></iframe></div>', [], []),
        (
            (
                '<div class="share"><iframe src="https://www.facebook.com/plugins/like.php?href=x">'
                "</iframe></div>"
            ),
            [],
            [],
        ),
        (f'<div class="ads" style="display:none">{TWEET}</div>', [], []),
        (f'<div class="ads"><div hidden>{TWEET}</div></div>', [], []),
    ],
)
def test_posts_and_videos_in_boxes_with_wrong_names(
    box: str, text: list[str], embeds: list[str]
) -> None:
    found = article(f"<p>One.</p>{box}<p>Two.</p>")
    assert found.article.body.split("\n\n") == ["One.", *text, "Two."]
    assert [embed["type"] for embed in found.article.embeds] == embeds
    assert found.notes.boxes == 0


def test_photographs_in_boxes_with_wrong_names() -> None:
    photo = '<img src="/media/photos/original/a.webp">'
    assert [image["url"] for image in record(f'<div class="promo">{photo}</div>').images] == [
        "https://caliber.az/media/photos/original/a.webp"
    ]
    assert record(f'<div class="promo"><a href="/en/post/x">{photo}</a></div>').images == []
    assert record('<div class="banner"><img src="/upload/banner.jpg"></div>').images == []


@pytest.mark.parametrize(
    "name",
    [
        "adv_block", "reklama", "adfox_168", "div-gpt-ad-1680-0", "tg-banner", "in-article-ad",
        "sharedaddy", "ya-share2", "addtoany_share", "tags", "tag-list", "author-box",
    ],
)  # fmt: skip
@pytest.mark.parametrize("attribute", ["class", "id"])
def test_boxes_that_are_no_part_of_the_text(name: str, attribute: str) -> None:
    box = f'<div {attribute}="{name}">Buy <a href="https://x.org/"><img src="/b.jpg">snow</a></div>'
    found = record(f"<p>One.</p>{box}<p>Two.</p>")
    assert (found.body, found.images, found.links) == ("One.\n\nTwo.", [], [])


@pytest.mark.parametrize(
    "name", ["advice", "road-adept", "bannerman", "tagged", "tag", "author", "hero-banner"]
)
def test_names_that_only_look_like_such_boxes(name: str) -> None:
    assert body(f'<p class="{name}">One.</p>') == ["One."]


@pytest.mark.parametrize(
    "name", ["sr-only", "visually-hidden", "x screen-reader-text", "print-only", "visible-print"]
)
def test_what_no_screen_shows_is_no_text(name: str) -> None:
    assert body(f'<p>One<span class="{name}">no</span> two.</p><p class="{name}">No.</p>') == [
        "One two."
    ]


@pytest.mark.parametrize(
    "name",
    [
        "text_spoiler", "spoiler-content", "su-spoiler-content", "x spoiler", "sp-body", "moretext",
        "accordion-body", "accordion__content",
    ],
)  # fmt: skip
def test_what_readers_open_is_text(name: str) -> None:
    spoiler = (
        '<div class="title_spoiler"><img src="/templates/Default/dleimages/spoiler-plus.gif">&nbsp;'
        '<a href="javascript:ShowOrHide(1)">The list</a></div>'
    )
    for how in ('style="display:none"', "hidden"):
        box = f'<div class="{name}" {how}><p>Two.</p><p hidden>No.</p><img src="/a.jpg"></div>'
        found = record(f"<p>One.</p>{spoiler}{box}<p>Three.</p>")
        assert found.body.split("\n\n") == ["One.", "The list", "Two.", "Three."]
        assert ([image["url"][-6:] for image in found.images], found.links) == (["/a.jpg"], [])
        assert body(f'<p>One.</p><div class="ads {name}" {how}>Buy</div>') == ["One."]


@pytest.mark.parametrize("name", ["", "spoilered", "text", "more", "accordion"])
def test_what_is_hidden_for_good_is_no_text(name: str) -> None:
    assert body(f'<p>One.</p><div class="{name}" style="display: none">No.</div>') == ["One."]


@pytest.mark.parametrize("name", ["share-content", "promo-text", "comment", "related-content"])
def test_a_text_in_a_box_with_a_wrong_name_is_kept(name: str) -> None:
    one, two = (" ".join([f"Snow fell on the {n} road"] * 5) + "." for n in ("north", "south"))
    for box in (
        f'<div class="{name}"><p>{one}</p><p>{two}</p></div>',
        f'<img src="/a.jpg"><b><div id="{name}"><p>{one}</p>{two}<i class="ads">Buy</i></div></b>',
        f'<p>{OTHER}</p><div class="{name}"><p>{one}</p><p>{two}</p><p hidden>No.</p></div>',
    ):
        parsed = article(f"{box}<p>By Leyla Quliyeva</p>")
        assert parsed.article.body == f"{one}\n\n{two}", box
        assert (parsed.article.authors, parsed.notes.boxes) == (["Leyla Quliyeva"], 0)
    with_text = article(f'<p>Rain.</p><div class="{name}"><p>{one}</p></div>')
    assert (with_text.article.body, with_text.notes.boxes) == ("Rain.", 1)
    assert article(f'<div class="{name}" hidden><p>{one}</p></div>').article.body == ""
    assert article(f'<div class="{name}"><p>Follow us.</p></div>').article.body == ""
    video = '<iframe src="https://www.youtube.com/embed/abc"></iframe>'
    beside = article(f'{video}<div class="{name}"><p>{one}</p></div>')
    assert (beside.article.body, beside.notes.boxes) == ("", 1), "a video says enough by itself"
    assert len(beside.article.embeds) == 1


def test_boxes_left_out_with_sentences_are_counted() -> None:
    words = " ".join(["Snow fell on the road"] * 5)
    for box, number in (
        (f"<div class='comment'><b>Expert</b><p>{words}.</p></div>", 1),
        (f"<div class='comment'>{words}</div><div class='ad'>{words}</div>", 2),
        (f"<div class='comment'><div class='ad'>{words}</div></div>", 1),
        (f"<div class='related'><a href='/en/post/x'>{words}</a></div>", 0),
        (f"<div class='ads' hidden>{words}</div><div class='ads'>Buy snow</div>", 0),
    ):
        parsed = article(f"<p>One{box}two</p>")
        assert parsed.article.body == "One\n\ntwo", box
        assert parsed.notes.boxes == number, box


@pytest.mark.parametrize(
    ("html", "urls"),
    [
        ('<img src="data:image/gif;base64,R0lGOD" data-src="/u/a.jpg">', ["/u/a.jpg"]),
        ('<img src="DATA:image/gif;base64,R0lGOD">', []),
        ('<img src="/s.jpg" srcset="/m.jpg 800w, /l.jpg 1600w">', ["/l.jpg"]),
        ('<img src="/s.jpg" srcset="/m.jpg 1x,/l.jpg 2.5x">', ["/l.jpg"]),
        ('<img src="/s.jpg" srcset="">', ["/s.jpg"]),
        ('<noscript><img src="/n.jpg">words</noscript>', ["/n.jpg"]),
        ('<img data-src="/n.jpg"><noscript><img src="/n.jpg"></noscript>', ["/n.jpg"]),
        ('<img src="/a.jpg"><img class="zoom" src="/templates/Default/api/zoom.png">', ["/a.jpg"]),
        ('<img src="/templates/Default/api/zoom.png" data-src="/a.jpg">', ["/a.jpg"]),
        ('<img src="https://mc.example.org/pixel" width="1" height="1">', []),
        ('<img src="/my photo.jpg">', ["/my%20photo.jpg"]),
        ('<p><a href="/en/post/x"><img src="/a.jpg"></a></p>', ["/a.jpg"]),
        ("<img><img src=''><img src='http://[bad'>", []),
        ('<img data-lazy-srcset="/l.jpg 2x, /s.jpg 1x" src="data:,">', ["/l.jpg"]),
        # A source is no picture of its own.
        ('<picture><source srcset="/a.webp"><img src="/a.jpg"></picture>', ["/a.jpg"]),
        ('<picture><source srcset="/a.webp"><img src="data:,"></picture>', ["/a.webp"]),
        (
            (
                '<picture><source media="x"><source data-srcset="/s.webp 1x, /l.webp 2x">'
                '<source srcset="/b.webp"><img alt="b"></picture>'
            ),
            ["/l.webp"],
        ),
    ],
)
def test_pictures(html: str, urls: list[str]) -> None:
    found = record(html)
    assert [image["url"] for image in found.images] == [f"https://caliber.az{url}" for url in urls]
    assert {image["role"] for image in found.images} <= {"body"}
    assert found.body == ""


def test_emoji_shown_as_pictures_are_text() -> None:
    found = record(
        '<p>Snow <img class="e" alt="🔥" src="./img-apple-64/1f525.png"> on the road'
        '<img alt="🇦🇿" src="https://x.org/1f1e6.svg"></p><img alt="🔥 fire" src="/a.jpg">'
    )
    assert found.body == "Snow 🔥 on the road🇦🇿"
    assert [image["url"] for image in found.images] == ["https://caliber.az/a.jpg"]


EMOJI = [
    "//telegram.org/img/emoji/40/F09F94A5.png",
    "https://static.xx.fbcdn.net/images/emoji.php/v9/t4c/1/16/1f525.png",
    "https://s.w.org/images/core/emoji/14.0.0/72x72/1f1e6-1f1ff.png",
    "https://s.w.org/images/core/emoji/14.0.0/svg/1f525.svg",
    "https://cdn.jsdelivr.net/gh/twitter/twemoji@14.0.2/assets/72x72/1f525.png",
    "https://abs-0.twimg.com/emoji/v2/svg/1f525.svg",
    "https://vk.com/emoji/e/d83dde0a.png",
    "https://vk.com/emoji/e/d83dde0a_2x.png?1",
    "/engine/data/emoticons/smile.png",
]


@pytest.mark.parametrize("url", EMOJI)
@pytest.mark.parametrize("late", ["src", "data-src", "srcset"])
def test_emoji_are_no_pictures(url: str, late: str) -> None:
    found = record(f'<p>Snow <img alt="fire" {late}="{url}">fell.</p>')
    assert (found.images, found.body) == ([], "Snow fell.")
    box = f"<i class='x' style=\"background-image:url('{url}')\"><b>🔥</b></i>"
    found = record(f'<p>Snow {box} fell.</p><a href="https://x.org/">{box}</a>')
    assert (found.images, found.body) == ([], "Snow 🔥 fell.\n\n🔥")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<img class="emoji" alt="🔥" src="/a.jpg">', "🔥"),
        ('<img class="wp-smiley" alt=":)" src="/a.jpg">', ""),
        ('<img width="16" src="/emoji/fire.png">', ""),
        ('<img height="20px" src="/images/smileys/fire.gif">', ""),
        ('<b class="emoji" style="background:url(/a.png)"></b>', ""),
        ('<i style="background:url(/a.png)"><b> 🔥 </b></i>', "🔥"),
    ],
)
def test_what_says_that_it_is_an_emoji(html: str, text: str) -> None:
    found = record(html)
    assert (found.images, found.body) == ([], text)


@pytest.mark.parametrize(
    "html",
    [
        '<img src="/news/emoji/snow-on-the-road.jpg">',
        '<img width="640" src="/emoji/fire.png">',
        '<img src="/media/photos/original/0123456789abcdef0123456789abcdef.webp">',
        '<div style="background:url(/a.jpg)"><b>🔥</b> Snow</div>',
        '<div style="background:url(/a.jpg)">' + "<i></i>" * 20 + "🔥</div>",
        '<div style="background:url(/a.jpg)"></div>',
    ],
)
def test_pictures_that_are_no_emoji(html: str) -> None:
    assert len(record(html).images) == 1


def test_pictures_in_backgrounds() -> None:
    slides = "".join(
        f'<div class="slide" style="background: URL(/media/photos/original/{digit * 32}.webp)">'
        f'<span class="caption">Slide {digit}</span></div>'
        for digit in "ab"
    )
    found = record(slides)
    assert found.body == ""
    assert [(image["url"][-10:], image["role"], image["caption"]) for image in found.images] == [
        ("aaaaa.webp", "body", "Slide a"),
        ("bbbbb.webp", "body", "Slide b"),
    ]
    shown = record(
        '<p>Sn<b style="background:url(/templates/Default/line.png)">o</b>w.</p>'
        '<img style="background:url(/small.jpg)" src="/large.jpg"><p style="color:red">Rain.</p>'
        '<p><a href="/en/post/x" style="background:url(/teaser.jpg)">Another story of today</a></p>'
        '<div class="ads" style="background:url(/ad.jpg)">Buy</div>'
        '<i hidden style="background:url(/h.jpg)"></i>'
    )
    assert shown.body == "Snow.\n\nRain."
    assert [image["url"] for image in shown.images] == ["https://caliber.az/large.jpg"]


def test_one_photograph_in_two_sizes_is_one_picture() -> None:
    name = "0123456789abcdef0123456789abcdef.webp"

    def urls(*sizes: str, cover: str = "") -> list[str]:
        shown = "".join(f'<img src="/media/photos/{size}/{name}">' for size in sizes)
        return [image["url"] for image in article(shown, cover=cover).article.images]

    original = f"https://caliber.az/media/photos/original/{name}"
    assert urls("normal", "original") == urls("original", "normal") == [original]
    assert urls("normal") == [original.replace("original", "normal")]
    cover = f'<div class="post_cover" style="background-image:url({original})"></div>'
    assert urls("normal", cover=cover) == [original]


@pytest.mark.parametrize(
    ("teaser", "pictures"),
    [
        (f'<p>Read also:<br><a href="/en/post/other"><img src="/a.jpg"></a><br>{OTHER}</p>', 0),
        ('<p>Read also:</p><a href="/en/post/o"><img src="/a.jpg"><b>Another story</b></a>', 0),
        ('<a href="/en/post/o"><figure><img src="/a.jpg"></figure><b>Another story</b></a>', 0),
        ('<a href="/en/post/o"><img src="/a.jpg"></a>', 1),
        (f'<a href="/en/post/o"><img src="/a.jpg"></a><p>{OTHER}</p>', 1),
        (f'<img src="/a.jpg"><p>{OTHER}</p>', 1),
        ('<p>As <a href="/en/post/o"><img src="/a.jpg">told before</a>, it snowed.</p>', 1),
    ],
)
def test_pictures_of_teasers(teaser: str, pictures: int) -> None:
    assert len(record(f"<p>One.</p>{teaser}<p>Two.</p>").images) == pictures


def test_addresses_of_pictures_are_absolute() -> None:
    found = record('<img src="//cdn.example.org/a.jpg"><img src="b.jpg"><img src="http://x.org/c">')
    assert [image["url"] for image in found.images] == [
        "https://cdn.example.org/a.jpg",
        "https://caliber.az/en/post/b.jpg",
        "http://x.org/c",
    ]


@pytest.mark.parametrize(
    "tag", ["div", "span", "b", "a href='/x'", "blockquote", "figure", "ul><li"]
)
def test_deep_nesting(tag: str) -> None:
    name = tag.partition(" ")[0]
    html = f"<{tag}>" * 900 + "deep<img src='/a.jpg'>" + f"</{name}>" * 900
    assert "deep" in body(f"<p>Before.</p>{html}<p>After.</p>")
    assert record(f"<{tag}>" * 5_000 + "deep").title == "North road reopens"


def test_large_bodies_take_linear_time() -> None:
    many = "".join(
        f"<p>t <a href='/en/post/{i}'>x</a><img src='/{i}.jpg'>"
        f"<iframe src='https://t.me/a/{i}'></iframe></p>"
        for i in range(5_000)
    )
    found = record(
        f'<p class="{"related- " * 50_000}x" style="{"background:url(" * 20_000}">kept</p>{many}'
        + "<br>x" * 20_000
        + " " * 500_000
    )
    assert len(found.links) == len(found.images) == len(found.embeds) == 300


@pytest.mark.parametrize(
    ("before", "piece"),
    [
        ("<p>Snow ", "<a href='/en/post/x'>!!!!</a>."),
        ("<table><tr><td>", "<p>x</p>"),
    ],
)
def test_what_recurs_takes_linear_time(before: str, piece: str) -> None:
    def reading(number: int) -> Callable[[], object]:
        shown = page(article_html(before + piece * number))
        assert len(shown.root)
        return lambda: parse_article(shown, SITE)

    assert_linear(reading, 1_250)


def test_pictures_of_nested_figures_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Element] = []
    image = Gallery.image

    def noted(self: Gallery, element: Element, caption: str | None = None) -> bool:
        seen.append(element)
        return image(self, element, caption)

    monkeypatch.setattr(Gallery, "image", noted)
    assert len(record("<figure>" * 50 + "<img src='/a.jpg'>" * 100).images) == 1
    assert len(seen) < 2 * 100 + 50


# --- whatever editors paste

_BOXES = st.sampled_from(
    "p div span b i em a blockquote ul li h3 table tr td section article".split()
)
_TREES = st.recursive(
    st.just("WORD"),
    lambda inner: st.tuples(_BOXES, st.lists(st.one_of(inner, st.just("<br>")), max_size=4)).map(
        lambda box: f"<{box[0]}>{' '.join(box[1])}</{box[0]}>"
    ),
    max_leaves=25,
)


@given(trees=st.lists(_TREES, max_size=5))
@settings(max_examples=150, deadline=None)
def test_every_word_is_there_once_and_in_order(trees: list[str]) -> None:
    pieces = " ".join(trees).split("WORD")
    # Every word is another one, and none looks like a byline, a counter or a label.
    html = "".join(f"{piece}wolf{number}" for number, piece in enumerate(pieces[:-1])) + pieces[-1]
    shown = page(f"<html><body><div id=root>{html}</div></body></html>")
    expected = re.findall(r"wolf\d+", " ".join(shown.root.itertext()))
    found = read_body(next(shown.root.iter("div")), shown, SITE)
    assert re.findall(r"wolf\d+", "\n".join(found.paragraphs)) == expected
    assert "\n".join(found.paragraphs).split() == expected
    again = [part for paragraph in found.paragraphs for part in paragraphs(paragraph)]
    assert again == found.paragraphs
