"""Imageboards made with vichan and its kin (Tinyboard, infinity, NPFchan): HTML pages, or data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from parsel import Selector

from crawlers.engines import _imageboard
from crawlers.engines._base import (
    BoardList,
    BoardRef,
    ForumEngine,
    PageKind,
    ThreadList,
    ThreadPage,
    ThreadRef,
)
from crawlers.engines._data import read_data
from crawlers.engines._dates import DateOrder, read_date
from crawlers.engines._html import moment, outermost, text_of
from crawlers.engines._imageboard import MAX_TITLE, Place, find, kind_of
from crawlers.engines._page import Page, ThreadHead, gather
from crawlers.urls import query, site_root, with_query
from monitor.errors import SourceChanged
from monitor.models.post import MediaRef, Post

_POST = re.compile(r"(?:op|reply)_([0-9]{1,18})")
_NUMBER = re.compile(r"[0-9]{1,9}")
_THREADS = "div.thread[id^='thread_']"
_POSTS = ".post[id^='op_'], .post[id^='reply_']"
_CATALOG = ".mix[data-id]"
_LIST = f"{_THREADS}, {_CATALOG}, form[name='postcontrols'], #Grid"
_BOARDS = ".boardlist a[href], .board-list a[href], fieldset a[href], td a[href]"
_STICKY = ".fa-thumb-tack, .fa-thumbtack, img.icon[alt='Sticky'], img[src*='sticky']"
_REFUSAL = "input[name='username'], input[name='login']"


def _canonical(url: str) -> str:
    place = find(url)
    return with_query(url, query(url)) if place is None else place.url


def _list_place(url: str) -> tuple[str, int] | None:
    place = find(url)
    return None if place is None or place.thread is not None else (place.board, place.page)


def _root(url: str) -> str:
    place = find(url)
    return place.folder if place is not None and place.thread is not None else site_root(url)


def _recognise(html: str, url: str) -> float:
    data = read_data(html)
    if data.value is not None:
        return 0.9 * _imageboard.is_known(data)
    page = Page(html, url, _canonical)
    scripts = page.scripts()
    credit = " ".join(text_of(foot) for foot in page.tree.css("footer, .unimportant")[-5:])
    signals = (
        (0.3, "active_page" in scripts),
        (0.3, "vichan" in credit or "Tinyboard" in credit),
        (0.2, page.has("form[name='postcontrols'], #Grid")),
        (0.2, page.has(_THREADS)),
        (0.2, page.has(".post.op[id^='op_'], .mix[data-id]")),
        (0.1, page.has(".boardlist")),
        # As 4chan writes them: read as data only.
        (0.6, page.has("div.board div.thread > div.postContainer")),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _entry(html: str, url: str) -> str | None:
    place = find(url.replace("/catalog.html", "/"))
    if read_data(html).value is None:
        return None if place is None else place.data
    # A list of nothing but numbers stands for that with titles.
    is_short = re.split(r"[?#]", url, maxsplit=1)[0].endswith("/threads.json")
    return place.data if place is not None and is_short else None


def _kind(html: str, url: str) -> PageKind:
    data = read_data(html)
    if data.value is not None:
        return _imageboard.kind(data)
    page = Page(html, url, _canonical)
    place = find(url)
    if place is not None and place.thread is not None:
        return PageKind.POSTS
    return PageKind.THREADS if page.has(_LIST) else PageKind.BOARDS


def _boards(html: str, url: str) -> BoardList:
    data = read_data(html)
    if data.value is not None:
        return _imageboard.boards(data, url)
    page = Page(html, url, _canonical)
    if page.has(_LIST):
        # All boards are named on every page; a crawl of one is of that one.
        return BoardList(())
    boards: dict[str, BoardRef] = {}
    for link in outermost(page.tree, _BOARDS):
        target = page.link(link.attrib["href"])
        place = find(target) if target is not None else None
        if place is not None and place.thread is None and place.page == 1:
            title = link.attrib.get("title", "").strip() or text_of(link) or place.board
            ref = BoardRef(place.board, place.data, title, plain=place.url)
            boards.setdefault(place.board, ref)
    if not boards:
        page.fail("vichan", "no boards on a page that should list them", _REFUSAL)
    return BoardList(tuple(boards.values()))


def _threads(html: str, url: str) -> ThreadList:
    data = read_data(html)
    if data.value is not None:
        return _imageboard.threads(data, url)
    page = Page(html, url, _canonical)
    threads: dict[str, ThreadRef] = {}
    for row in outermost(page.tree, f"{_THREADS}, {_CATALOG}"):
        thread = _listed(page, row) if "data-id" in row.attrib else _thread(page, row)
        if thread is not None:
            threads.setdefault(thread.id, thread)
    if not threads and (not page.has(_LIST) or page.has(_REFUSAL)):
        page.fail("vichan", "no threads on a page that should list them", _REFUSAL)
    links = page.tree.css(".pages a[href]")
    return ThreadList(tuple(threads.values()), page.next_url(links, _list_place))


def _address(page: Page, part: Selector) -> Place | None:
    for href in part.css("a[href*='/res/']::attr(href)").getall()[:20]:
        target = page.link(href)
        place = find(target) if target is not None else None
        if place is not None and place.thread is not None:
            return place
    return None


def _thread(page: Page, row: Selector) -> ThreadRef | None:
    opening = outermost(row, ".post[id^='op_']")
    place = _address(page, opening[0]) if opening else None
    if place is None:
        return None
    replies = [reply for reply in outermost(row, ".post[id^='reply_']") if _post_id(reply)]
    omitted = row.css(".omitted")
    left_out = _NUMBER.search(text_of(omitted[0])) if omitted else None
    last = _post_id(replies[-1]) if replies else place.thread
    return ThreadRef(
        id=f"{place.board}.{place.thread}",
        url=place.url,
        title=_title(opening[0]),
        replies=len(replies) + (int(left_out[0]) if left_out is not None else 0),
        last_post=f"p{last}",
        sticky=bool(outermost(opening[0], _STICKY, without=".body")),
    )


def _listed(page: Page, row: Selector) -> ThreadRef | None:
    place = _address(page, row)
    if place is None:
        return None
    replies = row.attrib.get("data-reply", "")
    bumped = row.attrib.get("data-bump", "")
    return ThreadRef(
        id=f"{place.board}.{place.thread}",
        url=place.url,
        title=_title(row),
        replies=int(replies) if _NUMBER.fullmatch(replies) else None,
        last_post=f"b{bumped}" if re.fullmatch(r"[0-9]{1,18}", bumped) else f"t{place.thread}",
        sticky=row.attrib.get("data-sticky") == "true",
    )


def _title(part: Selector) -> str:
    """Name a thread by its subject, or by how it begins."""
    subjects = part.css(".subject") or part.css(".body, .replies")
    return text_of(subjects[0]).partition("\n")[0][:MAX_TITLE] if subjects else ""


def _posts(html: str, url: str) -> ThreadPage:
    data = read_data(html)
    if data.value is not None:
        return _imageboard.posts(data, url, _canonical)
    page = Page(html, url, _canonical)
    shown = outermost(page.tree, _THREADS)
    nodes = [node for part in shown[:1] for node in outermost(part, _POSTS) if _post_id(node)]
    if not nodes:
        page.fail("vichan", "no posts on a page that should show them", _REFUSAL)
    place = find(url)
    if place is None or place.thread is None or len(shown) > 1:
        raise SourceChanged("vichan: a thread without its number.", url=url)
    title = _title(nodes[0]) or f"/{place.board}/ {place.thread}"
    name = page.text("header h1") or place.board
    head = ThreadHead(page, f"{place.board}.{place.thread}", place.url, title, name)
    # The files of the first post stand before it.
    before = outermost(shown[0], ".fileinfo", without=".post")
    posts: dict[str, Post] = {}
    for node in nodes:
        files = [*before, *outermost(node, ".fileinfo", without=".body")]
        before = []
        post = _post(head, place.board, node, files)
        posts.setdefault(post.native_id, post)
    return ThreadPage(head.id, title, name, tuple(posts.values()))


def _post_id(node: Selector) -> str | None:
    found = _POST.fullmatch(node.attrib.get("id", ""))
    return str(int(found[1])) if found else None


def _post(head: ThreadHead, board: str, node: Selector, files: list[Selector]) -> Post:
    page, number = head.page, _post_id(node)
    content = outermost(node, ".body")
    names = outermost(node, ".name, .trip", without=".body")
    return Post(
        native_id=f"{board}.{number}",
        url=f"{head.url}#{number}",
        # Replies quote by number only; lines after ">" are the writer's own as a rule.
        text=text_of(content[0], ".toolong") if content else "",
        posted=_posted(node),
        author=" ".join(text_of(name) for name in names[:2]) or None,
        board=head.board,
        thread=head.title,
        thread_id=head.id,
        links=page.links_out(content[0], ".toolong") if content else (),
        media=gather(_media(page, files)),
    )


def _posted(node: Selector) -> datetime | None:
    for shown in outermost(node, "time", without=".body")[:1]:
        known = moment(shown.attrib.get("datetime"))
        return known or read_date(text_of(shown), UTC, order=DateOrder.MDY)
    return None


def _media(page: Page, files: list[Selector]) -> Iterator[MediaRef]:
    for info in files:
        links = info.css("a[href]")
        url = page.resolve(links[0].attrib["href"]) if links else None
        if url is None:
            continue
        names = info.css(".postfilename, a[download]")
        given = names[0].attrib if names else {}
        name = given.get("download") or given.get("title") or (text_of(names[0]) if names else "")
        yield MediaRef(url, kind_of(url), name=name[:200] or None)


ENGINE = ForumEngine(
    name="vichan",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
    root=_root,
    entry=_entry,
)
