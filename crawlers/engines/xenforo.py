"""XenForo 1 and 2."""

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
from crawlers.engines._dates import DateOrder, read_date
from crawlers.engines._html import classes, moment, outermost, text_of
from crawlers.engines._page import Page, ThreadHead, gather
from crawlers.urls import is_same_site, site_root
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef, Post

# threads/dawn-at-the-pier.31/page-2; a board may go by its name alone: forums/pictures/
_ROUTE = re.compile(
    r"(?:(?<=/)|(?<=index\.php\?))(threads|forums|(?<!/data/)attachments)/(?:[^/?#&]{0,250}\.)?"
    r"([0-9]{1,18}|[A-Za-z][A-Za-z0-9_-]{0,63})(?=[/?#&]|$)/?(?:page-([0-9]{1,9}))?"
)
_POST = re.compile(r"(?:js-)?post-([0-9]{1,18})")
_TODAY = re.compile(r"\btoday:\s{0,9}([0-9]{9,11})\b")
_ROWS = ".structItem--thread, li.discussionListItem"
_POSTS = "article.message[data-content^='post-'], #messageList > li.message[id^='post-']"
_LATEST = ".structItem-cell--latest, .structItem-latestDate, .lastPost"
_CONTENT = ".message-body .bbWrapper, blockquote.messageText"
_QUOTES = ".bbCodeBlock--quote, .bbCodeQuote"
_FOREIGN = f"{_QUOTES}, .message-signature, .signature, .message-lastEdit, .editDate"
_BUTTONS = ".bbCodeSpoiler-button, .bbCodeBlock-title, .bbCodeBlock-expandLink, .bbCodeCode > .type"
# The picture of a page that is linked to is nobody's upload.
_NO_MEDIA = f"{_FOREIGN}, .bbCodeBlock--unfurl, .js-unfurl"
_SMILIES = frozenset({"smilie", "smilie--emoji", "mceSmilie", "mceSmilieSprite"})
_REFUSAL = (
    "[data-template='login'], [data-template='error'], #pageLogin, .errorPanel, .errorOverlay"
)
_LISTED = "[data-template^='forum_view'], .structItemContainer, .discussionList"


@dataclass(frozen=True, slots=True)
class _Place:
    """What the route of a URL names.

    Attributes:
        prefix: What comes before every route: the forum's folder, or its `index.php?`.
    """

    prefix: str
    kind: str
    id: str
    page: int
    url: str


def _find(url: str) -> _Place | None:
    found = _ROUTE.search(url)
    if found is None or (found[1] != "forums" and not found[2].isdecimal()):
        return None
    prefix = url[: found.start()]
    bare = url[: found.end(2)] + "/"
    page = int(found[3] or 1)
    ending = f"page-{page}" if page > 1 else ""
    return _Place(prefix, found[1], found[2], page, bare + ending)


def _canonical(url: str) -> str:
    place = _find(url)
    return url.partition("#")[0] if place is None else place.url


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


def _is_template(page: Page, name: str) -> bool:
    return page.tree.css("html::attr(data-template)").get("").startswith(name)


