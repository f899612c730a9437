"""vBulletin 3, 4 and 5."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
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
from crawlers.engines._dates import DateOrder, order_of, read_date, zone_of
from crawlers.engines._html import classes, moment, outermost, text_of
from crawlers.engines._page import Page, ThreadHead, gather
from crawlers.urls import is_same_site, number, query, site_root, with_query
from monitor.clock import utc_now
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef, Post

# Version 4: showthread.php?31-Dawn/page2, showthread.php/31-Dawn, threads/31-Dawn/page2
_SHORT = re.compile(
    r"/((?:showthread|forumdisplay)\.php[?/]|(?:threads|forums)/)([0-9]{1,18})(?![0-9])"
    r"(-[^/?#&]{0,300})?(?:/page([0-9]{1,9}))?"
)
# Version 5: forum/boats/pictures/31-dawn/page2
_CHANNEL = re.compile(r"(.{0,4000}?)(?:/page([0-9]{1,9}))?/?")
_TOPIC = re.compile(r"([0-9]{1,18})(?:-.*)?")
_POST = re.compile(r"post_?([0-9]{1,18})")
_SAFE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_COUNT = re.compile(r"[0-9][0-9,.]{0,15}")
_FILE_NAME = re.compile(r"Name:\s{0,9}([^\t\r\n]{1,200})")
_POSTS = "table[id^='post'], li[id^='post_'], li.b-post[data-node-id]"
_ROWS = "#threadslist tr, li.threadbit, tr.topic-item"
_TITLES = "a[id^='thread_title_'], a.topic-title"
_LISTS = "#threadslist, #threads, .topic-list, .topic-list-container"
_BOARDS = "td[id^='f'] a[href], .forumtitle a[href], .subforum a[href], .subforums a[href]"
_BOARDS_5 = "a.forum-title[href], .subforum-list a[href], a.subforum-title[href]"
_CONTENT = "div[id^='post_message_'], .js-post__content-text"
_QUOTES = "td.alt2, .bbcode_quote, [style*='margin:20px'] > .smallfont"
_FOREIGN = f"{_QUOTES}, .lastedited, .signaturecontainer, .post-signature, .b-post__edit"
_BUTTONS = ".bbcode_description"
_ATTACHED = "a[href*='attachment.php?'], a[href*='filedata/fetch']"
_REFUSAL = ".standard_error, input[name='vb_login_username']:not(#navbar_username), .no-permission"
_SCENERY = ("images/smilies/", "images/buttons/", "images/attach/", "images/icons/", "core/images/")


@dataclass(frozen=True, slots=True)
class _Place:
    """A board or a thread of a URL, and the page of it."""

    kind: str
    id: str
    page: int
    url: str


def _find(url: str) -> _Place | None:
    address = url.partition("#")[0]
    for script, key, kind in (
        ("showthread.php", "t", "thread"),
        ("forumdisplay.php", "f", "board"),
    ):
        thing = number(address, key)
        if thing is not None and address.partition("?")[0].endswith("/" + script):
            page = number(address, "page") or 1
            kept = {key: str(thing)} | ({"page": str(page)} if page > 1 else {})
            return _Place(kind, str(thing), page, with_query(address, kept))
    found = _SHORT.search(address)
    if found is not None:
        kind = "thread" if "thread" in found[1] else "board"
        page = int(found[4] or 1)
        bare = address[: found.end(3) if found[3] else found.end(2)]
        return _Place(kind, str(int(found[2])), page, bare + (f"/page{page}" if page > 1 else ""))
    return _channel(address)


def _channel(address: str) -> _Place | None:
    path = address.partition("?")[0]
    found = _CHANNEL.fullmatch(path)
    if found is None or path.endswith(".php") or path.count("/") < 4:
        return None
    bare, page = found[1], int(found[2] or 1)
    last = bare.rpartition("/")[2]
    topic = _TOPIC.fullmatch(last)
    id_ = topic[1] if topic is not None else last
    if not _SAFE.fullmatch(id_):
        return None
    kind = "board" if topic is None else "thread"
    return _Place(kind, id_, page, bare + (f"/page{page}" if page > 1 else ""))


def _canonical(url: str) -> str:
    post = number(url, "p")
    script = url.partition("?")[0].endswith("/showthread.php")
    if script and post is not None and "t" not in query(url):
        return with_query(url, {"p": str(post)}) + f"#post{post}"
    place = _find(url)
    if place is not None:
        return place.url
    return with_query(url, {name: value for name, value in query(url).items() if name != "s"})


def _place(url: str) -> tuple[str, int] | None:
    place = _find(url)
    return None if place is None else (f"{place.kind} {place.id}", place.page)


def _root(url: str) -> str:
    address = re.split(r"[?#]", url, maxsplit=1)[0]
    short = _SHORT.search(url)
    if short is not None:
        return site_root(url[: short.start() + 1])
    head, found, _ = address.partition("/forum/")
    return head + found if found and not address.endswith(".php") else site_root(url)


def _link(page: Page, link: Selector, kind: str) -> _Place | None:
    url = page.link(link.attrib.get("href", ""))
    place = _find(url) if url is not None else None
    return place if place is not None and place.kind == kind else None


class _Clock:
    """How a page writes times; it names their zone, but not the day on which it was made.

    Attributes:
        now: When it was fetched; None for lists, whose times tell what changed.
    """

    def __init__(self, page: Page, now: datetime | None = None) -> None:
        self.now = now
        foot = page.tree.css(
            "#footer_time, .smallfont[align='center'], .b-footer__time, .footer_time"
        )
        zones = (zone_of(text_of(one)) for one in foot[:20])
        self.zone = next((zone for zone in zones if zone is not None), UTC)
        shown = page.tree.css(".postdate, td.thead, .lastpost, .lastpost-date, .threadlastpost")
        self.order = order_of((text_of(one) for one in shown[:100]), DateOrder.MDY)

    def read(self, text: str) -> datetime | None:
        """Read a time of the page."""
        plain = re.sub(r"(?<=[0-9])T(?=[0-9])", " ", text)
        return moment(text) or read_date(plain, self.zone, self.now, self.order)


def _recognise(html: str, url: str) -> float:
    page = Page(html, url, _canonical)
    hrefs = page.tree.css("a::attr(href)").getall()
    sources = page.tree.css("script::attr(src), link::attr(href)").getall()
    maker = page.tree.css("meta[name='generator']::attr(content)").get("")
    credit = page.tree.css("#footer_copyright, .smallfont[align='center'], .b-footer__copyright")
    signals = (
        (0.5, maker.startswith("vBulletin")),
        (0.3, page.has("html#vbulletin_html, style#vbulletin_css, body#vb-page-body")),
        (0.2, any("vbulletin" in source for source in sources)),
        (0.2, any("vBulletin" in text_of(one) for one in credit[:10])),
        (0.2, page.has(f"{_TITLES}, {_CONTENT}, li.forumbit_post, a.forum-title, {_REFUSAL}")),
        (0.1, any("showthread.php" in href or "forumdisplay.php" in href for href in hrefs)),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _kind(html: str, url: str) -> PageKind:
    page = Page(html, url, _canonical)
    if page.has(_CONTENT):
        return PageKind.POSTS
    return PageKind.THREADS if page.has(f"{_TITLES}, {_LISTS}") else PageKind.BOARDS


def _boards(html: str, url: str) -> BoardList:
    page = Page(html, url, _canonical)
    boards: dict[str, BoardRef] = {}
    shown = f"{_BOARDS}, {_BOARDS_5}"
    for link in outermost(page.tree, shown, without=f"{_POSTS}, {_LISTS}, {_ROWS}"):
        board = _link(page, link, "board")
        if board is not None and text_of(link):
            boards.setdefault(board.id, BoardRef(board.id, board.url, text_of(link)))
    if not boards and not page.has(f"{_CONTENT}, {_TITLES}, {_LISTS}"):
        page.fail("vBulletin", "no boards on a page that should list them", _REFUSAL)
    return BoardList(tuple(boards.values()))


def _threads(html: str, url: str) -> ThreadList:
    page = Page(html, url, _canonical)
    clock = _Clock(page)
    threads: dict[str, ThreadRef] = {}
    for row in outermost(page.tree, _ROWS, without=_POSTS):
        thread = _thread(page, clock, row)
        if thread is not None:
            threads.setdefault(thread.id, thread)
    if not threads and (not page.has(_LISTS) or page.has(_REFUSAL)):
        page.fail("vBulletin", "no threads on a page that should list them", _REFUSAL)
    return ThreadList(tuple(threads.values()), _next_url(page))


def _next_url(page: Page) -> str | None:
    links = ".pagenav a[href], .pagination a[href], .pagenav-controls a[href], a.right-arrow[href]"
    shown = outermost(page.tree, links, without=f"{_POSTS}, {_ROWS}")
    return page.next_url([*page.tree.css("link[rel='next']")[:1], *shown], _place)


def _thread(page: Page, clock: _Clock, row: Selector) -> ThreadRef | None:
    titles = row.css(_TITLES)
    thread = _link(page, titles[0], "thread") if titles else None
    if thread is None:
        return None
    hrefs = row.css("a[href*='p=']::attr(href)").getall()
    newest = next((post for href in hrefs if (post := number(href, "p")) is not None), None)
    last = row.css(".threadlastpost, .lastpost-date, td[title] .smallfont")
    when = clock.read(text_of(last[0])) if last else None
    told = when.isoformat() if when is not None else f"t{thread.id}"
    counts = row.css("a[href*='whoposted'], .threadstats a, .threadstats li, .posts-count")
    replies = _COUNT.search(text_of(counts[0])) if counts else None
    marks = " ".join(row.css("img::attr(src)").getall()[:9])
    above = row.xpath("ancestor::*[@id='stickies'][1]")
    return ThreadRef(
        id=thread.id,
        url=thread.url,
        title=text_of(titles[0]),
        replies=int(re.sub("[,.]", "", replies[0])) if replies is not None else None,
        last_post=f"p{newest}" if newest is not None else told,
        sticky=bool("sticky" in classes(row) or above or "sticky" in marks),
        moved="moved" in classes(row) or "_moved" in marks,
    )


def _posts(html: str, url: str) -> ThreadPage:
    page = Page(html, url, _canonical)
    clock = _Clock(page, utc_now())
    nodes = [node for node in outermost(page.tree, _POSTS) if _post_id(node)]
    if not nodes:
        page.fail("vBulletin", "no posts on a page that should show them", _REFUSAL)
    known = page.tree.css("link[rel='canonical'], a[rel='next'], a[href*='showthread.php?t=']")
    places = (_find(url), *(_link(page, link, "thread") for link in known[:20]))
    thread = next((one for one in places if one is not None and one.kind == "thread"), None)
    if thread is None:
        raise SourceChanged("vBulletin: a thread without its id.", url=url)
    title = page.text(".threadtitle, h1.main-title, td.navbar strong") or page.text("title")
    trail = page.tree.css(
        "span.navbar a[href], .navbit a[href], #breadcrumbs a[href], .crumb[href]"
    )
    boards = [text_of(link) for link in trail if _link(page, link, "board") is not None]
    head = ThreadHead(page, thread.id, thread.url, title, boards[-1] if boards else None)
    posts: dict[str, Post] = {}
    for node in nodes:
        post = _post(head, clock, node)
        posts.setdefault(post.native_id, post)
    return ThreadPage(head.id, title, head.board, tuple(posts.values()), _next_url(page))


def _post_id(node: Selector) -> str | None:
    found = _POST.fullmatch(node.attrib.get("id", ""))
    given = node.attrib.get("data-node-id", "")
    if re.fullmatch(r"[0-9]{1,18}", given):
        return str(int(given))
    return str(int(found[1])) if found is not None else None


def _post(head: ThreadHead, clock: _Clock, node: Selector) -> Post:
    page, native_id = head.page, _post_id(node)
    content = outermost(node, _CONTENT, without=".signaturecontainer, .post-signature")
    if native_id is None or not content:
        raise SourceChanged("vBulletin: a post without content.", url=page.url)
    names = node.css("a.bigusername, .username, .author a, .author, [id^='postmenu_']")
    given = node.css("time::attr(datetime)").get()
    dates = outermost(node, ".postdate, td.thead", without=_CONTENT)
    times = (clock.read(text) for text in (given or "", *(text_of(one) for one in dates[:5])))
    edits = outermost(node, ".lastedited, .b-post__edit, .smallfont > em", without=_CONTENT)
    if node.attrib.get("data-node-id"):
        address = re.sub(r"/page[0-9]{1,9}$", "", head.url) + f"?p={native_id}#post{native_id}"
    else:
        address = f"{_root(page.url)}showthread.php?p={native_id}#post{native_id}"
    return Post(
        native_id=native_id,
        url=address,
        text=text_of(content[0], f"{_FOREIGN}, {_BUTTONS}, {_ATTACHED}"),
        posted=next((one for one in times if one is not None), None),
        author=(text_of(names[0]) or None) if names else None,
        board=head.board,
        thread=head.title,
        thread_id=head.id,
        edited=any(text_of(edit) for edit in edits),
        links=page.links_out(content[0], _FOREIGN),
        media=gather(_media(page, node)),
    )


def _media(page: Page, node: Selector) -> Iterator[MediaRef]:
    parts = f"{_CONTENT}, fieldset, .attachments, .b-post-attachments"
    for part in outermost(node, parts, without=_FOREIGN):
        for shown in outermost(part, f"{_ATTACHED}, img, video, audio", without=_FOREIGN):
            yield from _shown(page, shown)


def _shown(page: Page, shown: Selector) -> Iterator[MediaRef]:
    if shown.root.tag == "a":
        pictures = shown.css("img")
        text = (pictures[0].attrib.get("alt", "") or text_of(shown)) if pictures else text_of(shown)
        url = page.resolve(shown.attrib["href"]) or ""
        ref = _attachment(page, url, MediaKind.PHOTO if pictures else MediaKind.FILE, text)
        if ref is not None:
            yield ref
        # Another picture than the attachment's own: it must not hide behind that.
        for source in (page.source(picture) for picture in pictures):
            small = _attachment(page, source, MediaKind.PHOTO, text) if source else None
            if source is not None and (small is None or ref is None or small.url != ref.url):
                yield small or MediaRef(source, MediaKind.PHOTO)
    elif shown.root.tag == "img":
        source = page.source(shown)
        if (
            source is None
            or "inlineimg" in classes(shown)
            or any(one in source for one in _SCENERY)
        ):
            return
        for url in page.sizes(shown):
            ref = _attachment(page, url, MediaKind.PHOTO, shown.attrib.get("alt", ""))
            yield ref or MediaRef(url, MediaKind.PHOTO)
    else:
        played = page.video(shown)
        if played is not None:
            is_video = shown.root.tag == "video"
            yield MediaRef(played, MediaKind.VIDEO if is_video else MediaKind.SOUND)


def _attachment(page: Page, url: str, kind: MediaKind, text: str) -> MediaRef | None:
    if not is_same_site(url, page.url):
        return None
    path = urlsplit(url).path
    script, key = path.rpartition("/")[2], "attachmentid"
    if path.endswith("/filedata/fetch"):
        key = "id" if number(url, "id") is not None else "filedataid"
    elif script != "attachment.php":
        return None
    file = number(url, key)
    if file is None:
        return None
    named = _FILE_NAME.search(text[:1_000])
    name = re.split(r"\s{2,}", named[1])[0] if named is not None else text
    origin = urlsplit(site_root(url))
    return MediaRef(
        # Without what asks for a small one.
        url=with_query(url, {key: str(file)}),
        kind=kind,
        origin_id=f"vbulletin:{origin.netloc}{origin.path}:{key}:{file}",
        name=name.strip()[:200] or None,
    )


ENGINE = ForumEngine(
    name="vbulletin",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
    root=_root,
)
