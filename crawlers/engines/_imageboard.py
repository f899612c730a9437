"""Imageboards as data: the JSON that 4chan gives, and vichan in its manner; addresses of both."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from crawlers.engines._base import (
    BoardList,
    BoardRef,
    PageKind,
    ThreadList,
    ThreadPage,
    ThreadRef,
)
from crawlers.engines._data import Data, fail
from crawlers.engines._html import parse, text_of
from crawlers.engines._page import Page, gather, is_picture, is_video
from crawlers.urls import absolute
from monitor.models.post import MediaKind, MediaRef, Post

MAX_TITLE = 100
_NAME = re.compile(r"[A-Za-z0-9]{1,20}")
# b/res/31.html, b/res/31-dawn-at-the-pier.html, b/res/31+50.html with the last 50 posts only
_THREAD = re.compile(r"([0-9]{1,18})(-[^/]{1,200}|\+[0-9]{1,4})?\.html")
_INDEX = re.compile(r"(?:index|([0-9]{1,9}))\.html|")
# As data: b/catalog.json, b/res/31.json, or b/thread/31.json, whose page is b/thread/31/dawn.
_DATA = re.compile(
    r"(.+//[^/]+/(?:.*/)?)([A-Za-z0-9]{1,20})/"
    r"(?:res/([0-9]{1,18})\.json|thread/([0-9]{1,18})(?:\.json|/[^/]*)?|(?:catalog|threads)\.json)"
)
_SLUG = re.compile(r"[A-Za-z0-9_-]{1,200}")
_FILE = re.compile(r"[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9]{1,10}")
_SOUND = re.compile(r"\.(?:mp3|ogg|opus|flac|m4a|wav)$", re.IGNORECASE)
# 4chan has a host for data, one for pages and one for files, which its data does not tell.
_4CHAN = "a.4cdn.org"
_4CHAN_PAGES = "https://boards.4chan.org/"
_4CHAN_FILES = "https://i.4cdn.org/"


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL is of; post numbers are of one board only.

    Attributes:
        folder: The folder that the boards are in.
        page: Of the list of threads.
        url: Canonical.
        data: Where the same is had as data; of data itself `url`.
    """

    folder: str
    board: str
    thread: str | None
    page: int
    url: str
    data: str


def find(url: str) -> Place | None:
    """Tell what a URL is of; None for that of no board or thread."""
    address = re.split(r"[?#]", url, maxsplit=1)[0]
    found = _DATA.fullmatch(address)
    if found is not None:
        return _data_place(found)
    folder, _, last = address.rpartition("/")
    above, _, board = folder.removesuffix("/res").rpartition("/")
    if not _NAME.fullmatch(board) or above.count("/") < 2:
        return None
    if folder.endswith("/res"):
        found = _THREAD.fullmatch(last)
        if found is None:
            return None
        slug, thread = found[2] or "", str(int(found[1]))
        file = f"{found[1]}{slug if slug[:1] == '-' else ''}.html"
        data = f"{folder}/{thread}.json"
        return Place(f"{above}/", board, thread, 1, f"{folder}/{file}", data)
    found = _INDEX.fullmatch(last)
    if found is None:
        return None
    page = max(1, int(found[1] or 1))
    url = f"{folder}/" + (f"{page}.html" if page > 1 else "")
    return Place(f"{above}/", board, None, page, url, f"{folder}/catalog.json")


def _data_place(found: re.Match[str]) -> Place:
    within = f"{found[1]}{found[2]}/"
    number = found[3] or found[4]
    if number is None:
        url = f"{within}catalog.json"
        return Place(found[1], found[2], None, 1, url, url)
    thread = str(int(number))
    url = f"{within}{'res' if found[3] else 'thread'}/{thread}.json"
    return Place(found[1], found[2], thread, 1, url, url)


def kind_of(url: str) -> MediaKind:
    """Tell what a file is by its name."""
    if is_picture(url):
        return MediaKind.PHOTO
    if is_video(url):
        return MediaKind.VIDEO
    return MediaKind.SOUND if _SOUND.search(urlsplit(url).path) else MediaKind.FILE


def is_known(data: Data) -> bool:
    """Tell whether data is of an imageboard."""
    first = (data.each() or data["posts"].each() or data["boards"].each() or [Data()])[0]
    return (
        (data.is_list() and first.has("page", "threads"))
        or (data.has("posts") and first.has("no", "time"))
        or (data.has("boards") and first.has("board", "title"))
    )


def kind(data: Data) -> PageKind:
    """Tell what data lists."""
    if data.is_list():
        return PageKind.THREADS
    return PageKind.POSTS if data.has("posts") else PageKind.BOARDS


