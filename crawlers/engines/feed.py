"""Feeds, each a source of its own: one page of posts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import partial

from parsel import Selector

from crawlers.engines._base import BoardList, ForumEngine, PageKind, ThreadList, ThreadPage
from crawlers.engines._content import read_content
from crawlers.engines._data import fail
from crawlers.engines._feed import Entry, File, is_feed, read_feed
from crawlers.engines._page import Page, gather, is_picture
from monitor.models.post import MediaKind, MediaRef, Post

_SOFTWARE = "feed"
_THREAD = "feed"
_KINDS = {"image": MediaKind.PHOTO, "video": MediaKind.VIDEO, "audio": MediaKind.SOUND}
_CANDIDATE = re.compile(r"(\S{1,8000})\s{1,9}([0-9]{1,9}(?:\.[0-9]{1,9})?)[wx]")


def _canonical(url: str) -> str:
    # Parameters say which feed it is, those without a value, too.
    return url.partition("#")[0]


def _recognise(text: str, url: str) -> float:
    return 0.9 * is_feed(text)


def _kind(text: str, url: str) -> PageKind:
    return PageKind.POSTS


def _boards(text: str, url: str) -> BoardList:
    fail(_SOFTWARE, "no boards: a feed has none", url)


def _threads(text: str, url: str) -> ThreadList:
    fail(_SOFTWARE, "no threads: a feed has none", url)


def _posts(text: str, url: str) -> ThreadPage:
    feed = read_feed(text, url)
    if feed is None:
        fail(_SOFTWARE, "no feed at an address that should give one", url)
    posts: dict[str, Post] = {}
    for entry in feed.entries:
        post = _post(entry, feed.title)
        posts.setdefault(post.native_id, post)
    return ThreadPage(_THREAD, feed.title, None, tuple(posts.values()))


def _post(entry: Entry, title: str) -> Post:
    contents = []
    for body in entry.bodies:
        page = Page(body, entry.base, _canonical)
        contents.append(read_content(page, unsaid="", sizes=partial(_sizes, page)))
    text = next((content.text for content in contents if content.text), "")
    links = (link for content in contents for link in content.links)
    shown = [media for content in contents for media in content.media]
    updated, posted = entry.updated, entry.posted
    return Post(
        native_id=f"e{hashlib.sha256(entry.key.encode()).hexdigest()[:24]}",
        url=entry.link,
        text=text,
        posted=posted,
        author=entry.author[:200] or None,
        board=title or None,
        thread=entry.title or None,
        thread_id=_THREAD,
        edited=updated is not None and posted is not None and updated > posted,
        links=tuple(dict.fromkeys(links)),
        media=gather(_media(entry, shown)),
    )


def _media(entry: Entry, shown: list[MediaRef]) -> Iterator[MediaRef]:
    files = [MediaRef(file.url, _kind_of(file)) for file in entry.files if not file.is_thumbnail]
    yield from files
    yield from shown
    kinds = {ref.kind for ref in (*files, *shown)}
    if MediaKind.PHOTO not in kinds:
        kind = MediaKind.VIDEO_THUMB if MediaKind.VIDEO in kinds else MediaKind.PHOTO
        yield from (MediaRef(file.url, kind) for file in entry.files if file.is_thumbnail)


def _kind_of(file: File) -> MediaKind:
    known = _KINDS.get(file.type.partition("/")[0].strip().lower())
    return known or (MediaKind.PHOTO if is_picture(file.url) else MediaKind.FILE)


def _sizes(page: Page, picture: Selector) -> tuple[str, ...]:
    """Give the largest of an `img`'s sizes and the addresses that `Page.sizes` gives."""
    named = picture.attrib.get("srcset") or picture.attrib.get("data-srcset") or ""
    parts = (_CANDIDATE.fullmatch(part.strip()) for part in named[:20_000].split(", "))
    widths = {part[1]: float(part[2]) for part in parts if part is not None}
    best = page.resolve(max(widths, key=lambda url: widths[url])) if widths else None
    return tuple(dict.fromkeys((*([best] if best is not None else []), *page.sizes(picture))))


ENGINE = ForumEngine(
    name="feed",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
)
