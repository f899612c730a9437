"""DCinside galleries (디시인사이드), main, minor and mini, and boards made like them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

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
from crawlers.engines._dates import KST, read_date
from crawlers.engines._html import classes, outermost, text_of
from crawlers.engines._page import Page, gather
from crawlers.urls import number, query, site_root, with_query
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef, Post

_PATH = re.compile(r"(.{0,4000}?)/(?:(mgallery|mini|person)/)?board/(lists|view)/?")
_NAME = re.compile(r"[A-Za-z0-9_]{1,40}")
_LIST = "table.gall_list, .gall_listwrap"
_ROWS = "tr.us-post, tr.ub-content"
_CONTENT = ".write_div"
_FOREIGN = ".written_dccon, .dccon, .og-div, .og-wrap"
_FILES = ".appending_file a[href]"
_REFUSAL = "input[type='password'], .adult_wrap, .layer_adult"


@dataclass(frozen=True, slots=True)
class _Place:
    """The gallery of a URL, and its post; ids are of one kind of gallery, or of one gallery."""

    board: str
    post: int | None
    page: int
    url: str


def _find(url: str) -> _Place | None:
    address = re.split(r"[?#]", url, maxsplit=1)[0]
    found = _PATH.fullmatch(address)
    name, post = query(url).get("id", ""), number(url, "no")
    if found is None or _NAME.fullmatch(name) is None or (found[3] == "view") != (post is not None):
        return None
    page = number(url, "page") or 1
    board = f"{found[2]}.{name}" if found[2] else name
    asked = {"id": name}
    if post is not None:
        asked["no"] = str(post)
    elif page > 1:
        asked["page"] = str(page)
    return _Place(board, post, page, with_query(address.rstrip("/") + "/", asked))


def _canonical(url: str) -> str:
    place = _find(url)
    return with_query(url, query(url)) if place is None else place.url


def _list_place(url: str) -> tuple[str, int] | None:
    place = _find(url)
    return None if place is None or place.post is not None else (place.board, place.page)


def _root(url: str) -> str:
    found = _PATH.fullmatch(re.split(r"[?#]", url, maxsplit=1)[0])
    return site_root(url) if found is None else found[1] + "/"


def _recognise(html: str, url: str) -> float:
    page = Page(html, url, _canonical)
    hrefs = page.tree.css("a::attr(href)").getall()
    signals = (
        (0.3, page.has("table.gall_list, .gallview_head")),
        (0.2, page.has(".ub-writer, .ub-content")),
        (0.2, page.has(".writing_view_box .write_div, tr.us-post")),
        (0.2, page.has(".dcheader, .dcwrap")),
        (0.1, page.has(".dcfoot, .gnb_bar")),
        (0.2, any("/board/lists" in href for href in hrefs)),
        (0.1, _find(url) is not None),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _kind(html: str, url: str) -> PageKind:
    page = Page(html, url, _canonical)
    # Below a post is the list that it is in.
    if page.has(".gallview_head, .writing_view_box"):
        return PageKind.POSTS
    return PageKind.THREADS if page.has(_LIST) else PageKind.BOARDS


def _boards(html: str, url: str) -> BoardList:
    page = Page(html, url, _canonical)
    if page.has(f"{_LIST}, .gallview_head"):
        # Other galleries are named on every page; a crawl of one is of that one.
        return BoardList(())
    boards: dict[str, BoardRef] = {}
    for link in outermost(page.tree, "a[href]"):
        target = page.link(link.attrib["href"])
        place = _find(target) if target is not None else None
        if place is not None and place.post is None and place.page == 1:
            boards.setdefault(place.board, BoardRef(place.board, place.url, text_of(link)))
    if not boards:
        page.fail("DCinside", "no galleries on a page that should list them", _REFUSAL)
    return BoardList(tuple(boards.values()))


def _threads(html: str, url: str) -> ThreadList:
    page = Page(html, url, _canonical)
    threads: dict[str, ThreadRef] = {}
    for row in outermost(page.tree, _ROWS, without=".gallview_head"):
        thread = _thread(page, row)
        if thread is not None:
            threads.setdefault(thread.id, thread)
    if not threads and not page.has(_LIST):
        page.fail("DCinside", "no posts on a page that should list them", _REFUSAL)
    links = page.tree.css(".bottom_paging_box a[href]")
    return ThreadList(tuple(threads.values()), page.next_url(links, _list_place))


def _thread(page: Page, row: Selector) -> ThreadRef | None:
    numbers = row.css(".gall_num")
    is_notice = row.attrib.get("data-type") == "icon_notice" or "ub-notice" in classes(row)
    # Advertisements and polls have a word in place of their number.
    if not is_notice and numbers and not text_of(numbers[0]).isdecimal():
        return None
    for link in row.css(".gall_tit a[href]"):
        target = page.link(link.attrib["href"])
        place = _find(target) if target is not None else None
        if place is not None and place.post is not None and "reply_numbox" not in classes(link):
            return ThreadRef(
                id=f"{place.board}.{place.post}",
                url=place.url,
                title=text_of(link),
                # Comments are not in the page: a new one is no reason to read it again.
                replies=None,
                last_post=str(place.post),
                sticky=is_notice,
            )
    return None


def _posts(html: str, url: str) -> ThreadPage:
    page = Page(html, url, _canonical)
    content = outermost(page.tree, _CONTENT)
    heads = page.tree.css(".gallview_head")
    if not content or not heads:
        page.fail("DCinside", "no post on a page that should show one", _REFUSAL)
    place = _find(url)
    if place is None or place.post is None:
        raise SourceChanged("DCinside: a post without its number.", url=url)
    id_ = f"{place.board}.{place.post}"
    board = page.text(".page_head h2", ".pagehead_titicon, em") or place.board
    title = page.text(".gallview_head .title_subject")
    post = Post(
        native_id=id_,
        url=place.url,
        text=text_of(content[0], _FOREIGN),
        posted=_posted(heads[0]),
        author=_author(heads[0]),
        board=board,
        thread=title,
        thread_id=id_,
        links=page.links_out(content[0], _FOREIGN),
        media=gather(_media(page, content[0])),
    )
    return ThreadPage(id_, title, board, (post,))


def _posted(head: Selector) -> datetime | None:
    for shown in head.css(".gall_date")[:1]:
        return read_date(shown.attrib.get("title") or text_of(shown), KST)
    return None


def _author(head: Selector) -> str | None:
    """Name the writer as the site does: those without an account by a part of their address."""
    for writer in head.css(".ub-writer")[:1]:
        name = writer.attrib.get("data-nick", "").strip() or text_of(writer)
        part = writer.attrib.get("data-ip", "").strip()
        return (f"{name}({part})" if part else name) or None
    return None


def _media(page: Page, content: Selector) -> Iterator[MediaRef]:
    shown_here = outermost(content, "img, video, audio", without=_FOREIGN)
    files = [link for link in page.tree.css(_FILES) if "download" in link.attrib["href"]]
    numbered = [shown for shown in shown_here if "data-fileno" in shown.attrib]
    # What is shown is made from the attachments, one by one in their order.
    pairs = zip(numbered, files, strict=True) if len(files) == len(numbered) else ()
    copies = {shown.root for shown, file in pairs if _is_made_from(page, shown, file)}
    for link in files:
        url = page.resolve(link.attrib["href"])
        kind = MediaKind.PHOTO if len(files) == len(numbered) else MediaKind.FILE
        if url is not None:
            yield MediaRef(url, kind, name=text_of(link)[:200] or None)
    for shown in shown_here:
        if shown.root.tag == "img" and shown.root not in copies:
            for url in page.sizes(shown):
                yield MediaRef(url, MediaKind.PHOTO)
        elif shown.root.tag != "img":
            played = page.video(shown)
            if played is not None:
                is_video = shown.root.tag == "video"
                yield MediaRef(played, MediaKind.VIDEO if is_video else MediaKind.SOUND)


def _is_made_from(page: Page, shown: Selector, file: Selector) -> bool:
    """Tell whether a picture comes from the site's own servers, as the attachment does."""
    source, url = page.source(shown), page.resolve(file.attrib["href"])
    if source is None or url is None:
        return False
    mine, theirs = (urlsplit(one).netloc.partition(".")[2] for one in (source, url))
    return mine == theirs and "." in mine and urlsplit(source).path.endswith("/viewimage.php")


ENGINE = ForumEngine(
    name="dcinside",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
    root=_root,
)
