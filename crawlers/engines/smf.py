"""SMF (Simple Machines Forum) 2.0 to 3.0, with its own themes or ones made from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
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
from crawlers.engines._html import classes, moment, outermost, text_of
from crawlers.engines._page import Page, ThreadHead, gather
from crawlers.urls import is_same_site, query, site_root
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef, Post

# index.php?topic=31.15 or index.php/topic,31.15.html; what follows the point may be a jump.
_THING = re.compile(r"(?<=[?;&/])(topic|board)([=,])([0-9]{1,18})(?:\.([0-9]{1,9})(?![0-9]))?")
_ATTACH = re.compile(r"[?;&]attach=([0-9]{1,18})(?![0-9])")
_TOPIC = re.compile(r"[?;&]topic=([0-9]{1,18})(?![0-9])")
_CONTENT = re.compile(r"msg_([0-9]{1,18})")
_LAST = re.compile(r"\.msg([0-9]{1,18})")
_NUMBER = re.compile(r"[0-9][0-9,.]{0,15}")
_ROWS = "#topic_container > div, #messageindex tr"
_TITLES = "span[id^='msg_'] a[href], .message_index_title a[href], td.subject a[href]"
_FOREIGN = "blockquote, .quoteheader, .quotefooter, .signature, .modified"
_CODE_BUTTONS = ".codeheader"
_SMILIES = frozenset({"smiley", "smileys"})
# The form at the top of each page is another one.
_REFUSAL = "#frmLogin, #fatal_error"
_POSTS = ".post_wrapper, #forumposts"
_SCENERY = ("/Themes/", "/Smileys/", "/avatars/")


@dataclass(frozen=True, slots=True)
class _Place:
    """The board or topic of a URL; `offset` is the number of the first item there, from 0."""

    kind: str
    id: str
    offset: int
    url: str


def _find(url: str) -> _Place | None:
    address = url.partition("#")[0]
    found = None if "action=" in address else _THING.search(address)
    if found is None:
        return None
    kind, id_, offset = found[1], str(int(found[3])), int(found[4] or 0)
    script = address[: found.start()].partition("?")[0].rstrip("/")
    short = f"{kind},{id_}.{offset}.html"
    path = f"{script}?{kind}={id_}.{offset}" if found[2] == "=" else f"{script}/{short}"
    return _Place(kind, id_, offset, path)


def _canonical(url: str) -> str:
    place = _find(url)
    if place is not None:
        return place.url
    script, mark, asked = url.partition("#")[0].partition("?")
    parts = [part for part in re.split("[;&]", asked) if part and part[:10] != "PHPSESSID="]
    return script + (mark + ";".join(parts) if parts else "")


def _place(url: str) -> tuple[str, int] | None:
    place = _find(url)
    return None if place is None else (f"{place.kind} {place.id}", place.offset)


def _link(page: Page, link: Selector, kind: str) -> _Place | None:
    url = page.link(link.attrib.get("href", ""))
    place = _find(url) if url is not None else None
    return place if place is not None and place.kind == kind else None


class _Clock:
    """How a page writes times: the time it shows of itself may tell the zone."""

    def __init__(self, page: Page) -> None:
        shown = page.tree.css(".keyinfo, .lastpost")
        self.order = order_of((text_of(one) for one in shown[:100]), DateOrder.MDY)
        self.zone: timezone = UTC
        own = page.tree.css("#top_section time, #upper_section time, #time, .user time")[:1]
        self.now = read_date(text_of(own[0]), UTC, order=self.order) if own else None
        true = moment(own[0].attrib.get("datetime")) if own else None
        if true is not None and self.now is not None:
            away = round((self.now - true) / timedelta(minutes=15)) * timedelta(minutes=15)
            if abs(away) <= timedelta(hours=14):
                self.zone, self.now = timezone(away), true

    def read(self, text: str) -> datetime | None:
        """Read a time of the page."""
        return read_date(text, self.zone, self.now, self.order)


def _recognise(html: str, url: str) -> float:
    page = Page(html, url, _canonical)
    scripts = page.scripts()
    credit = page.text("#footer") + page.text("#footer_section") + page.text(".copyright")
    parts = "#boardindex_table, #messageindex, #forumposts, #quickModForm, #frmLogin, #fatal_error"
    signals = (
        (0.4, "smf_theme_url" in scripts),
        (0.1, "smf_scripturl" in scripts),
        (0.2, "Simple Machines" in credit or "SMF" in credit),
        (0.2, page.has(f"{parts}, .up_contain[id^='board_']")),
        (0.2, any(_find(href) is not None for href in page.tree.css("a::attr(href)").getall())),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _kind(html: str, url: str) -> PageKind:
    page = Page(html, url, _canonical)
    if page.has(_POSTS):
        return PageKind.POSTS
    return PageKind.THREADS if page.has("#messageindex") else PageKind.BOARDS


def _boards(html: str, url: str) -> BoardList:
    page = Page(html, url, _canonical)
    boards: dict[str, BoardRef] = {}
    shown = "a.subject[href], .children a[href]"
    for link in outermost(page.tree, shown, without=f"{_POSTS}, #messageindex"):
        board = _link(page, link, "board")
        if board is not None and text_of(link):
            boards.setdefault(board.id, BoardRef(board.id, board.url, text_of(link)))
    if not boards and not page.has(f"{_POSTS}, #messageindex"):
        page.fail("SMF", "no boards on a page that should list them", _REFUSAL)
    return BoardList(tuple(boards.values()))


def _threads(html: str, url: str) -> ThreadList:
    page = Page(html, url, _canonical)
    clock = _Clock(page)
    threads: dict[str, ThreadRef] = {}
    for row in outermost(page.tree, _ROWS, without=".post_wrapper"):
        thread = _thread(page, clock, row)
        if thread is not None:
            threads.setdefault(thread.id, thread)
    if not threads and (not page.has("#messageindex") or page.has(_REFUSAL)):
        page.fail("SMF", "no threads on a page that should list them", _REFUSAL)
    return ThreadList(tuple(threads.values()), _next_url(page))


def _next_url(page: Page) -> str | None:
    links = ".pagelinks a[href], .pagesection a[href]"
    return page.next_url(outermost(page.tree, links, without=".post_wrapper"), _place)


def _thread(page: Page, clock: _Clock, row: Selector) -> ThreadRef | None:
    for link in row.css(_TITLES):
        thread = _link(page, link, "topic")
        if thread is None:
            continue
        last = row.css(".lastpost")
        posts = (
            _LAST.search(href) for part in last[:1] for href in part.css("a::attr(href)").getall()
        )
        newest = next((found[1] for found in posts if found is not None), None)
        when = clock.read(text_of(last[0])) if last else None
        told = when.isoformat() if when is not None else f"t{thread.id}"
        counts = row.css(".board_stats, td.stats")
        replies = _NUMBER.search(text_of(counts[0])) if counts else None
        marks = classes(row) | {name for cell in row.css("td")[:9] for name in classes(cell)}
        return ThreadRef(
            id=thread.id,
            url=thread.url,
            title=text_of(link),
            replies=int(re.sub("[,.]", "", replies[0])) if replies is not None else None,
            last_post=f"m{newest}" if newest is not None else told,
            sticky=bool(marks & {"sticky", "stickybg", "stickybg2"}),
            moved=bool(row.css("img[src*='/moved.']")),
        )
    return None


def _posts(html: str, url: str) -> ThreadPage:
    page = Page(html, url, _canonical)
    clock = _Clock(page)
    nodes = [(node, _inner(node)) for node in outermost(page.tree, ".post_wrapper")]
    inner = [(node, content) for node, content in nodes if content is not None]
    if not inner:
        page.fail("SMF", "no posts on a page that should show them", _REFUSAL)
    trail = page.tree.css(".navigate_section")[:1].css("a[href]")
    known = page.tree.css("link[rel='canonical']")
    places = (_find(url), *(_link(page, link, "topic") for link in (*known[:1], *trail)))
    thread = next((one for one in places if one is not None and one.kind == "topic"), None)
    if thread is None:
        raise SourceChanged("SMF: a topic without its id.", url=url)
    boards = [text_of(link) for link in trail if _link(page, link, "board") is not None]
    names = [text_of(link) for link in trail if _link(page, link, "topic") is not None]
    title = page.text(".display_title") or (names[-1] if names else page.text("title"))
    head = ThreadHead(page, thread.id, thread.url, title, boards[-1] if boards else None)
    posts: dict[str, Post] = {}
    for node, content in inner:
        post = _post(head, clock, node, content)
        posts.setdefault(post.native_id, post)
    return ThreadPage(head.id, title, head.board, tuple(posts.values()), _next_url(page))


def _inner(node: Selector) -> Selector | None:
    for content in outermost(node, ".inner[id]", without=".signature"):
        if _CONTENT.fullmatch(content.attrib["id"]):
            return content
    return None


def _post(head: ThreadHead, clock: _Clock, node: Selector, content: Selector) -> Post:
    page, native_id = head.page, content.attrib["id"].removeprefix("msg_").lstrip("0") or "0"
    names = node.css(".poster h4 a, .poster h4")
    author = next((name for name in (text_of(one) for one in names[:9]) if name), None)
    times = outermost(node, ".keyinfo .smalltext", without=".inner, .modified")
    read = (clock.read(text_of(one)) for one in times[:5])
    edits = outermost(node, ".modified", without=".inner")
    start = head.url.partition(f"topic={head.id}")[0]
    jump = f"{start}topic={head.id}.msg{native_id}#msg{native_id}"
    return Post(
        native_id=native_id,
        url=jump if "?" in head.url else f"{head.url}#msg{native_id}",
        text=text_of(content, f"{_FOREIGN}, {_CODE_BUTTONS}, a[href*='action=dlattach']"),
        posted=next((one for one in read if one is not None), None),
        author=author,
        board=head.board,
        thread=head.title,
        thread_id=head.id,
        edited=any(text_of(edit) for edit in edits),
        links=page.links_out(content, _FOREIGN),
        media=gather(_media(page, node)),
    )


def _media(page: Page, node: Selector) -> Iterator[MediaRef]:
    shown_here = "a[href*='action=dlattach'], img, video, audio"
    # The name beside a picture leads to the same file.
    pictures: set[str] = set()
    for part in outermost(node, ".inner, .attachments", without=_FOREIGN):
        for shown in outermost(part, shown_here, without=_FOREIGN):
            for ref in _shown(page, shown):
                if ref.kind is MediaKind.FILE and ref.url in pictures:
                    continue
                pictures.add(ref.url)
                yield ref


def _shown(page: Page, shown: Selector) -> Iterator[MediaRef]:
    if shown.root.tag == "a":
        pictures = shown.css("img:not(.centericon):not([src*='/icons/'])")
        url = page.resolve(shown.attrib["href"]) or ""
        name = pictures[0].attrib.get("alt", "") if pictures else text_of(shown)
        ref = _attachment(page, url, MediaKind.PHOTO if pictures else MediaKind.FILE, name)
        if ref is not None:
            yield ref
        # A small copy has a number of its own; what is no attachment is another picture.
        for source in (page.source(picture) for picture in pictures):
            if source is not None and _attachment(page, source, MediaKind.PHOTO, "") is None:
                yield MediaRef(_original(page, source), MediaKind.PHOTO)
    elif shown.root.tag == "img":
        source = page.source(shown)
        if source is None or classes(shown) & _SMILIES or any(one in source for one in _SCENERY):
            return
        for url in page.sizes(shown):
            ref = _attachment(page, url, MediaKind.PHOTO, shown.attrib.get("alt", ""))
            yield ref or MediaRef(_original(page, url), MediaKind.PHOTO)
    else:
        played = page.video(shown)
        if played is not None:
            kind = MediaKind.VIDEO if shown.root.tag == "video" else MediaKind.SOUND
            yield _attachment(page, played, kind, "") or MediaRef(played, kind)


def _original(page: Page, url: str) -> str:
    """Give what the forum's proxy for pictures of other sites stands before."""
    if is_same_site(url, page.url) and urlsplit(url).path.endswith("/proxy.php"):
        return page.resolve(query(url).get("request", "")) or url
    return url


def _attachment(page: Page, url: str, kind: MediaKind, name: str) -> MediaRef | None:
    found = _ATTACH.search(url) if is_same_site(url, page.url) and "dlattach" in url else None
    if found is None:
        return None
    # Version 2.0 asks for the topic, too.
    topic = _TOPIC.search(url)
    asked = f";topic={topic[1]}.0" if topic is not None else ""
    root = site_root(url)
    origin = urlsplit(root)
    return MediaRef(
        url=f"{root}index.php?action=dlattach{asked};attach={found[1]};image",
        kind=kind,
        origin_id=f"smf:{origin.netloc}{origin.path}:{found[1]}",
        name=name.strip()[:200] or None,
    )


ENGINE = ForumEngine(
    name="smf",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
)
