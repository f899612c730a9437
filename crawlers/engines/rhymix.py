"""Rhymix and XpressEngine, with the board skins that come with them and sketchbook5."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
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
from crawlers.engines._html import classes, moment, outermost, text_of
from crawlers.engines._page import Page, ThreadHead, gather
from crawlers.urls import is_same_site, number, query, with_query
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef, Post

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_NUMBER = re.compile(r"[0-9]{1,18}")
_COMMENT = re.compile(r"comment_([0-9]{1,18})")
_DOCUMENT = re.compile(r"document_([0-9]{1,18})(?:_[0-9]{1,18})?")
_LISTS = ".board_list, .bd_lst"
_ROWS = ".board_list tbody tr, .board_list li, .bd_lst tbody tr, .bd_lst li"
_READ = ".board_read, .rd"
_CONTENT = ".xe_content, .rhymix_content"
_COMMENTS = "[id^='comment_']"
_TITLE = ".read_header h1, .rd_hd h1, .board_read h1"
_FOREIGN = "blockquote, .sign, .document_popup_menu, .comment_popup_menu, .popup_menu_area"
_FILES = "a[href*='procFileDownload']"
_WRITER = ".author, a[class*='member_'], .nick, .nickname"
_TIME = "time, .time, .date"
_COUNT = ".replyNum, .comment_count"
_REFUSAL = "#access, #fo_member_login, .secretMessage, input[name='password']"
_PAGES = ".pagination a[href], .bd_pg a[href], .pageNavigation a[href]"
_SCENERY = ("/modules/", "/files/thumbnails/", "/files/member_extra_info/", "/common/", "/addons/")


@dataclass(frozen=True, slots=True)
class _Place:
    """What a URL is of.

    Attributes:
        folder: Where the site is, with its last slash.
        mid: Name of the board; None where a document goes by its number alone.
        page: Of the list of documents.
        cpage: Of the comments; 0: the last one, unless there is no other.
    """

    folder: str
    mid: str | None
    document: int | None
    page: int
    cpage: int
    is_short: bool


def _find(url: str) -> _Place | None:
    given = query(url)
    address = re.split(r"[?#]", url, maxsplit=1)[0]
    folder, _, last = address.rpartition("/")
    page, cpage = number(url, "page") or 1, number(url, "cpage") or 0
    document = number(url, "document_srl")
    mid = given.get("mid", "")
    if "act" in given or not address.startswith("http"):
        return None
    if last in {"", "index.php"}:
        known = _NAME.fullmatch(mid)
        if known is None and document is None:
            return None
        return _Place(f"{folder}/", mid if known else None, document, page, cpage, is_short=False)
    parts = address.split("/")[3:]
    for mark in ("page", "comment", "category"):
        if len(parts) > 2 and parts[-2] == mark and _NUMBER.fullmatch(parts[-1]):
            page = int(parts[-1]) if mark == "page" else page
            del parts[-2:]
    if _NUMBER.fullmatch(parts[-1]):
        document = int(parts.pop())
    name = parts.pop() if parts and _NAME.fullmatch(parts[-1]) else None
    if name is None and document is None:
        return None
    above = "".join(f"{part}/" for part in parts)
    start = "/".join(address.split("/")[:3])
    return _Place(f"{start}/{above}", name, document, page, cpage, is_short=True)


def _canonical(url: str) -> str:
    place = _find(url)
    if place is None:
        kept = {key: value for key, value in query(url).items() if key != "PHPSESSID"}
        return with_query(url, kept)
    asked: dict[str, str] = {}
    path = place.folder
    if place.is_short:
        path += "/".join(str(part) for part in (place.mid, place.document) if part is not None)
    else:
        path += "index.php"
        asked |= {} if place.mid is None else {"mid": place.mid}
        asked |= {} if place.document is None else {"document_srl": str(place.document)}
    if place.document is not None and place.cpage > 0:
        asked["cpage"] = str(place.cpage)
    if place.document is None and place.page > 1:
        asked["page"] = str(place.page)
    return with_query(path, asked)


def _root(url: str) -> str:
    place = _find(url)
    return place.folder if place is not None else url.partition("?")[0].rpartition("/")[0] + "/"


def _list_place(url: str) -> tuple[str, int] | None:
    place = _find(url)
    is_list = place is not None and place.document is None and place.mid is not None
    return (str(place.mid), place.page) if place is not None and is_list else None


def _comment_place(url: str) -> tuple[str, int] | None:
    place = _find(url)
    return None if place is None or place.document is None else (str(place.document), place.cpage)


def _recognise(html: str, url: str) -> float:
    page = Page(html, url, _canonical)
    scripts = page.scripts()
    sources = page.tree.css("script::attr(src), link::attr(href)").getall()
    maker = page.tree.css("meta[name='generator' i]::attr(content)").get("")
    own = ("/common/js/xe.", "/common/js/rhymix", "/common/css/xe.", "/common/css/rhymix")
    hrefs = page.tree.css("a::attr(href)").getall()
    signals = (
        (0.5, maker.startswith(("XpressEngine", "Rhymix"))),
        (0.3, any(name in source for source in sources for name in own)),
        (0.2, "current_mid" in scripts or "current_url" in scripts),
        (0.1, "default_url" in scripts),
        (0.2, page.has(f"{_CONTENT}, .fbList, #access, .bd_lst, .board_list")),
        (0.1, any("document_srl=" in href or "mid=" in href for href in hrefs)),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _kind(html: str, url: str) -> PageKind:
    page = Page(html, url, _canonical)
    if page.has(_READ):
        return PageKind.POSTS
    return PageKind.THREADS if page.has(_LISTS) else PageKind.BOARDS


def _boards(html: str, url: str) -> BoardList:
    """List the boards that the page shows documents of: a menu leads to other pages, too."""
    page = Page(html, url, _canonical)
    if page.has(f"{_READ}, {_LISTS}"):
        # The menu is on every page; a crawl of one board is of that board.
        return BoardList(())
    titles: dict[str, tuple[str, str]] = {}
    with_documents: dict[str, None] = {}
    for link in outermost(page.tree, "a[href]"):
        target = page.link(link.attrib["href"])
        place = _find(target) if target is not None else None
        if target is None or place is None or place.mid is None:
            continue
        if place.document is None:
            titles.setdefault(place.mid, (target, text_of(link)))
        else:
            with_documents.setdefault(place.mid)
    boards = []
    for mid in with_documents or titles:
        address, title = titles.get(mid, (_board_url(page, mid), mid))
        boards.append(BoardRef(mid, address, title or mid))
    if not boards:
        page.fail("Rhymix", "no boards on a page that should list them", _REFUSAL)
    return BoardList(tuple(boards))


def _board_url(page: Page, mid: str) -> str:
    return _canonical(f"{_root(page.url)}index.php?mid={mid}")


def _threads(html: str, url: str) -> ThreadList:
    page = Page(html, url, _canonical)
    threads: dict[str, ThreadRef] = {}
    for row in outermost(page.tree, _ROWS, without=_READ):
        thread = _thread(page, row)
        if thread is not None:
            threads.setdefault(thread.id, thread)
    if not threads and (not page.has(_LISTS) or page.has("#access, .secretMessage")):
        page.fail("Rhymix", "no documents on a page that should list them", _REFUSAL)
    return ThreadList(tuple(threads.values()), page.next_url(page.tree.css(_PAGES), _list_place))


def _thread(page: Page, row: Selector) -> ThreadRef | None:
    for link in row.css("a[href]"):
        target = page.link(link.attrib["href"])
        place = _find(target) if target is not None else None
        title = text_of(link, _COUNT)
        if place is None or place.document is None or not title or "replyNum" in classes(link):
            continue
        counts = row.css(_COUNT)
        digits = re.sub(r"[^0-9]", "", text_of(counts[0])[:20]) if counts else ""
        return ThreadRef(
            id=str(place.document),
            url=target or "",
            title=title,
            replies=int(digits or 0),
            # A list has no time of the last comment: their number is what changes.
            last_post=str(place.document),
            sticky="notice" in classes(row),
        )
    return None


def _posts(html: str, url: str) -> ThreadPage:
    page = Page(html, url, _canonical)
    read = outermost(page.tree, _READ)
    parts = [part for view in read[:1] for part in outermost(view, _CONTENT, _COMMENTS)]
    if not parts:
        page.fail("Rhymix", "no document on a page that should show one", _REFUSAL)
    place = _find(url)
    named = (_DOCUMENT.fullmatch(name) for part in parts[:1] for name in classes(part))
    told = next((int(found[1]) for found in named if found is not None), None)
    document = place.document if place is not None and place.document is not None else told
    if document is None:
        raise SourceChanged("Rhymix: a document without its number.", url=url)
    mid = place.mid if place is not None else None
    board = page.text(".board_header h1, .board_header h2, .bd_hd h1, .bd_hd h2") or mid
    title = page.text(_TITLE, ".category, .cate")
    first = re.sub(r"\?cpage=[0-9]{1,18}$|&cpage=[0-9]{1,18}$", "", _canonical(url))
    head = ThreadHead(page, str(document), first, title, board)
    opening = _post(head, read[0], parts[0], str(document), first)
    posts = {opening.native_id: opening}
    for comment in _comments(head):
        posts.setdefault(comment.native_id, comment)
    links = page.tree.css("a[href*='cpage=']")
    next_url = page.next_url(links, _comment_place)
    return ThreadPage(head.id, title, board, tuple(posts.values()), next_url)


def _comments(head: ThreadHead) -> Iterator[Post]:
    for node in outermost(head.page.tree, _COMMENTS):
        found = _COMMENT.fullmatch(node.attrib["id"])
        content = outermost(node, _CONTENT)
        # A deleted one stays in its place, without content.
        if found is not None and content:
            name = f"comment_{int(found[1])}"
            yield _post(head, node, content[0], name, f"{head.url}#{name}")


def _post(head: ThreadHead, node: Selector, content: Selector, id_: str, url: str) -> Post:
    page = head.page
    inner = f"{_CONTENT}, {_COMMENTS}, .sign, .feedback, .fdb_lst"
    names = (text_of(one, ".popup_menu") for one in outermost(node, _WRITER, inner)[:5])
    times = (_time(one) for one in outermost(node, _TIME, inner)[:5])
    files = outermost(node, _FILES, without=f"{_COMMENTS}, .sign")
    return Post(
        native_id=id_,
        url=url,
        text=text_of(content, f"{_FOREIGN}, {_FILES}"),
        posted=next((one for one in times if one is not None), None),
        author=next((name for name in names if name), None),
        board=head.board,
        thread=head.title,
        thread_id=head.id,
        links=page.links_out(content, _FOREIGN),
        media=gather(chain(_media(page, content), _files(page, files))),
    )


def _time(shown: Selector) -> datetime | None:
    text = text_of(shown)
    known = moment(shown.attrib.get("datetime"))
    return known or (read_date(text, KST) if ":" in text else None)


def _media(page: Page, content: Selector) -> Iterator[MediaRef]:
    for shown in outermost(content, "img, video, audio", without=f"{_FOREIGN}, {_FILES}"):
        if shown.root.tag == "img":
            source = page.source(shown)
            if source is None or any(urlsplit(source).path.startswith(one) for one in _SCENERY):
                continue
            for url in page.sizes(shown):
                yield MediaRef(url, MediaKind.PHOTO)
        else:
            played = page.video(shown)
            if played is not None:
                is_video = shown.root.tag == "video"
                yield MediaRef(played, MediaKind.VIDEO if is_video else MediaKind.SOUND)


def _files(page: Page, links: list[Selector]) -> Iterator[MediaRef]:
    for link in links:
        url = page.resolve(link.attrib["href"])
        file = number(url, "file_srl") if url and is_same_site(url, page.url) else None
        if url is None or file is None:
            continue
        origin = urlsplit(_root(page.url))
        yield MediaRef(
            url,
            MediaKind.FILE,
            origin_id=f"rhymix:{origin.netloc}{origin.path}:{file}",
            name=text_of(link, "span, .fileSize")[:200] or None,
        )


ENGINE = ForumEngine(
    name="rhymix",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
    root=_root,
)
