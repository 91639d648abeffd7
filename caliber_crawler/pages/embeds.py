"""Embedded media: frames, players, and the posts that a network's script puts in."""

from __future__ import annotations

import re
from collections import deque
from urllib.parse import urlsplit

from caliber_crawler.items import Embed
from caliber_crawler.pages.html import Element, attribute, raw_text
from caliber_crawler.pages.media import INLINE, Resolve

_POST_LINKS = 20  # of one post
_LONGEST_SCRIPT = 20_000  # letters of a widget's script that are looked at
# What stands in share bars: a network's buttons.
_BUTTONS = re.compile(
    r"facebook\.com/(?:v[\d.]+/)?plugins/(?:like|share|follow|page|subscribe|send)"
)

# Where elements have the address of what they show, if not in `src`. Editors write `oembed`.
_ADDRESS_IN = {"oembed": "url", "object": "data"}
# Elements of web components and of AMP: type, attribute with the number, address of what is shown.
_COMPONENTS = {
    "lite-youtube": ("youtube", "videoid", "https://www.youtube.com/embed/"),
    "amp-youtube": ("youtube", "data-videoid", "https://www.youtube.com/embed/"),
    "amp-twitter": ("x", "data-tweetid", "https://x.com/i/status/"),
    "amp-instagram": ("instagram", "data-shortcode", "https://www.instagram.com/p/"),
    "amp-facebook": ("facebook", "data-href", ""),
}
COMPONENTS = frozenset(_COMPONENTS)
"""Elements that stand for an embed and hold no text."""
PLAYERS = ("video", "audio")
"""Elements that play a file, or one of those that their sources name."""

_EMBED_HOSTS = {
    "youtube.com": "youtube",
    "youtube-nocookie.com": "youtube",
    "youtu.be": "youtube",
    "t.me": "telegram",
    "telegram.me": "telegram",
    "telegram.org": "telegram",
    "twitter.com": "x",
    "x.com": "x",
    "instagram.com": "instagram",
    "facebook.com": "facebook",
    "fb.watch": "facebook",
    "tiktok.com": "tiktok",
    "vk.com": "vk",
    "vk.ru": "vk",
    "vkvideo.ru": "vk",
    "vkontakte.ru": "vk",
    "threads.net": "threads",
    "threads.com": "threads",
    "bsky.app": "bluesky",
}
QUOTED = frozenset({"x", "bluesky"})
"""Networks whose placeholders quote the post in full, so that readers see its text."""

_ADVERT_HOSTS = re.compile(
    r"(?:^|\.)(?:doubleclick\.net|googlesyndication\.com|googleadservices\.com|adfox\.ru|"
    r"an\.yandex\.ru|yandexadexchange\.net|adriver\.ru|googletagmanager\.com)$"
)
# Marks of posts that a network's script turns into an embed: class → type, attribute with address.
_POST_CLASSES = {
    "twitter-tweet": ("x", None),
    "twitter-video": ("x", None),
    "instagram-media": ("instagram", "data-instgrm-permalink"),
    "fb-post": ("facebook", "data-href"),
    "fb-video": ("facebook", "data-href"),
    "tiktok-embed": ("tiktok", "cite"),
    "text-post-media": ("threads", "data-text-post-permalink"),
    "bluesky-embed": ("bluesky", None),
}
_POST_LINK = {
    "x": re.compile(r"^https?://(?:[\w-]+\.)?(?:twitter|x)\.com/[^/]+/status/\d+"),
    "instagram": re.compile(r"^https?://(?:[\w-]+\.)?instagram\.com/(?:p|reel|tv)/"),
    "facebook": re.compile(r"^https?://(?:[\w-]+\.)?facebook\.com/"),
    "tiktok": re.compile(r"^https?://(?:[\w-]+\.)?tiktok\.com/@[^/]+/video/\d"),
    "threads": re.compile(r"^https?://(?:[\w-]+\.)?threads\.(?:net|com)/(?:@[^/]+/post|t)/"),
    "bluesky": re.compile(r"^https?://bsky\.app/profile/[^/]+/post/\w"),
}
# A post of VK, in the call of its script and in the name of the box that the script fills.
_VK_CALL = re.compile(
    r"VK\.Widgets\.Post\(\s{0,9}[\"'][^\"']{1,80}[\"']\s{0,9},\s{0,9}(-?\d{1,15})\s{0,9},\s{0,9}(\d{1,15})"
)
_VK_BOX = re.compile(r"vk_post_(-?\d{1,15})_(\d{1,15})")
_BLUESKY_POST = re.compile(r"at://([\w.:%-]{1,200})/app\.bsky\.feed\.post/(\w{1,100})")


