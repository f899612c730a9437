"""Forums made with NodeBB, by the data that its pages are made of."""

from __future__ import annotations

import hashlib
import re
from html import unescape
from urllib.parse import quote

from parsel import Selector

from crawlers.engines._base import (
    BoardList,
    BoardRef,
    ForumEngine,
    PageKind,
    ThreadList,
    ThreadPage,
    ThreadRef,
)
from crawlers.engines._content import read_content
from crawlers.engines._data import Data, fail, read_data
from crawlers.engines._page import Page
from crawlers.urls import absolute, number, path_of, query, site_root, with_path, with_query
from monitor.models.post import Post

_SOFTWARE = "NodeBB"
# What the forum's own pages are under; a folder before it is the forum's.
_OWN = (
    r"(?:categor(?:y|ies)|topic|post|recent|popular|unread|top|tags?|users?|groups?|search|login|"
    r"register|world)"
)
_PLACE = re.compile(rf"(.*?/)(?:api/)?({_OWN})(?:/(.*))?")
# 31/first-light/14 with the place of a post
_NUMBERED = re.compile(r"([0-9]{1,18})(?:/([^/]+))?(?:/.*)?")
_FOLDER = re.compile(
    r"(?:RELATIVE_PATH\s?=\s?|\"relative_path\"\s?:\s?)[\"'](/[A-Za-z0-9_~-][A-Za-z0-9_./~-]{0,99})"
)
_RESIZED = re.compile(r"-resized(\.[A-Za-z]{3,4})$")
_MAX_DEPTH = 10
_SCENERY = "img.emoji, img.avatar, img.user-img"
_FILES = "a[href*='/uploads/']"


def _place(url: str) -> tuple[str, str, str] | None:
    """Split a URL into the forum's folder, the word that names a kind of page, and the rest."""
    found = _PLACE.fullmatch(path_of(url) or "")
    return None if found is None else (found[1], found[2], found[3] or "")


def _canonical(url: str) -> str:
    place = _place(url)
    if place is None:
        return with_query(url, query(url))
    folder, kind, rest = place
    page = number(url, "page") or 1
    given = {"page": str(page)} if page > 1 else {}
    found = _NUMBERED.fullmatch(rest) if kind in {"category", "topic"} else None
    if found is not None:
        slug = f"/{found[2]}" if found[2] else ""
        return with_query(with_path(url, f"{folder}api/{kind}/{int(found[1])}{slug}"), given)
    if kind == "categories" and not rest:
        return with_query(with_path(url, f"{folder}api/categories"), given)
    return with_query(url, query(url))


def _root(url: str) -> str:
    place = _place(url)
    return site_root(url) if place is None else with_path(url, place[0])


