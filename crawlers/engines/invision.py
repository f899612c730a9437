"""Invision Community (IPS) 4 and 5."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
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
from crawlers.engines._html import classes, moment, outermost, text_of
from crawlers.engines._page import Page, ThreadHead, gather
from crawlers.urls import is_same_site, number, site_root
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef, Post

# topic/31-dawn-at-the-pier/page/2/, also after index.php?/
_ROUTE = re.compile(
    r"(?:(?<=/)|(?<=index\.php\?/))(forum|topic)/([0-9]{1,18})(?![0-9])(-[^/?#&]{0,300})?/?"
    r"(?:page/([0-9]{1,9})(?![0-9])/?)?"
)
_POST = re.compile(r"elComment_([0-9]{1,18})")
_POSTS = "article[id^='elComment_']"
_REPEATED = "[data-role='recommendedComments'], .cTopicRecommended"
_LISTS = "[data-role='tableRows'], .cTopicList, body[data-pagecontroller='forums']"
_TITLES = ".ipsDataItem_title a[href], .ipsData__title a[href], h4 a[href]"
_BOARDS = (
    "[data-forumid] a[href], .cForumRow a[href], .cForumGrid a[href], .ipsData__item a[href], "
    ".ipsDataItem_subList a[href], .ipsSubList a[href]"
)
_CONTENT = "[data-role='commentContent']"
_EDITED = "[data-excludequote]"
_FOREIGN = f".ipsQuote, [data-role='memberSignature'], {_EDITED}"
_AUTHOR = ".cAuthorPane_author, .ipsEntry__username, .ipsUsername"
_COUNT = "[data-stattype='forums_comments'] [class*='number'], .ipsDataItem_stats_number"
_REFUSAL = "#elError, [data-pagecontroller='login'], [data-pagecontroller='error']"


@dataclass(frozen=True, slots=True)
class _Place:
    """The board or topic of a URL, and its page.

    Attributes:
        prefix: What comes before every route: the forum's folder, or its `index.php?/`.
        first: URL of the first page.
    """

    prefix: str
    kind: str
    id: str
    page: int
    url: str
    first: str


def _find(url: str) -> _Place | None:
    url = url.partition("#")[0]
    found = _ROUTE.search(url)
    if found is None:
        return None
    page = int(found[4] or number(url, "page") or 1)
    first = url[: found.end(3) if found[3] else found.end(2)] + "/"
    address = first
    if page > 1:
        # Both forms are in use.
        address += f"page/{page}/" if found[4] or "?" in first else f"?page={page}"
    return _Place(url[: found.start()], found[1], str(int(found[2])), page, address, first)


def _canonical(url: str) -> str:
    place = _find(url)
    if place is not None:
        return place.url
    address, mark, asked = url.partition("#")[0].partition("?")
    parts = [part for part in asked.split("&") if part and not part.startswith("csrfKey=")]
    return address + (mark + "&".join(parts) if parts else "")


def _place(url: str) -> tuple[str, int] | None:
    place = _find(url)
    return None if place is None else (f"{place.kind} {place.id}", place.page)


def _root(url: str) -> str:
    place = _find(url)
    return site_root(url if place is None else place.prefix)


def _link(page: Page, link: Selector, kind: str) -> _Place | None:
    url = page.link(link.attrib.get("href", ""))
    place = _find(url) if url is not None else None
    return place if place is not None and place.kind == kind else None


def _recognise(html: str, url: str) -> float:
    page = Page(html, url, _canonical)
    credit = page.text("#elCopyright") + page.text("#ipsLayout_footer") + page.text("footer")
    hrefs = page.tree.css("a::attr(href)").getall()
    signals = (
        (0.3, page.has("[data-pageapp][data-pagemodule]")),
        (0.2, page.has("#ipsLayout_container, #ipsLayout_body, .ipsLayout, .ipsApp")),
        (0.2, "ipsSettings" in page.scripts() or "ipsDebug" in page.scripts()),
        (0.2, "Invision Community" in credit),
        (
            0.2,
            page.has(f"{_POSTS}, [data-rowid], .cForumRow, .cForumGrid, .ipsData__item, #elError"),
        ),
        (0.1, any(_ROUTE.search(href) for href in hrefs)),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _kind(html: str, url: str) -> PageKind:
    page = Page(html, url, _canonical)
    if page.has(_POSTS):
        return PageKind.POSTS
    return PageKind.THREADS if page.has(f"[data-rowid], {_LISTS}") else PageKind.BOARDS


def _boards(html: str, url: str) -> BoardList:
    page = Page(html, url, _canonical)
    boards: dict[str, BoardRef] = {}
    for link in outermost(page.tree, _BOARDS, without=f"{_POSTS}, [data-rowid]"):
        board = _link(page, link, "forum")
        title = text_of(link) or link.attrib.get("title", "").strip()
        if board is not None and title:
            boards.setdefault(board.id, BoardRef(board.id, board.first, title))
    if not boards and not page.has(f"{_POSTS}, [data-rowid], {_LISTS}"):
        page.fail("Invision", "no boards on a page that should list them", _REFUSAL)
    return BoardList(tuple(boards.values()))


def _threads(html: str, url: str) -> ThreadList:
    page = Page(html, url, _canonical)
    threads: dict[str, ThreadRef] = {}
    rows = outermost(page.tree, "[data-rowid]", without=_POSTS)
    for row in rows:
        thread = _thread(page, row)
        if thread is not None:
            threads.setdefault(thread.id, thread)
    if not threads and (rows or not page.has(_LISTS) or page.has(_REFUSAL)):
        page.fail("Invision", "no topics on a page that should list them", _REFUSAL)
    return ThreadList(tuple(threads.values()), _next_url(page, "[data-rowid]"))


def _next_url(page: Page, without: str) -> str | None:
    links = outermost(page.tree, ".ipsPagination a[href], a[rel='next']", without)
    return page.next_url([*page.tree.css("link[rel='next']")[:1], *links], _place)


def _thread(page: Page, row: Selector) -> ThreadRef | None:
    for link in row.css(_TITLES):
        thread = _link(page, link, "topic")
        title = text_of(link)
        if thread is None or not title:
            continue
        times = (moment(when) for when in row.css("time::attr(datetime)").getall())
        # The first post has one, too, and the last one is later.
        last = max((when for when in times if when is not None), default=None)
        counts = row.css(_COUNT)
        replies = re.sub(r"[,.\s]", "", text_of(counts[0])[:20]) if counts else ""
        marks = {name for one in row.css("i[class], .ipsBadge")[:10] for name in classes(one)}
        return ThreadRef(
            id=thread.id,
            url=thread.first,
            title=title,
            # Thousands are shortened: "1.2k".
            replies=int(replies) if re.fullmatch(r"[0-9]{1,9}", replies) else None,
            last_post=last.isoformat() if last is not None else f"t{thread.id}",
            sticky=bool(marks & {"fa-thumb-tack", "fa-thumbtack", "ipsBadge--pinned"}),
        )
    return None


def _posts(html: str, url: str) -> ThreadPage:
    page = Page(html, url, _canonical)
    nodes = [node for node in outermost(page.tree, _POSTS, without=_REPEATED) if _post_id(node)]
    if not nodes:
        page.fail("Invision", "no posts on a page that should show them", _REFUSAL)
    known = page.tree.css("link[rel='canonical']")[:1]
    places = (_find(url), *(_link(page, link, "topic") for link in known))
    thread = next((one for one in places if one is not None and one.kind == "topic"), None)
    if thread is None:
        raise SourceChanged("Invision: a topic without its id.", url=url)
    title = page.text(
        "h1.ipsType_pageTitle, h1[data-ips-hook='title'], .ipsPageHeader h1", ".ipsBadge"
    )
    trail = page.tree.css(".ipsBreadcrumb a[href], [data-role='breadcrumbList'] a[href]")
    boards = [text_of(link) for link in trail if _link(page, link, "forum") is not None]
    head = ThreadHead(page, thread.id, thread.first, title, boards[-1] if boards else None)
    posts: dict[str, Post] = {}
    for node in nodes:
        post = _post(head, thread.prefix, node)
        posts.setdefault(post.native_id, post)
    return ThreadPage(head.id, title, head.board, tuple(posts.values()), _next_url(page, _POSTS))


def _post_id(node: Selector) -> str | None:
    found = _POST.fullmatch(node.attrib.get("id", ""))
    return str(int(found[1])) if found else None


def _post(head: ThreadHead, prefix: str, node: Selector) -> Post:
    page, native_id = head.page, _post_id(node)
    content = outermost(node, _CONTENT, without="[data-role='memberSignature']")
    if native_id is None or not content:
        raise SourceChanged("Invision: a post without content.", url=page.url)
    names = outermost(node, _AUTHOR, without=_CONTENT)
    times = outermost(node, "time[datetime]", without=f"{_CONTENT}, [data-role='memberSignature']")
    mark = "&" if "?" in head.url else "?"
    origin = urlsplit(site_root(prefix))
    return Post(
        native_id=native_id,
        url=f"{head.url}{mark}do=findComment&comment={native_id}#comment-{native_id}",
        text=text_of(content[0], _FOREIGN),
        posted=next((moment(one.attrib["datetime"]) for one in times), None),
        author=(text_of(names[0]) or None) if names else None,
        board=head.board,
        thread=head.title,
        thread_id=head.id,
        edited=bool(node.css(_EDITED)),
        links=page.links_out(content[0], f"{_FOREIGN}, a.ipsAttachLink"),
        media=gather(_media(page, content[0], f"invision:{origin.netloc}{origin.path}")),
    )


def _media(page: Page, content: Selector, forum: str) -> Iterator[MediaRef]:
    for shown in outermost(content, "a.ipsAttachLink, img, video, audio", without=_FOREIGN):
        if shown.root.tag == "a":
            yield from _attachment(page, shown, forum)
        elif shown.root.tag == "img":
            yield from _picture(page, shown, forum)
        else:
            late = shown.css("source::attr(data-video-src)").get("")
            played = page.resolve(shown.attrib.get("data-video-src", late)) or page.video(shown)
            if played is not None:
                is_video = shown.root.tag == "video"
                yield MediaRef(played, MediaKind.VIDEO if is_video else MediaKind.SOUND)


def _attachment(page: Page, link: Selector, forum: str) -> Iterator[MediaRef]:
    url = page.resolve(link.attrib.get("href", ""))
    pictures = link.css("img")
    if url is None:
        return
    file = link.attrib.get("data-fileid") or pictures.attrib.get("data-fileid", "")
    # An id that a writer put on a picture of another site would hide it behind a known one.
    file = file if is_same_site(url, page.url) else ""
    name = pictures.attrib.get("alt", "") if pictures else text_of(link)
    yield MediaRef(
        url,
        MediaKind.PHOTO if pictures else MediaKind.FILE,
        origin_id=_origin(forum, file),
        name=name.strip()[:200] or None,
    )
    for source in (page.source(picture) for picture in pictures):
        if source is not None and not _is_small_copy(source, url):
            yield MediaRef(source, MediaKind.PHOTO)


def _is_small_copy(source: str, full: str) -> bool:
    """Tell whether pier.thumb.jpg.12ab.jpg is made from pier.jpg.34cd.jpg, beside it."""
    folder, _, name = source.partition("?")[0].rpartition("/")
    full_folder, _, full_name = full.partition("?")[0].rpartition("/")
    stem, mark, _ = name.partition(".thumb.")
    is_own = full_name.startswith(f"{stem}.") if mark else name == full_name
    return folder == full_folder and is_own


def _picture(page: Page, picture: Selector, forum: str) -> Iterator[MediaRef]:
    source = page.source(picture)
    is_emoji = "ipsEmoji" in classes(picture) or "data-emoticon" in picture.attrib
    if source is None or is_emoji or urlsplit(source).path.endswith("/spacer.png"):
        return
    urls = page.sizes(picture)
    # An id is of what is shown, not of what that may link to.
    is_own = len(urls) == 1 and is_same_site(source, page.url)
    file = picture.attrib.get("data-fileid", "") if is_own else ""
    for url in urls:
        yield MediaRef(url, MediaKind.PHOTO, _origin(forum, file))


def _origin(forum: str, file: str) -> str | None:
    return f"{forum}:{int(file)}" if re.fullmatch(r"[0-9]{1,18}", file) else None


ENGINE = ForumEngine(
    name="invision",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
    root=_root,
)