def _recognise(html: str, url: str) -> float:
    page = Page(html, url, _canonical)
    hrefs = page.tree.css("a::attr(href)").getall()
    credit = page.text(".p-footer-copyright") + page.text("#copyright") + page.text("#footer")
    styles = page.tree.css("link[rel='stylesheet']::attr(href)").getall()
    signals = (
        (0.4, page.has("html#XF, html#XenForo")),
        (0.2, page.has("html[data-cookie-prefix], html[data-template]")),
        (0.2, any("css.php?css=" in style for style in styles)),
        (0.2, "XenForo" in credit),
        (0.2, page.has(f"{_ROWS}, {_POSTS}, .node--forum, li.node.forum, .p-body, #pageLogin")),
        (0.1, any("threads/" in href or "forums/" in href for href in hrefs)),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _kind(html: str, url: str) -> PageKind:
    page = Page(html, url, _canonical)
    if page.has(_POSTS) or _is_template(page, "thread_view"):
        return PageKind.POSTS
    if page.has(_ROWS) or _is_template(page, "forum_view"):
        return PageKind.THREADS
    return PageKind.BOARDS


def _boards(html: str, url: str) -> BoardList:
    page = Page(html, url, _canonical)
    boards: dict[str, BoardRef] = {}
    shown = ".node-title a, a.subNodeLink, .nodeTitle a, .subForumList a"
    for link in outermost(page.tree, shown, without=f"{_ROWS}, {_POSTS}"):
        board = _link(page, link, "forums")
        if board is not None:
            boards.setdefault(board.id, BoardRef(board.id, board.url, text_of(link)))
    if not boards and not page.has(f"{_ROWS}, {_POSTS}, {_LISTED}"):
        page.fail("XenForo", "no boards on a page that should list them", _REFUSAL)
    return BoardList(tuple(boards.values()))


def _threads(html: str, url: str) -> ThreadList:
    page = Page(html, url, _canonical)
    zone = _zone(page)
    rows = outermost(page.tree, _ROWS, without=_POSTS)
    threads: dict[str, ThreadRef] = {}
    for row in rows:
        thread = _thread(page, row, zone)
        if thread is not None:
            threads.setdefault(thread.id, thread)
    if not threads and (rows or not page.has(_LISTED) or page.has(_REFUSAL)):
        page.fail("XenForo", "no threads on a page that should list them", _REFUSAL)
    return ThreadList(tuple(threads.values()), _next_url(page, _ROWS))


def _next_url(page: Page, without: str) -> str | None:
    links = outermost(page.tree, ".pageNav a[href], .PageNav a[href], a[rel='next']", without)
    return page.next_url([*page.tree.css("link[rel='next']")[:1], *links], _place)


def _thread(page: Page, row: Selector, zone: timezone) -> ThreadRef | None:
    for link in row.css(".structItem-title a[href], h3.title a[href]"):
        thread = _link(page, link, "threads")
        if thread is None or "labelLink" in classes(link):
            continue
        latest = row.css(_LATEST)
        when = _time(latest[0], zone) if latest else None
        counts = row.css(".structItem-cell--meta dd, .stats .major dd")
        replies = re.sub(r"[,.\s]", "", text_of(counts[0])[:20]) if counts else ""
        marks = classes(row) | {name for one in row.css("i[class]")[:10] for name in classes(one)}
        return ThreadRef(
            id=thread.id,
            url=thread.url,
            title=text_of(link),
            # Thousands are shortened: "12K".
            replies=int(replies) if re.fullmatch(r"[0-9]{1,9}", replies) else None,
            last_post=when.isoformat() if when is not None else f"t{thread.id}",
            sticky=bool(marks & {"sticky", "structItem-status--sticky"} or _is_on_top(row)),
            moved=bool(marks & {"redirect", "structItem-status--redirect"}),
        )
    return None


def _is_on_top(row: Selector) -> bool:
    group = row.xpath("ancestor::*[contains(@class, 'structItemContainer-group')][1]/@class")
    return "structItemContainer-group--sticky" in group.get("").split()


def _zone(page: Page) -> timezone:
    """Find the zone of dates without one: when today began is told by XenForo 1."""
    found = _TODAY.search(page.scripts()[:200_000]) if page.has("html#XenForo") else None
    if found is None:
        return UTC
    since = int(found[1]) % 86_400
    return timezone(timedelta(seconds=-since if since <= 43_200 else 86_400 - since))


def _time(part: Selector, zone: timezone) -> datetime | None:
    """Read the first time of a part of the page, in any of the forms of all versions."""
    shown = part.css("time, .DateTime")
    if not shown:
        return None
    given = shown[0].attrib
    for name in ("data-timestamp", "data-time"):
        if re.fullmatch(r"[0-9]{1,11}", given.get(name, "")):
            return datetime.fromtimestamp(int(given[name]), UTC)
    known = moment(given.get("datetime"))
    return known or read_date(given.get("title") or text_of(shown[0]), zone, order=DateOrder.MDY)


def _posts(html: str, url: str) -> ThreadPage:
    page = Page(html, url, _canonical)
    zone = _zone(page)
    nodes = [node for node in outermost(page.tree, _POSTS) if _post_id(node)]
    if not nodes:
        page.fail("XenForo", "no posts on a page that should show them", _REFUSAL)
    known = page.tree.css("link[rel='canonical']::attr(href)").get("")
    places = [_find(one) for one in (url, page.link(known) or "")]
    thread = next((one for one in places if one is not None and one.kind == "threads"), None)
    if thread is None:
        raise SourceChanged("XenForo: a thread without its id.", url=url)
    title = page.text("h1.p-title-value, .titleBar h1", ".label, .prefix")
    trail = page.tree.css(".p-breadcrumbs a[href], .breadcrumb a[href]")
    boards = [text_of(link) for link in trail if _link(page, link, "forums") is not None]
    first = thread.url.removesuffix(f"page-{thread.page}")
    head = ThreadHead(page, thread.id, first, title, boards[-1] if boards else None)
    posts: dict[str, Post] = {}
    for node in nodes:
        post = _post(head, thread.prefix, node, zone)
        posts.setdefault(post.native_id, post)
    return ThreadPage(head.id, title, head.board, tuple(posts.values()), _next_url(page, _POSTS))


def _post_id(node: Selector) -> str | None:
    found = _POST.fullmatch(node.attrib.get("data-content") or node.attrib.get("id", ""))
    return str(int(found[1])) if found else None


def _post(head: ThreadHead, prefix: str, node: Selector, zone: timezone) -> Post:
    page, native_id = head.page, _post_id(node)
    content = outermost(node, _CONTENT, without=".message-signature, .signature")
    if native_id is None or not content:
        raise SourceChanged("XenForo: a post without content.", url=page.url)
    names = node.css(".message-name, .userText .username")
    author = node.attrib.get("data-author", "").strip() or (text_of(names[0]) if names else "")
    heads = outermost(node, ".message-attribution, .messageMeta", without=_CONTENT)
    edits = outermost(node, ".message-lastEdit, .editDate")
    times = (_time(part, zone) for part in heads)
    return Post(
        native_id=native_id,
        url=f"{prefix}posts/{native_id}/",
        text=text_of(content[0], f"{_FOREIGN}, {_BUTTONS}"),
        posted=next((one for one in times if one is not None), None),
        author=author or None,
        board=head.board,
        thread=head.title,
        thread_id=head.id,
        edited=bool(edits),
        links=page.links_out(content[0], _FOREIGN),
        media=gather(_media(page, node)),
    )


def _media(page: Page, node: Selector) -> Iterator[MediaRef]:
    parts = f"{_CONTENT}, .message-attachments, .attachedFiles"
    shown_here = "a[href*='attachments/'], img, video, audio"
    for part in outermost(node, parts, without=_NO_MEDIA):
        for shown in outermost(part, shown_here, without=_NO_MEDIA):
            yield from _shown(page, shown)


def _shown(page: Page, shown: Selector) -> Iterator[MediaRef]:
    if shown.root.tag == "a":
        url = page.link(shown.attrib["href"]) or ""
        kind = MediaKind.PHOTO if shown.css("img") else MediaKind.FILE
        file = _attachment(page, url, kind)
        if file is not None:
            yield file
        for picture in shown.css("img"):
            if file is None or not _is_small_copy(page, picture, file):
                yield from _pictures(page, picture)
    elif shown.root.tag == "img":
        yield from _pictures(page, shown)
    else:
        played = page.video(shown)
        if played is not None:
            is_video = shown.root.tag == "video"
            yield MediaRef(played, MediaKind.VIDEO if is_video else MediaKind.SOUND)


def _is_small_copy(page: Page, picture: Selector, file: MediaRef) -> bool:
    """Tell whether a picture is made from the attachment that it links to: it has its number."""
    source = page.source(picture)
    if source is None or not is_same_site(source, page.url):
        return False
    folder, _, name = urlsplit(source).path.rpartition("/")
    number = file.url.rstrip("/").rpartition(".")[2]
    return "/data/attachments/" in f"{folder}/" and name.startswith(f"{number}-")


def _pictures(page: Page, picture: Selector) -> Iterator[MediaRef]:
    if classes(picture) & _SMILIES or "styles/" in picture.attrib.get("src", "")[:9]:
        return
    # What a proxy stands before, and what is behind a small copy.
    told = picture.attrib.get("data-url") or picture.xpath("../@data-src").get("")
    original = page.resolve(told)
    for url in (original,) if original is not None else page.sizes(picture):
        yield _attachment(page, url, MediaKind.PHOTO) or MediaRef(url, MediaKind.PHOTO)


def _attachment(page: Page, url: str, kind: MediaKind) -> MediaRef | None:
    """Name one of the forum's own files, pier-jpg.301, and give its full size."""
    file = _find(url) if is_same_site(url, page.url) else None
    if file is None or file.kind != "attachments":
        return None
    slug = file.url.rstrip("/").rpartition("/")[2].rpartition(".")[0]
    stem, _, suffix = slug.rpartition("-")
    origin = urlsplit(file.prefix)
    return MediaRef(
        url=file.url,
        kind=kind,
        origin_id=f"xenforo:{origin.netloc}{origin.path}:{file.id}",
        name=f"{stem}.{suffix}"[:200] if stem else None,
    )


ENGINE = ForumEngine(
    name="xenforo",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
    root=_root,
)
