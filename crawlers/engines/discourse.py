"""Forums made with Discourse, by its JSON."""

from __future__ import annotations

import re
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

_SOFTWARE = "Discourse"
# What the forum's own pages are under; a folder before it is the forum's.
_OWN = r"(?:t|c|latest|top|new|hot|categories|site|tag|tags|u|g|about|search|login|posts)"
_PLACE = re.compile(rf"(.*?/)({_OWN})(?:\.json)?(?:/(.*))?")
# Topics are t/SLUG/ID/POST; their data is had without the slug.
_TOPIC = re.compile(r"(?:[^/]*/)?([0-9]{1,18})(?:/[0-9]{1,18})?(?:\.json)?/?")
_NUMBERED = re.compile(r"([0-9]{1,18})(?:/[0-9]{1,18})?(?:\.json)?/?")
_CATEGORY = re.compile(r"((?:[^/]+/){0,9})([0-9]{1,18})(?:\.json|/(?:l|none|all)(?:/.*)?)?/?")
_SLUG = re.compile(r"[^/?#\s]{1,255}")
_REGULAR = 1  # The others are actions of moderators and whispers among them.
_CHUNK = 20  # Posts of a page, where the page does not tell.
_FOREIGN = "aside.quote, aside.onebox"
_UNSAID = "blockquote, .lightbox-wrapper .meta, .poll-info"
_SCENERY = "img.emoji, img.avatar, img.site-icon"
_REFUSALS = frozenset({"not_logged_in", "invalid_access"})


def _place(url: str) -> tuple[str, str, str] | None:
    """Split a URL into the forum's folder, the word that names a kind of page, and the rest."""
    found = _PLACE.fullmatch(path_of(url) or "")
    return None if found is None else (found[1], found[2], found[3] or "")


def _topic(rest: str) -> str | None:
    """Tell the topic of what follows "t/"."""
    found = _NUMBERED.fullmatch(rest) or _TOPIC.fullmatch(rest)
    return None if found is None else str(int(found[1]))


def _canonical(url: str) -> str:
    place = _place(url)
    page = number(url, "page") or 0
    if place is not None:
        folder, kind, rest = place
        if kind == "t" and (topic := _topic(rest)) is not None:
            given = {"page": str(page)} if page > 1 else {}
            return with_query(with_path(url, f"{folder}t/{topic}.json"), given)
        category = _CATEGORY.fullmatch(rest) if kind == "c" else None
        given = {"page": str(page)} if page > 0 else {}
        if category is not None:
            path = f"{folder}c/{category[1]}{int(category[2])}/l/latest.json"
            return with_query(with_path(url, path), given)
        if kind == "latest" and not rest:
            return with_query(with_path(url, f"{folder}latest.json"), given)
        if kind in {"site", "categories"} and not rest:
            return with_path(url, f"{folder}site.json")
    return with_query(url, query(url))


def _root(url: str) -> str:
    place = _place(url)
    return site_root(url) if place is None else with_path(url, place[0])


