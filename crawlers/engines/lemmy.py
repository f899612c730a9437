"""Communities on Lemmy, by the third version of its API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from markdown_it import MarkdownIt
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
from crawlers.engines._content import Content, read_content
from crawlers.engines._data import Data, fail, read_data
from crawlers.engines._page import Page, gather, is_picture, is_video
from crawlers.urls import (
    absolute,
    is_same_site,
    number,
    path_of,
    query,
    site_root,
    with_path,
    with_query,
)
from monitor.models.post import MediaKind, MediaRef, Post

_SOFTWARE = "Lemmy"
_DATA = re.compile(r"(.*/)api/v3/(community/list|post/list|post|comment/list)/?")
_PAGE = re.compile(
    r"(.*?/)(?:c/([^/]+)|post/([0-9]{1,18})|(?:communities|comment|u|home|search))(?:/.*)?"
)
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,200}")
# No page of data has more.
_SIZE = 50
# More than Lemmy takes: Markdown costs time.
_MAX_TEXT = 50_000
_MAX_COMMENT = 10_000
_CLOSED = frozenset({"instance_is_private", "not_logged_in"})
# Raw HTML is shown as text.
_MARKDOWN = MarkdownIt("commonmark", {"html": False})


@dataclass(frozen=True, slots=True)
class _Place:
    """What a URL is of.

    Attributes:
        root: The site, as a URL.
        list: As in the API; empty for a page that has no data of its own.
        given: What names the thread or the board, and the page after the first.
    """

    root: str
    list: str
    given: dict[str, str]


def _find(url: str) -> _Place | None:
    path = path_of(url) or ""
    data, page = _DATA.fullmatch(path), _PAGE.fullmatch(path)
    if data is not None:
        root = with_path(url, data[1])
        return _Place(root, data[2], _given(url, data[2]))
    if page is None:
        return None
    root = with_path(url, page[1])
    if page[2] is not None:
        return _Place(root, "post/list", {"community_name": page[2][:300]})
    if page[3] is not None:
        return _Place(root, "post", {"id": str(int(page[3]))})
    return _Place(root, "", {})


def _given(url: str, listed: str) -> dict[str, str]:
    """Give the parameters that make a difference."""
    names = {"post": ["id"], "comment/list": ["post_id"], "post/list": ["community_id"]}
    given = {
        name: str(value)
        for name in names.get(listed, [])
        if (value := number(url, name)) is not None
    }
    told = query(url)
    if listed == "post/list" and not given and told.get("community_name"):
        given = {"community_name": told["community_name"][:300]}
    if listed != "post" and (page := number(url, "page") or 1) > 1:
        given["page"] = str(page)
    if listed == "post/list" and _CURSOR.fullmatch(told.get("page_cursor", "")):
        given["page_cursor"] = told["page_cursor"]
    return given


def _address(place: _Place, listed: str, given: dict[str, str]) -> str:
    if listed == "community/list":
        given = {"type_": "Local"} | given
    elif listed == "post/list":
        is_one = "community_id" in given or "community_name" in given
        given = {"type_": "All" if is_one else "Local", "sort": "NewComments"} | given
    elif listed == "comment/list":
        given = {"type_": "All", "sort": "Old"} | given
    if listed != "post":
        given = {"limit": str(_SIZE)} | given
    return f"{place.root}api/v3/{listed}?{urlencode(given)}"


def _canonical(url: str) -> str:
    place = _find(url)
    if place is None or not place.list:
        return with_query(url, query(url))
    return _address(place, place.list, place.given)


def _root(url: str) -> str:
    place = _find(url)
    return site_root(url) if place is None else place.root


def _known(data: Data) -> PageKind | None:
    def lists(name: str, *parts: str) -> bool:
        return (data[name].each() or [Data()])[0].has(*parts)

    if data.has("post_view") or lists("comments", "comment", "creator"):
        return PageKind.POSTS
    if lists("posts", "post", "creator"):
        return PageKind.THREADS
    return PageKind.BOARDS if lists("communities", "community") else None


def _is_refused(data: Data) -> bool:
    return data["error"].text() in _CLOSED


def _recognise(text: str, url: str) -> float:
    data = read_data(text)
    if data.value is not None:
        return 0.9 if _known(data) is not None else 0.6 * _is_refused(data)
    page = Page(text, url, _canonical)
    scripts = page.scripts()
    signals = (
        (0.4, "window.isoData" in scripts),
        (0.3, '"site_res"' in scripts or '"site_view"' in scripts),
        (0.3, page.has(".lemmy-site")),
        (0.3, page.has("a[href*='join-lemmy.org']")),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _entry(text: str, url: str) -> str | None:
    if read_data(text).value is not None:
        return None
    place = _find(url) or _Place(site_root(url), "", {})
    return _address(place, place.list or "community/list", place.given)


def _kind(text: str, url: str) -> PageKind:
    place = _find(url)
    kinds = {"post": PageKind.POSTS, "comment/list": PageKind.POSTS, "post/list": PageKind.THREADS}
    return _known(read_data(text)) or kinds.get(place.list if place else "", PageKind.BOARDS)


def _listing(text: str, url: str, name: str) -> tuple[Data, _Place]:
    """Check that data has a list of this name."""
    data, place = read_data(text), _find(url)
    if place is None or not data[name].is_list():
        missing = f"no {name} in data that should list them"
        fail(_SOFTWARE, missing, url, is_refused=_is_refused(data))
    return data, place


def _next_page(place: _Place, listed: str, count: int) -> str | None:
    if count < _SIZE:
        return None
    page = int(place.given.get("page", "1")) + 1
    return _address(place, listed, place.given | {"page": str(page)})


def _is_gone(one: Data) -> bool:
    return one["deleted"].is_true() or one["removed"].is_true()


def _boards(text: str, url: str) -> BoardList:
    known = read_data(text)
    if known.has("post_view") or known["posts"].is_list() or known["comments"].is_list():
        return BoardList(())
    data, place = _listing(text, url, "communities")
    boards: dict[str, BoardRef] = {}
    for one in data["communities"].each():
        community = one["community"]
        id_ = community["id"].number()
        if id_ is not None and not _is_gone(community):
            address = _address(place, "post/list", {"community_id": str(id_)})
            boards.setdefault(str(id_), BoardRef(str(id_), address, _board(community) or ""))
    whole = BoardRef("local", _address(place, "post/list", {}), "")
    count = len(data["communities"].each())
    return BoardList(tuple(boards.values()), _next_page(place, "community/list", count), whole)


def _board(community: Data) -> str | None:
    return (community["title"].text() or community["name"].text())[:200] or None


def _threads(text: str, url: str) -> ThreadList:
    data, place = _listing(text, url, "posts")
    threads: dict[str, ThreadRef] = {}
    for one in data["posts"].each():
        post, counts = one["post"], one["counts"]
        id_ = post["id"].number()
        if id_ is None or _is_gone(post):
            continue
        newest = counts["newest_comment_time"].text() or post["published"].text()
        ref = ThreadRef(
            id=str(id_),
            url=_address(place, "post", {"id": str(id_)}),
            title=post["name"].text()[:300],
            replies=counts["comments"].number(),
            last_post=f"c{newest[:40]}",
            sticky=post["featured_local"].is_true() or post["featured_community"].is_true(),
        )
        threads.setdefault(ref.id, ref)
    count, cursor = len(data["posts"].each()), data["next_page"].text()
    next_url = None if data.has("next_page") else _next_page(place, "post/list", count)
    if count and _CURSOR.fullmatch(cursor) and cursor != place.given.get("page_cursor"):
        next_url = _address(place, "post/list", place.given | {"page_cursor": cursor})
    return ThreadList(tuple(threads.values()), next_url)


def _posts(text: str, url: str) -> ThreadPage:
    """Read the opening post, which is the first page of its thread, or some of its comments."""
    data = read_data(text)
    return _comments(text, url) if data["comments"].is_list() else _opening(data, text, url)


def _opening(data: Data, text: str, url: str) -> ThreadPage:
    place, view = _find(url), data["post_view"]
    post, id_ = view["post"], view["post"]["id"].number()
    if place is None or id_ is None:
        missing = "no post in data that should show one"
        fail(_SOFTWARE, missing, url, is_refused=_is_refused(data))
    head = _Head(place.root, str(id_), post["name"].text()[:300], _board(view["community"]))
    posts: tuple[Post, ...] = ()
    if not _is_gone(post):
        content = _content(post["body"].text()[:_MAX_TEXT], url)
        link = absolute(place.root, post["url"].text()) if post["url"].text() else None
        refs = (*_linked(post, link, place.root), *content.media)
        is_away = link is not None and not is_same_site(link, url)
        links = (link, *content.links) if link is not None and is_away else content.links
        content = Content(content.text, tuple(dict.fromkeys(links)), gather(refs))
        # Posts and comments are numbered apart.
        posts = (_post(head, f"p{id_}", f"post/{id_}", post, view["creator"], content),)
    next_url = None
    if view["counts"]["comments"].number() != 0:
        next_url = _address(place, "comment/list", {"post_id": str(id_)})
    return ThreadPage(head.thread, head.title, head.board, posts, next_url)


def _comments(text: str, url: str) -> ThreadPage:
    data, place = _listing(text, url, "comments")
    views = data["comments"].each()
    first = (views or [Data()])[0]
    thread = place.given.get("post_id") or first["comment"]["post_id"].text()
    if not re.fullmatch(r"[0-9]{1,18}", thread):
        fail(_SOFTWARE, "comments without the post that they are of", url)
    title, board = first["post"]["name"].text()[:300], _board(first["community"])
    head = _Head(place.root, thread, title, board)
    posts: dict[str, Post] = {}
    for view in views[:_SIZE]:
        comment, id_ = view["comment"], view["comment"]["id"].number()
        if id_ is not None and not _is_gone(comment):
            content = _content(comment["content"].text()[:_MAX_COMMENT], url)
            post = _post(head, str(id_), f"comment/{id_}", comment, view["creator"], content)
            posts.setdefault(post.native_id, post)
    next_url = _next_page(place, "comment/list", len(views))
    return ThreadPage(thread, title, board, tuple(posts.values()), next_url)


@dataclass(frozen=True, slots=True)
class _Head:
    """What a thread's posts share."""

    root: str
    thread: str
    title: str
    board: str | None