def boards(data: Data, url: str) -> BoardList:
    """List the boards of a site."""
    if data.is_list() or data.has("posts"):
        return BoardList(())
    if not data["boards"].is_list():
        fail("vichan", "no boards in data that should list them", url)
    refs: dict[str, BoardRef] = {}
    for one in data["boards"].each():
        name = one["board"].text()
        found = absolute(url, f"{name}/catalog.json") if _NAME.fullmatch(name) else None
        if found is not None:
            refs.setdefault(name, BoardRef(name, found, _plain(one["title"])[:200] or name))
    return BoardList(tuple(refs.values()))


def threads(data: Data, url: str) -> ThreadList:
    """List the threads of a board, all at once."""
    place = find(url)
    if not data.is_list() or place is None:
        fail("vichan", "no threads in data that should list them", url)
    refs: dict[str, ThreadRef] = {}
    for page in data.each():
        for one in page["threads"].each():
            number = one["no"].number()
            if number is not None:
                refs.setdefault(str(number), _listed(one, place, number))
    return ThreadList(tuple(refs.values()))


def _listed(one: Data, place: Place, number: int) -> ThreadRef:
    # Only 4chan writes the time out, too.
    folder = "thread" if one.has("now") else "res"
    last = [reply["no"].number() or 0 for reply in one["last_replies"].each()[-1:]]
    # Where a reply need not move its thread up, its time alone does not tell.
    signal = (one["last_modified"].number(), one["omitted_posts"].number(), *last)
    return ThreadRef(
        id=f"{place.board}.{number}",
        url=f"{place.folder}{place.board}/{folder}/{number}.json",
        title=_title(one),
        replies=one["replies"].number(),
        last_post="m" + ".".join(str(part or 0) for part in signal),
        sticky=one["sticky"].is_true(),
    )


def _plain(value: Data) -> str:
    """Read a name, in which marks of HTML are written as entities."""
    text = value.text()
    return text_of(parse(text)) if "&" in text or "<" in text else text.strip()


def _title(one: Data) -> str:
    """Name a thread by its subject, or by how it begins."""
    text = _plain(one["sub"]) or text_of(parse(one["com"].text()), ".toolong")
    return text.partition("\n")[0][:MAX_TITLE]


@dataclass(frozen=True, slots=True)
class _Thread:
    """What the posts of a thread share.

    Attributes:
        page: What a person opens.
        files: The folder of the files.
    """

    place: Place
    title: str
    page: str
    files: str


def posts(data: Data, url: str, canonical: Callable[[str], str]) -> ThreadPage:
    """Read a thread, which is whole."""
    place = find(url)
    listed = [one for one in data["posts"].each() if one["no"].number() is not None]
    if place is None or place.thread is None or not listed:
        fail("vichan", "no posts in data that should show them", url)
    title = _title(listed[0]) or f"/{place.board}/ {place.thread}"
    within = f"{place.board}/"
    page, files = f"{place.folder}{within}res/", f"{place.folder}{within}src/"
    slug = listed[0]["semantic_url"].text()
    if "/thread/" in place.url:
        is_4chan = urlsplit(place.folder).netloc == _4CHAN
        page = f"{_4CHAN_PAGES if is_4chan else place.folder}{within}thread/{place.thread}#p"
        files = f"{_4CHAN_FILES}{within}" if is_4chan else files
    else:
        page += place.thread + (f"-{slug}" if _SLUG.fullmatch(slug) else "") + ".html#"
    thread = _Thread(place, title, page, files)
    found: dict[str, Post] = {}
    for one in listed:
        post = _post(one, thread, Page(one["com"].text(), url, canonical))
        found.setdefault(post.native_id, post)
    id_ = f"{place.board}.{place.thread}"
    return ThreadPage(id_, title, place.board, tuple(found.values()))


def _post(one: Data, thread: _Thread, page: Page) -> Post:
    number = one["no"].number()
    names = (_plain(one["name"]), _plain(one["trip"]))
    board = thread.place.board
    return Post(
        native_id=f"{board}.{number}",
        url=f"{thread.page}{number}",
        # As in the pages, so that a post is the same however it was read.
        text=text_of(page.tree, ".toolong"),
        posted=one["time"].epoch(),
        author=" ".join(filter(None, names))[:200] or None,
        board=board,
        thread=thread.title,
        thread_id=f"{board}.{thread.place.thread}",
        links=page.links_out(page.tree, ".toolong"),
        media=gather(_media(one, thread)),
    )


def _media(one: Data, thread: _Thread) -> Iterator[MediaRef]:
    for file in (one, *one["extra_files"].each()):
        name = f"{file['tim'].text()}{file['ext'].text()}"
        # Of a deleted file the name is left, or nothing but the word.
        if file["filedeleted"].is_true() or not _FILE.fullmatch(name):
            continue
        url = f"{thread.files}{name}"
        given = f"{_plain(file['filename'])}{file['ext'].text()}" if file.has("filename") else ""
        yield MediaRef(url, kind_of(url), name=given[:200] or None, md5=_md5(file["md5"].text()))


def _md5(written: str) -> str | None:
    """Read 16 bytes in Base64."""
    try:
        digest = base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == 16 else None
