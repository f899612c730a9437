"""Forums made with Flarum, by its JSON:API."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlencode

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
from monitor.models.post import Post

_SOFTWARE = "Flarum"
# As data: api/discussions, api/posts, api/tags.
_DATA = re.compile(r"(.*/)api/(discussions|posts|tags)(?:/[0-9]{1,18})?/?")
# As pages: d/31-first-light/14, t/pictures, and lists of all threads.
_PAGE = re.compile(
    r"(.*?/)(?:d/([0-9]{1,18})(?:-[^/]*)?(?:/.*)?|t/([^/]+)/?|(?:all|tags|u|p)(?:/.*)?)"
)
_SAFE_ID = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_SIZE = 50
_UNSAID = "blockquote, .PostMention"
_SCENERY = "img.emoji, img.Avatar"
_FILES = "a[href*='/assets/files/'], .ButtonGroup a[href][download]"
_CLOSED = frozenset({"not_authenticated", "permission_denied"})


@dataclass(frozen=True, slots=True)
class _Place:
    """What a URL is of.

    Attributes:
        root: The forum's folder, as a URL.
        list: "discussions", "posts" or "tags"; empty for a page that has none of its own.
        of: The thread or the board that it lists; empty for all.
    """

    root: str
    list: str
    of: str


def _find(url: str) -> _Place | None:
    path, given = path_of(url) or "", query(url)
    found = _DATA.fullmatch(path)
    if found is not None:
        name = {"posts": "filter[discussion]", "discussions": "filter[tag]"}.get(found[2], "")
        root = with_path(url, found[1])
        return _Place(root, found[2], given.get(name, "")[:200])
    found = _PAGE.fullmatch(path)
    if found is None:
        return None
    root = with_path(url, found[1])
    if found[2] is not None:
        return _Place(root, "posts", str(int(found[2])))
    tag = unquote(found[3] or "")
    return _Place(root, "discussions" if tag else "", tag[:200])


def _canonical(url: str) -> str:
    place = _find(url)
    if place is None or not place.list:
        return with_query(url, query(url))
    return _address(place, number(url, "page[offset]") or 0)


def _address(place: _Place, offset: int) -> str:
    given: dict[str, str] = {}
    if place.list == "posts":
        given = {"filter[discussion]": place.of, "include": "user,discussion", "sort": "number"}
    elif place.list == "discussions":
        given = {"filter[tag]": place.of} if place.of else {}
        given |= {"sort": "-lastPostedAt"}
    if given:
        given |= {"page[limit]": str(_SIZE)} | ({"page[offset]": str(offset)} if offset else {})
    return f"{place.root}api/{place.list}" + (f"?{urlencode(given)}" if given else "")


def _root(url: str) -> str:
    place = _find(url)
    return site_root(url) if place is None else place.root


def _known(data: Data) -> str:
    """Tell which list it is; empty for none of Flarum's."""
    first = (data["data"].each() or [Data()])[0]
    kind = first["type"].text()
    return kind if kind in {"discussions", "posts", "tags"} and first.has("attributes") else ""


def _is_refused(data: Data) -> bool:
    return any(error["code"].text() in _CLOSED for error in data["errors"].each()[:9])