def _recognise(text: str, url: str) -> float:
    data = read_data(text)
    if data.value is not None:
        known = (
            any(one.has("cid") for one in data["categories"].each()[:1])
            or (data.has("cid") and data["topics"].is_list())
            or (data.has("cid", "tid") and data["posts"].is_list())
        )
        closed = _is_refused(data) and (data.has("loggedIn") or data.has("response"))
        return 0.9 if known else 0.6 * closed
    page = Page(text, url, _canonical)
    scripts = page.scripts()
    signals = (
        (
            0.3,
            page.has("[component='topic'], [component='category'], [component='category/topic']"),
        ),
        (0.2, page.has("[component='post'], [component='categories/category'], #nav-header")),
        (0.2, page.has("body[class*='page-']")),
        (0.3, page.has("script[src*='/assets/nodebb.min.js'], script[src*='/nodebb.min.js']")),
        (0.2, "RELATIVE_PATH" in scripts or '"relative_path"' in scripts),
        (0.3, page.tree.css("meta[name='generator']::attr(content)").get("") == "NodeBB"),
        (0.2, page.has("#content[class], main#panel")),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _entry(text: str, url: str) -> str | None:
    if read_data(text).value is not None:
        return None
    own = _canonical(url)
    if own.startswith(f"{_root(url)}api/"):
        return own
    # A forum in a folder tells it: its start page may be called without the slash at its end.
    found = _FOLDER.search(Page(text, url, _canonical).scripts())
    root = with_path(url, f"{found[1].rstrip('/')}/") if found is not None else _root(url)
    return f"{root}api/categories"


def _kind(text: str, url: str) -> PageKind:
    data = read_data(text)
    if data.has("tid", "posts"):
        return PageKind.POSTS
    return PageKind.THREADS if data.has("topics") else PageKind.BOARDS


def _is_refused(data: Data) -> bool:
    said = data["status"]["code"].text() or data["title"].text()
    return said in {"not-authorised", "forbidden", "[[global:403.title]]"}


def _boards(text: str, url: str) -> BoardList:
    data, root = read_data(text), _root(url)
    if data.has("tid", "posts"):
        return BoardList(())
    # A category shows those in it.
    listed = data["children"] if data.has("topics") else data["categories"]
    if not listed.is_list() and not data.has("topics"):
        missing = "no categories on a page that should list them"
        fail(_SOFTWARE, missing, url, is_refused=_is_refused(data))
    boards: dict[str, BoardRef] = {}
    waiting = [(one, 1) for one in reversed(listed.each())]
    while waiting:
        one, depth = waiting.pop()
        if depth < _MAX_DEPTH:
            waiting.extend((child, depth + 1) for child in reversed(one["children"].each()))
        board = one["cid"].number()
        # A "link" category only sends on to another site.
        if board is None or one["link"].text():
            continue
        found = absolute(root, f"api/category/{_slug(one, board)}")
        if found is not None:
            ref = BoardRef(str(board), _canonical(found), unescape(one["name"].text())[:200])
            boards.setdefault(ref.id, ref)
    return BoardList(tuple(boards.values()), _next(data, url))


def _slug(one: Data, id_: int) -> str:
    """Give what follows "category/" or "topic/": under others it is only sent on to it."""
    slug = one["slug"].text()
    first, _, rest = slug.partition("/")
    is_plain = first == str(id_) and 0 < len(rest) < 500 and not re.search(r"[/?#\s]", rest)
    return f"{id_}/{quote(rest, safe='%')}" if is_plain and rest not in {".", ".."} else str(id_)


def _next(data: Data, url: str) -> str | None:
    here = _canonical(url)
    further = data["pagination"]["next"]
    page, own = further["page"].number(), number(here, "page") or 1
    if page is None or page <= own or not further["active"].is_true():
        return None
    return with_query(here, {"page": str(page)})


def _threads(text: str, url: str) -> ThreadList:
    data, root = read_data(text), _root(url)
    if not data["topics"].is_list():
        missing = "no topics on a page that should list them"
        fail(_SOFTWARE, missing, url, is_refused=_is_refused(data))
    threads: dict[str, ThreadRef] = {}
    for topic in data["topics"].each():
        id_ = topic["tid"].number()
        if id_ is None or topic["deleted"].is_true() or topic["scheduled"].is_true():
            continue
        found = absolute(root, f"api/topic/{_slug(topic, id_)}")
        posts = topic["postcount"].number()
        last = topic["lastposttime"].number(), topic["teaser"]["pid"].number()
        if found is not None:
            ref = ThreadRef(
                id=str(id_),
                url=_canonical(found),
                title=_title(topic),
                replies=None if posts is None else max(0, posts - 1),
                last_post=f"t{last[0] or 0} p{last[1] or 0}",
                sticky=topic["pinned"].is_true(),
            )
            threads.setdefault(ref.id, ref)
    return ThreadList(tuple(threads.values()), _next(data, url))


def _title(topic: Data) -> str:
    return (topic["titleRaw"].text() or unescape(topic["title"].text()))[:300]


def _posts(text: str, url: str) -> ThreadPage:
    data, root = read_data(text), _root(url)
    topic = data["tid"].number()
    if topic is None or not data["posts"].is_list():
        missing = "no posts on a page that should show them"
        fail(_SOFTWARE, missing, url, is_refused=_is_refused(data))
    title = _title(data)
    board = unescape(data["category"]["name"].text())[:200] or None
    posts: dict[str, Post] = {}
    for one in data["posts"].each():
        if one["pid"].text() and not one["deleted"].is_true():
            post = _post(one, root, url, title=title, board=board, topic=str(topic))
            posts.setdefault(post.native_id, post)
    return ThreadPage(str(topic), title, board, tuple(posts.values()), _next(data, url))


def _post(one: Data, root: str, url: str, *, title: str, board: str | None, topic: str) -> Post:
    pid, user = one["pid"].text()[:2_000], one["user"]
    # What other servers sent has their address in place of a number.
    is_own = one["pid"].number() is not None
    native_id = pid if is_own else f"u{hashlib.sha256(pid.encode()).hexdigest()[:24]}"
    page = Page(one["content"].text(), url, _canonical)
    content = read_content(
        page, scenery=_SCENERY, files=_FILES, sizes=lambda picture: _sizes(page, picture)
    )
    return Post(
        native_id=native_id,
        url=f"{root}post/{quote(pid, safe='')}",
        text=content.text,
        posted=one["timestampISO"].moment() or one["timestamp"].epoch(per_second=1_000),
        author=(user["username"].text() or user["displayname"].text())[:200] or None,
        board=board,
        thread=title,
        thread_id=topic,
        edited=bool(one["edited"].number() or one["editedISO"].text()),
        links=content.links,
        media=content.media,
    )


def _sizes(page: Page, picture: Selector) -> tuple[str, ...]:
    """Give a picture as it was before the forum made it smaller, too: it keeps both."""
    urls = page.sizes(picture)
    originals = (_RESIZED.sub(r"\1", url) for url in urls)
    return tuple(dict.fromkeys((*originals, *urls)))


ENGINE = ForumEngine(
    name="nodebb",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
    root=_root,
    entry=_entry,
)
