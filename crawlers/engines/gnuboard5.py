"""Gnuboard5 (그누보드5), with the skins that come with it or were made from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
from crawlers.urls import absolute, number, query, with_query
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef, Post

_NAME = re.compile(r"[A-Za-z0-9_]{1,20}")
_NUMBER = re.compile(r"[0-9]{1,18}")
_NO_BOARDS = frozenset({"bbs", "content", "group", "shop", "faq", "qa", "new", "search", "rss"})
_COMMENT = re.compile(r"c_([0-9]{1,18})")
_FILE = re.compile(r"[A-Za-z0-9_.%-]{1,255}")
_RESIZED = re.compile(r"thumb-(.{1,255})_[0-9]{1,5}x[0-9]{1,5}\.[A-Za-z]{3,4}")
_LIST = "#bo_list, #bo_gall, #bo_cate, #fboardlist"
_REFUSAL = "#validation_check, form[name='flogin'], form[name='fboardpassword'], #pw_confirm"
_ROWS = "#bo_list tr, #bo_list li, li.gall_li, #gall_ul > li, #bo_gall li, #fboardlist li"
_WRITER = ".sv_member, .sv_guest, .member, .guest"
_MENU = "#gnb a[href], .lat a[href], .lat_title a[href], #bo_gr a[href], .notice a[href]"
_QUOTE = "blockquote"
_SCENERY = ("/img/level/", "/img/emoticon/", "/plugin/editor/", "/skin/")


def _place(url: str) -> tuple[str | None, int | None]:
    """Find out which board and post a URL is of, in either form of it."""
    given = query(url)
    if "bo_table" in given:
        board = given["bo_table"]
        return (board if _NAME.fullmatch(board) else None), number(url, "wr_id")
    folders = re.split(r"[?#]", url, maxsplit=1)[0].rstrip("/").split("/")[3:]
    post = int(folders.pop()) if len(folders) > 1 and _NUMBER.fullmatch(folders[-1]) else None
    if not folders or not _NAME.fullmatch(folders[-1]) or not _NO_BOARDS.isdisjoint(folders[-2:]):
        return None, None
    return folders[-1], post


def _canonical(url: str) -> str:
    board, post = _place(url)
    given = query(url)
    if board is None:
        # The session id that PHP adds for those who keep no cookies.
        return with_query(url, {name: given[name] for name in given if name != "PHPSESSID"})
    kept = {"bo_table": board} if "bo_table" in given else {}
    page = number(url, "page")
    if post is None and page is not None and page > 1:
        return with_query(url, {**kept, "page": str(page)})
    if post is not None and kept:
        kept["wr_id"] = str(post)
    return with_query(url, kept)


def _list_place(url: str) -> tuple[str, int] | None:
    board, post = _place(url)
    return None if board is None or post is not None else (board, number(url, "page") or 1)


def _recognise(html: str, url: str) -> float:
    page = Page(html, url, _canonical)
    scripts = page.scripts()
    hrefs = page.tree.css("a::attr(href), form::attr(action)").getall()
    styles = page.tree.css("link::attr(href), script::attr(src)").getall()
    signals = (
        (0.4, "g5_bbs_url" in scripts),
        (0.1, "g5_bo_table" in scripts),
        (0.2, any("/skin/board/" in style or "/skin/latest/" in style for style in styles)),
        (0.2, any("bo_table=" in href or "/bbs/login_check.php" in href for href in hrefs)),
        (0.2, page.has("#bo_list, #bo_gall, #bo_v, #bo_vc, #validation_check, #gnb_1dul, .lat")),
        (0.1, "bo_table" in query(url)),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _kind(html: str, url: str) -> PageKind:
    page = Page(html, url, _canonical)
    if page.has("#bo_v, #bo_vc"):
        return PageKind.POSTS
    if page.has(_LIST) or "bo_table" in query(url):
        return PageKind.THREADS
    return PageKind.BOARDS


def _boards(html: str, url: str) -> BoardList:
    """List the boards of the menu and of the boxes of new posts: there is no index of boards."""
    page = Page(html, url, _canonical)
    if page.has(f"#bo_v, {_LIST}"):
        # The menu is on every page; a crawl of one board is of that board.
        return BoardList(())
    boards: dict[str, BoardRef] = {}
    for link in outermost(page.tree, _MENU):
        target = page.link(link.attrib["href"])
        board, post = _place(target) if target is not None else (None, None)
        if target is not None and board is not None and post is None:
            plain = with_query(target, {"bo_table": board} if "bo_table" in query(target) else {})
            boards.setdefault(board, BoardRef(board, plain, text_of(link)))
    if not boards:
        page.fail("Gnuboard", "no boards on a page that should list them", _REFUSAL)
    return BoardList(tuple(boards.values()))


def _threads(html: str, url: str) -> ThreadList:
    page = Page(html, url, _canonical)
    rows = outermost(page.tree, _ROWS, without="#bo_v, .bo_v_nb, thead, .pg_wrap")
    threads: dict[str, ThreadRef] = {}
    for row in rows:
        thread = _thread(page, row)
        if thread is not None:
            threads.setdefault(thread.id, thread)
    if not threads and (not page.has(_LIST) or page.has(_REFUSAL)):
        page.fail("Gnuboard", "no posts on a page that should list them", _REFUSAL)
    next_url = page.next_url(page.tree.css(".pg_wrap a[href], .pg a[href]"), _list_place)
    return ThreadList(tuple(threads.values()), next_url)


def _thread(page: Page, row: Selector) -> ThreadRef | None:
    for link in row.css(
        ".bo_tit a[href], a.bo_tit, .gall_text_href a[href], td.td_subject a[href]"
    ):
        target = page.link(link.attrib["href"])
        board, post = _place(target) if target is not None else (None, None)
        if target is None or board is None or post is None:
            continue
        counts = row.css(".cnt_cmt")
        digits = re.sub(r"[^0-9]", "", text_of(counts[0])[:20]) if counts else ""
        return ThreadRef(
            id=f"{board}.{post}",
            url=target,
            title=text_of(link, ".sound_only, .cnt_cmt, .bo_cate_link"),
            replies=int(digits or 0),
            # A list has no time of the last comment: their number is what changes.
            last_post=str(post),
            sticky=bool(classes(row) & {"bo_notice"} or row.css(".notice_icon")),
        )
    return None


def _posts(html: str, url: str) -> ThreadPage:
    page = Page(html, url, _canonical)
    views = page.tree.css("#bo_v")
    if not views:
        page.fail("Gnuboard", "no post on a page that should show one", _REFUSAL)
    board, thread = _place(url)
    if board is None or thread is None:
        raise SourceChanged("Gnuboard: a post without its id.", url=url)
    titles = views[0].css(".bo_v_tit, #bo_v_title")
    title = text_of(titles[0], ".bo_v_cate, .sound_only") if titles else ""
    name = page.text("#container_title") or board
    where = ThreadHead(page, f"{board}.{thread}", _canonical(url), title, name)
    posts: dict[str, Post] = {}
    for post in (_opening(where, views[0], board, thread), *_comments(where, views[0], board)):
        posts.setdefault(post.native_id, post)
    return ThreadPage(where.id, title, name, tuple(posts.values()))


def _opening(where: ThreadHead, view: Selector, board: str, post: int) -> Post:
    page = where.page
    content = outermost(view, "#bo_v_con", without="#bo_vc")
    if not content:
        raise SourceChanged("Gnuboard: a post without content.", url=page.url)
    info = outermost(view, "#bo_v_info", without="#bo_vc")
    parts = outermost(view, "#bo_v_img, #bo_v_con", without="#bo_vc")
    linked = outermost(view, "#bo_v_link a[href]", without="#bo_vc")
    links = (
        absolute(page.base, text_of(link.css("strong")[0])) for link in linked if link.css("strong")
    )
    files = outermost(view, "#bo_v_file a[href]", without="#bo_vc")
    return Post(
        native_id=f"{board}.{post}",
        url=where.url,
        text=text_of(content[0], _QUOTE),
        posted=_posted(info[0]) if info else None,
        author=_author(info[0]) if info else None,
        board=where.board,
        thread=where.title,
        thread_id=where.id,
        links=tuple(
            dict.fromkeys((*page.links_out(content[0], _QUOTE), *(url for url in links if url)))
        ),
        media=gather(chain(_media(page, parts), _files(page, files, f"{board}.{post}"))),
    )


def _posted(info: Selector) -> datetime | None:
    for part in info.css(".if_date, strong")[:10]:
        text = text_of(part, ".sound_only")
        posted = read_date(text, KST) if ":" in text else None
        if posted is not None:
            return posted
    return None


def _author(head: Selector) -> str | None:
    names = head.css(_WRITER) or head.css("strong")
    return (text_of(names[0], ".sv, .profile_img") or None) if names else None


def _comments(where: ThreadHead, view: Selector, board: str) -> Iterator[Post]:
    page = where.page
    for node in outermost(view, "#bo_vc article[id]"):
        found = _COMMENT.fullmatch(node.attrib["id"])
        content = outermost(node, ".cmt_contents") or node.xpath("./p")
        if found is None or not content:
            continue
        comment = int(found[1])
        heads = node.css("header")
        yield Post(
            native_id=f"{board}.{comment}",
            url=f"{where.url}#c_{comment}",
            text=text_of(content[0], _QUOTE),
            posted=moment(node.css("time::attr(datetime)").get()),
            author=_author(heads[0]) if heads else None,
            board=where.board,
            thread=where.title,
            thread_id=where.id,
            links=page.links_out(content[0], _QUOTE),
            media=gather(_media(page, content)),
        )


def _media(page: Page, parts: list[Selector]) -> Iterator[MediaRef]:
    for part in parts:
        for shown in outermost(part, "img, video, audio", without=_QUOTE):
            if shown.root.tag == "img":
                for url in _sizes(page, shown):
                    yield MediaRef(url, MediaKind.PHOTO)
            else:
                is_video = shown.root.tag == "video"
                played = page.video(shown)
                if played is not None:
                    yield MediaRef(played, MediaKind.VIDEO if is_video else MediaKind.SOUND)


def _sizes(page: Page, picture: Selector) -> tuple[str, ...]:
    """Give the picture at full size, and what is shown where nothing says it is the same one."""
    source = page.source(picture)
    if source is None or any(folder in source for folder in _SCENERY):
        return ()
    around = page.around(picture)
    full = None if around is None else _viewed(around)
    if full is None:
        return page.sizes(picture)
    return (full,) if _is_same_picture(full, source) else (full, source)


def _viewed(url: str) -> str | None:
    """Give the file that the window for large pictures shows."""
    folder, script, _ = url.partition("/bbs/view_image.php")
    given = query(url)
    name, board = given.get("fn", ""), given.get("bo_table", "")
    if not script:
        return None
    if name.startswith("/data/"):
        return absolute(folder + "/", folder + name)
    if _FILE.fullmatch(name) and _NAME.fullmatch(board):
        return absolute(folder + "/", f"{folder}/data/file/{board}/{name}")
    return None


def _is_same_picture(full: str, source: str) -> bool:
    """Tell whether a shown picture is the large one, or made from it by the board."""
    folder, _, name = full.partition("?")[0].rpartition("/")
    shown_folder, _, shown = source.partition("?")[0].rpartition("/")
    resized = _RESIZED.fullmatch(shown)
    stem = name.rpartition(".")[0]
    return folder == shown_folder and (
        shown == name or (resized is not None and resized[1] == stem)
    )


def _files(page: Page, links: list[Selector], post: str) -> Iterator[MediaRef]:
    for link in links:
        url = page.resolve(link.attrib["href"])
        if url is None or "/download" not in urlsplit(url).path:
            continue
        file = number(url, "no") or urlsplit(url).path.rpartition("/")[2][:20]
        names = link.css("strong")
        origin = urlsplit(page.url)
        dates = link.xpath("ancestor::li[1]//*[contains(@class,'file_cnt')]/text()").get("")
        stamp = re.sub(r"[^0-9]", "", dates[-30:])
        # The address has a key of the visit; the day is of the upload, as an edit keeps the number.
        yield MediaRef(
            url,
            MediaKind.FILE,
            origin_id=f"gnuboard5:{origin.netloc}:{post}:{file}:{stamp}",
            name=(text_of(names[0] if names else link)[:200] or None),
        )


ENGINE = ForumEngine(
    name="gnuboard5",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
)