def _post(head: _Head, id_: str, path: str, one: Data, creator: Data, content: Content) -> Post:
    return Post(
        native_id=id_,
        url=f"{head.root}{path}",
        text=content.text,
        posted=one["published"].moment(),
        author=creator["name"].text()[:200] or None,
        board=head.board,
        thread=head.title,
        thread_id=head.thread,
        edited=bool(one["updated"].text()),
        links=content.links,
        media=content.media,
    )


def _content(markdown: str, url: str) -> Content:
    page = Page(_MARKDOWN.render(markdown), url, _canonical)
    return read_content(page, sizes=lambda picture: _sizes(page, picture))


def _sizes(page: Page, picture: Selector) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_full(url) for url in page.sizes(picture)))


def _full(url: str) -> str:
    """Give a picture at full size: smaller ones are asked for by parameters."""
    return with_query(url, {}) if "/pictrs/image/" in (path_of(url) or "") else url


def _linked(post: Data, link: str | None, root: str) -> Iterator[MediaRef]:
    """Give the medium that a post links to, or what the site shows of a page."""
    if link is None:
        return
    type_ = post["url_content_type"].text()
    # A site may stand between readers and the sites that pictures are on.
    behind = absolute(root, query(link).get("url", ""))
    if type_.startswith("image/") or is_picture(link) or (behind and is_picture(behind)):
        yield MediaRef(_full(link), MediaKind.PHOTO)
    elif type_.startswith("video/") or is_video(link):
        yield MediaRef(link, MediaKind.VIDEO)
    elif preview := absolute(root, post["thumbnail_url"].text() or "about:blank"):
        yield MediaRef(_full(preview), MediaKind.LINK_PREVIEW)


ENGINE = ForumEngine(
    name="lemmy",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
    root=_root,
    entry=_entry,
)
