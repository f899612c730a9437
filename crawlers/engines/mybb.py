"""MyBB 1.8 with its own theme or one made from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
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
from crawlers.engines._dates import DateOrder, order_of, read_date
from crawlers.engines._html import classes, outermost, text_of
from crawlers.engines._page import Page, ThreadHead, gather
from crawlers.urls import is_same_site, number, query, site_root, with_query
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef, Post

_SCRIPTS = {
    "forumdisplay.php": ("fid", "page"),
    "showthread.php": ("tid", "page"),
    "attachment.php": ("aid",),
}
# Addresses for search engines: forum-4.html, thread-31-page-2.html, thread-31-post-81.html
_SHORT = re.compile(r"(forum|thread)-([0-9]{1,18})(?:-(page|post)-([0-9]{1,18}))?\.html")
_POST = re.compile(r"post_([0-9]{1,18})")
_FOREIGN = "blockquote, .signature, .post_edit"
_REFUSAL = "input[name='password'], input[name='pwverify']"
_SORTING = "a[href*='sortby='], select[name='sortby']"
_SCENERY = ("images/attachtypes/", "images/smilies/", "images/icons/", "images/star")
_CODE_TITLE = ".codeblock > .title"
# What is said after an attachment in a text: its count grows with every visit.
_SIZE = re.compile(
    r" ?\([^()\n]{1,30}: [0-9.,]{1,12} [a-zA-Z]{1,5} / [^()\n]{1,30}: [0-9.,]{1,12}\)"
)


def _file(url: str) -> str:
    return re.split(r"[?#]", url, maxsplit=1)[0].rpartition("/")[2]


def _place(url: str) -> tuple[str, int] | None:
    """Tell which board ("b4") or thread ("t31") a URL is of, and its page."""
    short = _SHORT.fullmatch(_file(url))
    if short is not None:
        page = int(short[4]) if short[3] == "page" else 1
        return f"{'b' if short[1] == 'forum' else 't'}{int(short[2])}", page
    for script, key in (("forumdisplay.php", "fid"), ("showthread.php", "tid")):
        thing = number(url, key) if _file(url) == script else None
        if thing is not None:
            return f"{'b' if key == 'fid' else 't'}{thing}", number(url, "page") or 1
    return None


def _board_id(url: str | None) -> str | None:
    place = _place(url) if url is not None else None
    return place[0][1:] if place is not None and place[0].startswith("b") else None


def _thread_id(url: str | None) -> str | None:
    place = _place(url) if url is not None else None
    return place[0][1:] if place is not None and place[0].startswith("t") else None


def _canonical(url: str) -> str:
    given, name = query(url), _file(url)
    short = _SHORT.fullmatch(name)
    if short is not None:
        path = re.split(r"[?#]", url, maxsplit=1)[0]
        is_jump = short[3] == "post" or short[4] == "1"
        return path[: -len(name)] + f"{short[1]}-{short[2]}.html" if is_jump else path
    if name not in _SCRIPTS:
        return with_query(url, {key: value for key, value in given.items() if key != "sid"})
    post = number(url, "pid")
    if name == "showthread.php" and "tid" not in given and post is not None:
        return with_query(url, {"pid": str(post)}) + f"#pid{post}"
    kept = {key: given[key] for key in _SCRIPTS[name] if given.get(key)}
    if number(url, "page") in {0, 1}:
        kept.pop("page", None)
    return with_query(url, kept)


class _Clock:
    """How a page writes times.

    Guests see the board's own zone, which no page names: UTC is what MyBB is installed with.
    """

    def __init__(self, page: Page) -> None:
        shown = page.tree.css("#current_time, .post_date, .thread_start_datetime, .lastpost")
        self.order = order_of((text_of(one) for one in shown[:100]), DateOrder.MDY)
        now = page.text("#current_time", "strong")
        self.now = read_date(now, UTC, order=self.order)

    def read(self, shown: Selector) -> datetime | None:
        """Read a time; the day of a relative one is in a title."""
        days = shown.css("span[title]::attr(title)").get("")
        text = text_of(shown, "a, span[title], .post_edit" if days else "a, .post_edit")
        return read_date(f"{days} {text}", UTC, self.now, self.order)


def _recognise(html: str, url: str) -> float:
    page = Page(html, url, _canonical)
    hrefs = page.tree.css("a::attr(href)").getall()
    signals = (
        (0.4, "my_post_key" in page.scripts()),
        (0.2, page.has("script[src*='jscripts/general.js']")),
        (0.2, page.has("link[href*='syndication.php'], link[href*='cache/themes/theme']")),
        (0.2, "MyBB" in page.text("#copyright, #footer")),
        (0.2, page.has("div.post[id^='post_'] .post_body, tr.inline_row, .forum_status")),
        (0.1, any(_place(href) is not None for href in hrefs)),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _kind(html: str, url: str) -> PageKind:
    page = Page(html, url, _canonical)
    if page.has("div.post[id^='post_'], #posts"):
        return PageKind.POSTS
    return PageKind.THREADS if page.has(f"tr.inline_row, {_SORTING}") else PageKind.BOARDS


def _boards(html: str, url: str) -> BoardList:
    page = Page(html, url, _canonical)
    boards: dict[str, BoardRef] = {}
    cells = "td.trow1 a[href], td.trow2 a[href]"
    for link in outermost(page.tree, cells, without=".post, #posts, tr.inline_row"):
        target = page.link(link.attrib["href"])
        board = _board_id(target)
        # Its picture links there, too.
        if target is not None and board is not None and text_of(link):
            boards.setdefault(board, BoardRef(board, target, text_of(link)))
    if not boards and not page.has(f"tr.inline_row, {_SORTING}, div.post[id^='post_']"):
        page.fail("MyBB", "no boards on a page that should list them", _REFUSAL)
    return BoardList(tuple(boards.values()))


def _threads(html: str, url: str) -> ThreadList:
    page = Page(html, url, _canonical)
    clock = _Clock(page)
    rows = outermost(page.tree, "tr.inline_row", without=".post")
    threads: dict[str, ThreadRef] = {}
    for row in rows:
        thread = _thread(page, clock, row)
        if thread is not None:
            threads.setdefault(thread.id, thread)
    if not threads and (rows or not page.has(_SORTING) or page.has(_REFUSAL)):
        page.fail("MyBB", "no threads on a page that should list them", _REFUSAL)
    links = outermost(page.tree, ".pagination a[href]", without="tr.inline_row, .post")
    return ThreadList(tuple(threads.values()), page.next_url(links, _place))


def _thread(page: Page, clock: _Clock, row: Selector) -> ThreadRef | None:
    titles = row.css("span[id^='tid_'] a[href], .subject_new a[href], .subject_old a[href]")
    target = page.link(titles[0].attrib["href"]) if titles else None
    thread = _thread_id(target)
    if target is None or thread is None:
        return None
    counts = row.css("a[href*='whoposted'], a[onclick*='whoPosted']")
    digits = re.sub(r"[^0-9]", "", text_of(counts[0])[:20]) if counts else ""
    last = row.css(".lastpost")
    when = clock.read(last[0]) if last else None
    return ThreadRef(
        id=thread,
        url=target,
        title=text_of(titles[0]),
        replies=int(digits) if digits else None,
        last_post=when.isoformat() if when is not None else f"t{thread}",
        sticky=bool(row.css(".forumdisplay_sticky")),
        moved=bool(row.css(".thread_status.movefolder")),
    )


def _posts(html: str, url: str) -> ThreadPage:
    page = Page(html, url, _canonical)
    clock = _Clock(page)
    nodes = [node for node in outermost(page.tree, "div.post[id]") if _post_id(node)]
    if not nodes:
        page.fail("MyBB", "no posts on a page that should show them", _REFUSAL)
    known = page.tree.css("link[rel='canonical']::attr(href), .post_head a::attr(href)").getall()
    threads = (_thread_id(page.link(href)) for href in (page.url, *known[:20]))
    thread = next((one for one in threads if one is not None), None)
    if thread is None:
        raise SourceChanged("MyBB: a thread without its id.", url=url)
    trail = page.tree.css(".navigation")[:1]
    boards = [
        text_of(link) for bar in trail for link in bar.css("a[href]") if _is_board(page, link)
    ]
    title = page.text(".navigation .active") or page.text("title")
    address = f"{site_root(url)}showthread.php?tid={thread}"
    head = ThreadHead(page, thread, address, title, boards[-1] if boards else None)
    posts: dict[str, Post] = {}
    for node in nodes:
        post = _post(head, clock, node)
        posts.setdefault(post.native_id, post)
    links = outermost(page.tree, ".pagination a[href]", without=".post")
    return ThreadPage(
        thread, title, head.board, tuple(posts.values()), page.next_url(links, _place)
    )


def _is_board(page: Page, link: Selector) -> bool:
    return _board_id(page.link(link.attrib["href"])) is not None


def _post_id(node: Selector) -> str | None:
    found = _POST.fullmatch(node.attrib.get("id", ""))
    return str(int(found[1])) if found else None


def _post(head: ThreadHead, clock: _Clock, node: Selector) -> Post:
    page, native_id = head.page, _post_id(node)
    content = outermost(node, ".post_body", without=".signature")
    if native_id is None or not content:
        raise SourceChanged("MyBB: a post without content.", url=page.url)
    names = node.css(".author_information strong, .post_author strong")
    dates = outermost(node, ".post_date", without=".post_body")
    edits = outermost(node, ".post_edit", without=".post_body")
    return Post(
        native_id=native_id,
        url=f"{head.url}&pid={native_id}#pid{native_id}",
        text=_text(content[0]),
        posted=clock.read(dates[0]) if dates else None,
        author=(text_of(names[0]) or None) if names else None,
        board=head.board,
        thread=head.title,
        thread_id=head.id,
        edited=any(text_of(edit) for edit in edits),
        links=page.links_out(content[0], _FOREIGN),
        media=gather(_media(page, node)),
    )


def _text(content: Selector) -> str:
    text = text_of(content, f"{_FOREIGN}, {_CODE_TITLE}, a[href*='attachment.php?']")
    return re.sub(r"\n{3,}", "\n\n", _SIZE.sub("", text)).strip()


def _media(page: Page, node: Selector) -> Iterator[MediaRef]:
    root = site_root(page.url)
    for part in outermost(node, ".post_body, fieldset", without=_FOREIGN):
        shown_here = "a[href*='attachment.php?'], img, video, audio"
        for shown in outermost(part, shown_here, without=_FOREIGN):
            for url, kind, name in _shown(page, shown):
                file = _attachment(page, url)
                if file is not None:
                    origin = urlsplit(root)
                    yield MediaRef(
                        url=f"{root}attachment.php?aid={file}",
                        kind=kind,
                        origin_id=f"mybb:{origin.netloc}{origin.path}:{file}",
                        name=name[:200] or None,
                    )
                elif kind is not MediaKind.FILE:
                    yield MediaRef(url, kind)


def _shown(page: Page, shown: Selector) -> Iterator[tuple[str, MediaKind, str]]:
    """Give address, kind and name of what an element shows."""
    if shown.root.tag == "img":
        source = page.source(shown)
        scenery = tuple(site_root(page.url) + folder for folder in _SCENERY)
        if source is None or "smilie" in classes(shown) or source.startswith(scenery):
            return
        for url in page.sizes(shown):
            yield url, MediaKind.PHOTO, _name(shown)
    elif shown.root.tag == "a":
        url = page.resolve(shown.attrib["href"]) or ""
        pictures = shown.css("img")
        name = _name(pictures[0]) if pictures else text_of(shown)
        yield url, MediaKind.PHOTO if pictures else MediaKind.FILE, name
        # Another picture than the attachment's own: it must not hide behind that.
        for source in (page.source(picture) for picture in pictures):
            if source is not None and _attachment(page, source) != _attachment(page, url):
                yield source, MediaKind.PHOTO, ""
    else:
        url = page.video(shown) or ""
        if url:
            is_video = shown.root.tag == "video"
            yield url, MediaKind.VIDEO if is_video else MediaKind.SOUND, ""


def _name(picture: Selector) -> str:
    """Read a file's name from a title such as "Filename: pier.jpg, Size: 4 KB", line by line."""
    return re.split(r"[\r\n]", picture.attrib.get("title", ""))[0].partition(": ")[2]


def _attachment(page: Page, url: str) -> int | None:
    if not is_same_site(url, page.url) or _file(url) != "attachment.php":
        return None
    file = number(url, "aid")
    return file if file is not None else number(url, "thumbnail")


ENGINE = ForumEngine(
    name="mybb",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
)