def _recognise(text: str, url: str) -> float:
    data = read_data(text)
    if data.value is not None:
        if _known(data):
            return 0.9
        # A list of nothing looks like that of others, but for its address.
        return 0.6 * _is_refused(data)
    page = Page(text, url, _canonical)
    signals = (
        (0.5, page.has("script#flarum-json-payload")),
        (0.4, page.has("#flarum-loading, #flarum-content")),
        (0.2, page.has("#flarum-loading-error")),
        (0.2, page.has("script[src*='/assets/forum-'], script[src*='/assets/forum.js']")),
        (0.2, "flarum.core" in page.scripts()),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _entry(text: str, url: str) -> str | None:
    if read_data(text).value is not None:
        return None
    page = Page(text, url, _canonical)
    told = read_data(page.tree.css("script#flarum-json-payload::text").get("").strip())
    resources = {
        one["type"].text(): one["attributes"] for one in reversed(told["resources"].each())
    }
    place = _find(url)
    if place is not None and place.list:
        return _address(place, 0)
    forum = resources.get("forums", Data())
    root = _told_root(forum["apiUrl"].text(), url) or _root(url)
    # Without the extension for tags, which has settings of its own, there are no boards.
    has_tags = "tags" in resources or forum.has("minPrimaryTags")
    return _address(_Place(root, "tags" if has_tags else "discussions", ""), 0)


def _told_root(api: str, url: str) -> str | None:
    """Give the forum's folder, which is on its own site, whatever the page says.

    A start page may be called without the slash at its end.
    """
    told = absolute(url, api)
    if told is None or not is_same_site(told, url):
        return None
    path = path_of(told) or ""
    return with_path(url, path.removesuffix("api")) if path.endswith("/api") else None


def _kind(text: str, url: str) -> PageKind:
    data = read_data(text)
    place = _find(url)
    known = _known(data) or (place.list if place is not None else "")
    kinds = {"discussions": PageKind.THREADS, "posts": PageKind.POSTS}
    return kinds.get(known, PageKind.BOARDS)


def _listing(text: str, url: str, kind: str) -> tuple[Data, _Place]:
    """Check that a page is the list of a kind that it should be."""
    data, place = read_data(text), _find(url)
    known = _known(data)
    is_empty = data["data"].is_list() and not data["data"].each()
    if place is None or not (known == kind or (is_empty and place.list == kind)):
        missing = f"no {kind} in data that should list them"
        fail(_SOFTWARE, missing, url, is_refused=_is_refused(data))
    return data, place


def _boards(text: str, url: str) -> BoardList:
    if read_data(text)["data"].is_list() and _kind(text, url) is not PageKind.BOARDS:
        return BoardList(())
    data, place = _listing(text, url, "tags")
    boards: dict[str, BoardRef] = {}
    for tag in data["data"].each():
        about, id_ = tag["attributes"], tag["id"].text()
        slug = about["slug"].text()
        if _SAFE_ID.fullmatch(id_) and 0 < len(slug) <= 200:
            address = _address(_Place(place.root, "discussions", slug), 0)
            boards.setdefault(id_, BoardRef(id_, address, about["name"].text()[:200]))
    whole = BoardRef("all", _address(_Place(place.root, "discussions", ""), 0), "")
    # "Hide from all discussions": the list of all lacks what is under such a tag only.
    has_hidden = any(tag["attributes"]["isHidden"].is_true() for tag in data["data"].each())
    return BoardList(tuple(boards.values()), whole=None if has_hidden else whole)


def _next(data: Data, place: _Place, url: str) -> str | None:
    """Find the page after this one, where the data says that there is one."""
    offset = number(url, "page[offset]") or 0
    count = len(data["data"].each())
    is_more = bool(data["links"]["next"].text()) if data.has("links") else count >= _SIZE
    return _address(place, offset + count) if is_more and count else None


def _threads(text: str, url: str) -> ThreadList:
    data, place = _listing(text, url, "discussions")
    threads: dict[str, ThreadRef] = {}
    for one in data["data"].each():
        about, id_ = one["attributes"], one["id"].number()
        if id_ is None or about["isHidden"].is_true():
            continue
        posts = about["commentCount"].number()
        last, when = about["lastPostNumber"].number(), about["lastPostedAt"].text()
        ref = ThreadRef(
            id=str(id_),
            url=_address(_Place(place.root, "posts", str(id_)), 0),
            title=about["title"].text()[:300],
            replies=None if posts is None else max(0, posts - 1),
            last_post=f"n{last or 0} {when[:40]}".strip(),
            sticky=about["isSticky"].is_true(),
        )
        threads.setdefault(ref.id, ref)
    return ThreadList(tuple(threads.values()), _next(data, place, url))


def _posts(text: str, url: str) -> ThreadPage:
    data, place = _listing(text, url, "posts")
    included = {(one["type"].text(), one["id"].text()): one for one in data["included"].each()}
    thread = place.of if place.of.isdecimal() else ""
    for one in data["data"].each()[:1]:
        thread = thread or one["relationships"]["discussion"]["data"]["id"].text()
    if not re.fullmatch(r"[0-9]{1,18}", thread):
        fail(_SOFTWARE, "a thread without its id", url)
    title = included.get(("discussions", thread), Data())["attributes"]["title"].text()[:300]
    posts: dict[str, Post] = {}
    for one in data["data"].each():
        about, id_ = one["attributes"], one["id"].number()
        # The others tell that a thread was renamed, closed or given another tag.
        if id_ is None or about["contentType"].text() != "comment" or about["isHidden"].is_true():
            continue
        writer = one["relationships"]["user"]["data"]["id"].text()
        user = included.get(("users", writer), Data())["attributes"]
        author = user["displayName"].text() or user["username"].text()
        post = _post(about, str(id_), place, thread, title, author, url)
        posts.setdefault(post.native_id, post)
    return ThreadPage(thread, title, None, tuple(posts.values()), _next(data, place, url))


def _post(
    about: Data, id_: str, place: _Place, thread: str, title: str, author: str, url: str
) -> Post:
    page = Page(about["contentHtml"].text(), url, _canonical)
    content = read_content(page, unsaid=_UNSAID, scenery=_SCENERY, files=_FILES)
    number_ = about["number"].number()
    return Post(
        native_id=id_,
        # The number that a post has in its thread stays its own.
        url=f"{place.root}d/{thread}" + (f"/{number_}" if number_ is not None else ""),
        text=content.text,
        posted=about["createdAt"].moment(),
        author=author[:200] or None,
        thread=title,
        thread_id=thread,
        edited=bool(about["editedAt"].text()),
        links=content.links,
        media=content.media,
    )


ENGINE = ForumEngine(
    name="flarum",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
    root=_root,
    entry=_entry,
)