def embed_type(url: str) -> str | None:
    """Type of an embed by its host; ``iframe`` for unknown hosts, None for advertising and
    buttons."""
    host = (urlsplit(url).hostname or "").lower()
    if _ADVERT_HOSTS.search(host) or _BUTTONS.search(url):
        return None
    while host:
        if host in _EMBED_HOSTS:
            return _EMBED_HOSTS[host]
        host = host.partition(".")[2]
    return "iframe"


def frame_embed(element: Element, resolve: Resolve) -> Embed | None:
    """The embed that a frame, a player, one of its sources or a widget script stands for.

    Of ``embed`` and ``object``, which may hold anything, only what networks show is one.
    """
    if element.tag == "script":
        post = element.get("data-telegram-post")
        return {"type": "telegram", "url": f"https://t.me/{post}"} if post else _vk_script(element)
    if element.tag in COMPONENTS:
        component, holder, before = _COMPONENTS[str(element.tag)]
        number = attribute(element, holder)
        shown = resolve(before + number) if number else None
        return {"type": component, "url": shown} if shown else None
    name = _ADDRESS_IN.get(str(element.tag), "src")
    value = attribute(element, "data-src") or attribute(element, name)
    url = resolve(value) if value and not INLINE.match(value) else None
    if url is None:
        return None
    if element.tag in PLAYERS:
        return {"type": str(element.tag), "url": url}
    if element.tag == "source":
        player = "audio" if next(element.iterancestors("audio"), None) is not None else "video"
        return {"type": player, "url": url}
    kind = embed_type(url)
    if kind == "iframe" and element.tag in ("embed", "object"):
        return None
    return {"type": kind, "url": url} if kind else None


def _vk_script(script: Element) -> Embed | None:
    call = _VK_CALL.search(raw_text(script)[:_LONGEST_SCRIPT])
    return _vk_post(call) if call is not None else None


def _vk_post(numbers: re.Match[str]) -> Embed:
    return {"type": "vk", "url": f"https://vk.com/wall{numbers[1]}_{numbers[2]}"}


def is_placeholder(element: Element) -> bool:
    """Whether an element's text is a network's own, which its script replaces by the post.

    A post of the networks in `QUOTED` is text instead.
    """
    names = attribute(element, "class").split()
    return any(name in _POST_CLASSES and _POST_CLASSES[name][0] not in QUOTED for name in names)


def post_embed(element: Element, resolve: Resolve) -> Embed | None:
    """The embed that a social network's ``blockquote`` or ``div`` stands for, when it says which.

    The address is the one in the network's attribute, else the last link to a single post.
    """
    box = _VK_BOX.fullmatch(element.get("id") or "")
    if box is not None:
        return _vk_post(box)
    for name in attribute(element, "class").split():
        if name in _POST_CLASSES:
            kind, holder = _POST_CLASSES[name]
            break
    else:
        return None
    post = _BLUESKY_POST.match(attribute(element, "data-bluesky-uri"))
    if post is not None:
        return {"type": kind, "url": f"https://bsky.app/profile/{post[1]}/post/{post[2]}"}
    stated = attribute(element, holder) if holder else ""
    url = resolve(stated) if stated else None
    if url is None:
        last = deque(element.iter("a"), maxlen=_POST_LINKS)
        links = [resolve(attribute(link, "href")) for link in last]
        posts = [link for link in links if link and _POST_LINK[kind].match(link)]
        url = posts[-1] if posts else None
    return {"type": kind, "url": url} if url else None