def _recognise(text: str, url: str) -> float:
    data = read_data(text)
    if data.value is not None:
        topics, stream = data["topic_list"], data["post_stream"]
        known = (
            topics.has("topics")
            or (stream.has("posts") and data.has("id"))
            or (data.has("categories") and data.has("post_action_types"))
            or data["category_list"].has("categories")
        )
        # What a closed forum says is said by others as well, in part.
        return 0.9 if known else 0.6 * data.has("errors", "error_type")
    page = Page(text, url, _canonical)
    made = page.tree.css("meta[name='generator']::attr(content)").get("")
    signals = (
        (0.6, made.startswith("Discourse ")),
        (0.3, page.has("#data-preloaded, #data-discourse-setup, discourse-assets")),
        (0.2, page.has("meta[name='discourse_theme_id'], meta[name^='discourse/']")),
        (0.1, page.has(".topic-body.crawler-post, .topic-list-item, #main-outlet")),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _entry(text: str, url: str) -> str | None:
    if read_data(text).value is not None:
        return None
    own = _canonical(url)
    if (path_of(own) or "").endswith(".json"):
        return own
    # A forum in a folder tells it: its start page may be called without the slash at its end.
    setup = Page(text, url, _canonical).tree.css("#data-discourse-setup::attr(data-base-uri)")
    base = setup.get("").strip("/")
    root = absolute(url, f"/{base}/") if base and len(base) < 200 else _root(url)
    return absolute(root or _root(url), "site.json")


def _kind(text: str, url: str) -> PageKind:
    data = read_data(text)
    if data.has("post_stream"):
        return PageKind.POSTS
    return PageKind.THREADS if data.has("topic_list") else PageKind.BOARDS


def _is_refused(data: Data) -> bool:
    return data["error_type"].text() in _REFUSALS


def _boards(text: str, url: str) -> BoardList:
    data, root = read_data(text), _root(url)
    if data.has("topic_list") or data.has("post_stream"):
        return BoardList(())
    if not data.has("categories") and not data["category_list"].has("categories"):
        missing = "no categories on a page that should list them"
        fail(_SOFTWARE, missing, url, is_refused=_is_refused(data))
    listed = data["categories"].each() or data["category_list"]["categories"].each()
    known: dict[int, Data] = {}
    for category in listed:
        for one in (category, *category["subcategory_list"].each()):
            if (id_ := one["id"].number()) is not None:
                known.setdefault(id_, one)
    boards: list[BoardRef] = []
    for id_, category in known.items():
        found = absolute(root, f"c/{_path(id_, known)}{id_}/l/latest.json")
        if found is not None:
            boards.append(BoardRef(str(id_), _canonical(found), category["name"].text()[:200]))
    # Unlike the lists of categories, one request tells what is new in all of them.
    whole = BoardRef("latest", _canonical(f"{root}latest.json"), "")
    return BoardList(tuple(boards), whole=whole)


def _path(id_: int, known: dict[int, Data]) -> str:
    """Give the slugs of a category and those above it: under others it is only sent on to them."""
    slugs: list[str] = []
    above: int | None = id_
    while above is not None and above in known and len(slugs) < 3:
        slug = known[above]["slug"].text()
        is_plain = _SLUG.fullmatch(slug) and not slug.isdecimal() and slug not in {".", ".."}
        slugs.insert(0, quote(slug, safe="%") if is_plain else f"{above}-category")
        above = known[above]["parent_category_id"].number()
    return "".join(f"{slug}/" for slug in slugs)


def _threads(text: str, url: str) -> ThreadList:
    data, root = read_data(text), _root(url)
    topics = data["topic_list"]
    if not topics["topics"].is_list():
        missing = "no topics on a page that should list them"
        fail(_SOFTWARE, missing, url, is_refused=_is_refused(data))
    threads: dict[str, ThreadRef] = {}
    for topic in topics["topics"].each():
        id_ = topic["id"].number()
        if id_ is None:
            continue
        posts = topic["posts_count"].number()
        # The last post's number is not given again when one before it is deleted.
        last = topic["highest_post_number"].number()
        bumped = topic["bumped_at"].text() or topic["last_posted_at"].text()
        ref = ThreadRef(
            id=str(id_),
            url=f"{root}t/{id_}.json",
            title=topic["title"].text()[:300],
            replies=None if posts is None else max(0, posts - 1),
            last_post=f"n{last or 0} {bumped[:40]}".strip(),
            sticky=topic["pinned"].is_true() or topic["pinned_globally"].is_true(),
        )
        threads.setdefault(ref.id, ref)
    next_url = None
    if topics["more_topics_url"].text() and threads:
        here = _canonical(url)
        given = {**query(here), "page": str((number(here, "page") or 0) + 1)}
        next_url = with_query(here, given)
    return ThreadList(tuple(threads.values()), next_url)


def _posts(text: str, url: str) -> ThreadPage:
    data, root = read_data(text), _root(url)
    stream, topic = data["post_stream"], data["id"].number()
    if not stream["posts"].is_list() or topic is None:
        missing = "no posts on a page that should show them"
        fail(_SOFTWARE, missing, url, is_refused=_is_refused(data))
    title = data["title"].text()[:300]
    posts: dict[str, Post] = {}
    for one in stream["posts"].each():
        post = _post(one, root, str(topic), title, url)
        if post is not None:
            posts.setdefault(post.native_id, post)
    return ThreadPage(str(topic), title, None, tuple(posts.values()), _next(data, root, topic, url))


def _next(data: Data, root: str, topic: int, url: str) -> str | None:
    """Find the page after this one, by the list of all posts that is on each of them."""
    stream, page = data["post_stream"], number(url, "page") or 1
    shown = stream["posts"].each()
    if not shown:
        return None
    last = shown[-1]["id"].number()
    # The list of a very long topic is left out, but for its end.
    ids = stream["stream"].each()
    end = ids[-1].number() if ids else stream["lastId"].number()
    size = data["chunk_size"].number() or _CHUNK
    is_more = end not in {None, last} and (not ids or len(ids) > page * size)
    return f"{root}t/{topic}.json?page={page + 1}" if is_more else None


def _post(one: Data, root: str, topic: str, title: str, url: str) -> Post | None:
    id_, place = one["id"].number(), one["post_number"].number()
    is_shown = (one["post_type"].number() or _REGULAR) == _REGULAR and not one["hidden"].is_true()
    is_gone = one["user_deleted"].is_true() or bool(one["deleted_at"].text())
    if id_ is None or is_gone or not is_shown:
        return None
    page = Page(one["cooked"].text(), url, _canonical)
    content = read_content(
        page,
        foreign=_FOREIGN,
        unsaid=_UNSAID,
        scenery=_SCENERY,
        files="a.attachment",
        sizes=lambda picture: _sizes(page, picture),
    )
    return Post(
        native_id=str(id_),
        # The number that a post has in its topic stays its own.
        url=f"{root}t/{topic}/{place or 1}",
        text=content.text,
        posted=one["created_at"].moment(),
        author=one["username"].text()[:200] or None,
        thread=title,
        thread_id=topic,
        edited=(one["version"].number() or 1) > 1,
        links=content.links,
        media=content.media,
    )


def _sizes(page: Page, picture: Selector) -> tuple[str, ...]:
    """Give a picture at full size, and the smaller one unless the forum made it from that.

    Both are then named by the same digest: UPLOADS/original/1X/DIGEST.jpeg and
    UPLOADS/optimized/1X/DIGEST_2_690x388.jpeg.
    """
    urls = page.sizes(picture)
    if len(urls) == 2:
        digest = re.search(r"/original/[^?#]{1,200}/([0-9a-f]{40})\.[a-z]{3,4}$", urls[0])
        if digest is not None and re.search(rf"/optimized/[^?#]*/{digest[1]}_", urls[1]):
            return urls[:1]
    return urls


ENGINE = ForumEngine(
    name="discourse",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
    root=_root,
    entry=_entry,
)
