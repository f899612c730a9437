"""phpBB 3.0 to 3.3 with prosilver or a style made from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn
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
from crawlers.engines._html import base_of, classes, moment, outermost, parse, text_of
from crawlers.urls import absolute, is_same_site, is_under, number, query, site_root, with_query
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.post import MediaKind, MediaRef, Post
from monitor.models.source import SourceState

_POST = re.compile(r"p([0-9]{1,18})")
_PICTURE = re.compile(r"\.(?:jpe?g|png|webp|gif|bmp|avif|heic)$", re.IGNORECASE)
_STICKY = frozenset({"sticky", "announce", "global-announce", "global"})
# More than a post shows in earnest; what is over is not looked at.
_MAX_MEDIA = 100
_SMILIES = frozenset({"smilies", "smiley", "emoji"})
_SCENERY = ("images/smilies/", "images/ranks/", "images/icons/", "styles/", "ext/")
_ATTACHED = "dl.attachbox, .inline-attachment, dl.file, dl.thumbnail"
_REFUSAL = "form[id^='login'], input[type='password'], #message"
_FOREIGN = "blockquote, .signature, .notice, .rules"
_CODE_BUTTONS = ".codebox > p, .codebox > dt, .codebox .codebox-head"
_SCRIPTS = {"viewtopic.php": ("t", "start"), "viewforum.php": ("f", "start"), "file.php": ("id",)}


def _script(url: str) -> str:
    return re.split(r"[?#]", url, maxsplit=1)[0].rpartition("/")[2]


def _canonical(url: str) -> str:
    given = query(url)
    script = _script(url)
    if script not in _SCRIPTS:
        return with_query(url, {name: value for name, value in given.items() if name != "sid"})
    post = number(url, "p")
    if script == "viewtopic.php" and "t" not in given and post is not None:
        return with_query(url, {"p": str(post)}) + f"#p{post}"
    kept = {name: given[name] for name in _SCRIPTS[script] if given.get(name)}
    if number(url, "start") == 0:
        del kept["start"]
    return with_query(url, kept)


class _Page:
    """A parsed page with what its links are relative to."""

    def __init__(self, html: str, url: str) -> None:
        self.url = url
        self.tree = parse(html)
        self.base = base_of(self.tree, url)
        self.root = site_root(url)

    def link(self, href: str) -> str | None:
        """Resolve a link of this forum to its canonical URL; None when it leads elsewhere."""
        # An empty one would be the page itself.
        url = absolute(self.base, href) if href.strip() else None
        return _canonical(url) if url is not None and is_under(url, self.root) else None

    def has(self, css: str) -> bool:
        return bool(self.tree.css(css))

    def is_section(self, name: str) -> bool:
        return f"section-{name}" in self.tree.css("body::attr(class)").get("").split()

    def fail(self, missing: str) -> NoReturn:
        """Say why there is nothing to read: we may not see it, or we do not know the page."""
        if self.has(_REFUSAL):
            raise SourceUnavailable(
                "The forum does not show this page to guests.",
                url=self.url,
                state=SourceState.RESTRICTED,
            )
        raise SourceChanged(f"phpBB: {missing}.", url=self.url)

    def next_url(self, key: str) -> str | None:
        """Find the next page: the smallest offset beyond this one, whatever language says so."""
        here = number(self.url, "start") or 0
        own = number(self.url, key)
        links = outermost(
            self.tree, ".pagination a[href], a[rel='next'], a.right-box", without="li.row, .post"
        )
        later: dict[int, str] = {}
        for link in links:
            url = self.link(link.attrib.get("href", ""))
            start = number(url, "start") if url is not None else None
            if url is None or start is None or start <= here or _script(url) != _script(self.url):
                continue
            if own is None or number(url, key) == own:
                later[start] = url
        return later[min(later)] if later else None


def _recognise(html: str, url: str) -> float:
    page = _Page(html, url)
    hrefs = page.tree.css("a::attr(href)").getall()
    credit = page.tree.css(".copyright, #page-footer, .site-footer")
    signals = (
        (0.4, page.has("body#phpbb")),
        (0.2, page.has("body[class*='section-']")),
        (0.3, any("phpBB" in text_of(node) for node in credit[:3])),
        (0.2, page.has("ul.topiclist, div.post[id^='p'] .postbody")),
        (0.1, any(number(href, "f") for href in hrefs if "viewforum.php?" in href)),
        (0.1, any(number(href, "t") for href in hrefs if "viewtopic.php?" in href)),
        (0.1, _script(url) in {"viewforum.php", "viewtopic.php"}),
    )
    return min(1.0, sum(weight for weight, is_present in signals if is_present))


def _kind(html: str, url: str) -> PageKind:
    page = _Page(html, url)
    if page.has("div.post[id^='p'] .postbody") or page.is_section("viewtopic"):
        return PageKind.POSTS
    if page.has("a.topictitle") or page.is_section("viewforum"):
        return PageKind.THREADS
    return PageKind.BOARDS


def _last_post(row: Selector) -> str:
    """Tell one state of a row from the next: by the last post's id, else its time."""
    for href in row.css(".lastpost a::attr(href)").getall():
        post = number(href, "p")
        if post is not None:
            return f"p{post}"
    when = row.css(".lastpost time::attr(datetime)").get()
    return (when or " ".join(text_of(cell) for cell in row.css(".lastpost")[:1]))[:200]


def _boards(html: str, url: str) -> BoardList:
    page = _Page(html, url)
    boards: dict[str, BoardRef] = {}
    for row in outermost(page.tree, "li.row, a.forumtitle, a.subforum", without=".post"):
        # A "link" board only counts clicks on its way to another site.
        if row.css("dd.redirect"):
            continue
        last_post = _last_post(row) or None
        for link in outermost(row, "a.forumtitle, a.subforum") or [row]:
            target = page.link(link.attrib.get("href", ""))
            board = number(target, "f") if target is not None else None
            if target is not None and board is not None:
                own = last_post if "forumtitle" in classes(link) else None
                ref = BoardRef(str(board), target, text_of(link), own)
                boards.setdefault(str(board), ref)
    if not boards and not page.has("a.topictitle, div.post") and not page.is_section("viewforum"):
        page.fail("no boards on a page that should list them")
    return BoardList(tuple(boards.values()))


def _replies(row: Selector) -> int | None:
    own = row.css("dd.posts::text").get("")
    digits = re.sub(r"[^0-9]", "", own[:30])
    return int(digits) if digits else None


def _threads(html: str, url: str) -> ThreadList:
    page = _Page(html, url)
    threads: dict[str, ThreadRef] = {}
    rows = outermost(page.tree, "ul.topics > li.row, li.row", without=".forums, .post")
    for row in rows:
        links = row.css("a.topictitle")
        target = page.link(links[0].attrib.get("href", "")) if links else None
        thread = number(target, "t") if target is not None else None
        if target is None or thread is None:
            continue
        marks = " ".join(row.css("dl::attr(class), dl::attr(style)").getall()[:4])
        threads.setdefault(
            str(thread),
            ThreadRef(
                id=str(thread),
                url=target,
                title=text_of(links[0]),
                replies=_replies(row),
                last_post=_last_post(row),
                sticky=bool(classes(row) & _STICKY),
                moved="topic_moved" in marks,
            ),
        )
    if not threads and (rows or not page.is_section("viewforum") or page.has(_REFUSAL)):
        page.fail("no threads on a page that should list them")
    return ThreadList(tuple(threads.values()), page.next_url("f"))


def _posts(html: str, url: str) -> ThreadPage:
    page = _Page(html, url)
    nodes = [node for node in outermost(page.tree, "div.post[id]") if _post_id(node)]
    if not nodes:
        page.fail("no posts on a page that should show them")
    heads = page.tree.css("h2.topic-title a, h2 a[href*='viewtopic.php']")
    title = text_of(heads[0]) if heads else ""
    known = [head.attrib.get("href", "") for head in heads[:1]]
    known += page.tree.css("link[rel='canonical']::attr(href)").getall()[:1]
    threads = [number(href, "t") for href in (*known, url)]
    thread = next((str(thread) for thread in threads if thread is not None), None)
    if thread is None:
        raise SourceChanged("phpBB: a thread without its id.", url=url)
    crumbs = "#nav-breadcrumbs, ul.navlinks, ul.linklist.navlinks"
    trail = [
        text_of(link)
        for bar in page.tree.css(crumbs)[:1]
        for link in bar.css("a[href*='viewforum.php']")
    ]
    board = trail[-1] if trail else None
    posts = {_post_id(node): _post(page, node, thread, title, board) for node in nodes}
    return ThreadPage(thread, title, board, tuple(posts.values()), page.next_url("t"))


def _post_id(node: Selector) -> str | None:
    found = _POST.fullmatch(node.attrib.get("id", ""))
    return str(int(found[1])) if found else None


def _post(page: _Page, node: Selector, thread: str, title: str, board: str | None) -> Post:
    native_id = _post_id(node)
    content = outermost(node, "div.content", without=_FOREIGN)
    if native_id is None or not content:
        raise SourceChanged("phpBB: a post without content.", url=page.url)
    names = node.css("p.author .username, p.author .username-coloured, p.author strong")
    notices = (text_of(notice) for notice in outermost(node, ".notice", without=".content"))
    links = (absolute(page.base, href) for href in _hrefs(content[0]))
    return Post(
        native_id=native_id,
        url=f"{page.root}viewtopic.php?p={native_id}#p{native_id}",
        text=text_of(content[0], f"{_FOREIGN}, {_ATTACHED}, {_CODE_BUTTONS}"),
        # Older styles print the time as text, in a zone that the page does not name.
        posted=moment(node.css("p.author time::attr(datetime)").get()),
        author=(text_of(names[0]) or None) if names else None,
        board=board,
        thread=title,
        thread_id=thread,
        # The same box tells of a bump.
        edited=any(notice and "bump" not in notice.lower() for notice in notices),
        links=tuple(dict.fromkeys(url for url in links if url and not is_same_site(url, page.url))),
        media=_media(page, node),
    )


def _hrefs(content: Selector) -> list[str]:
    return [link.attrib["href"] for link in outermost(content, "a[href]", without=_FOREIGN)]


def _media(page: _Page, node: Selector) -> tuple[MediaRef, ...]:
    media: dict[str, MediaRef] = {}
    for part in outermost(node, "div.content, dl.attachbox", without=_FOREIGN):
        for shown in outermost(part, "img, video, dl.file a[href]", without=_FOREIGN):
            for ref in _media_refs(page, shown):
                media.setdefault(ref.url, ref)
            # A page of nothing but pictures, deeply nested, must not take minutes.
            if len(media) >= _MAX_MEDIA:
                return tuple(media.values())
    return tuple(media.values())


def _media_refs(page: _Page, shown: Selector) -> Iterator[MediaRef]:
    name = shown.attrib.get("alt", "")
    urls: tuple[str | None, ...]
    if shown.root.tag == "video":
        kind = MediaKind.VIDEO
        urls = (_video_url(page, shown),)
    elif shown.root.tag == "img":
        kind = MediaKind.PHOTO
        urls = _picture_urls(page, shown)
    else:
        kind = MediaKind.PHOTO if shown.css("img") else MediaKind.FILE
        urls = (absolute(page.base, shown.attrib["href"]),)
        name = text_of(shown)
    for url in urls:
        ref = None if url is None else _media_ref(page, url, kind, name)
        if ref is not None:
            yield ref


def _media_ref(page: _Page, url: str, kind: MediaKind, name: str) -> MediaRef | None:
    attachment = _attachment(page, url)
    if attachment is None:
        # A link in a file box that is no attachment is a link, not a file.
        return None if kind is MediaKind.FILE else MediaRef(url, kind)
    origin = urlsplit(page.root)
    return MediaRef(
        url=f"{page.root}download/file.php?id={attachment}",
        kind=kind,
        origin_id=f"phpbb:{origin.netloc}{origin.path}:{attachment}",
        name=name[:200] or None,
    )


def _video_url(page: _Page, video: Selector) -> str | None:
    href = video.attrib.get("src") or video.css("source::attr(src)").get()
    return absolute(page.base, href) if href else None


def _picture_urls(page: _Page, picture: Selector) -> tuple[str, ...]:
    """Give the picture at full size, which it links to, and the one that is shown.

    Both, as nothing says that they are the same: a decoy behind a photo must not hide it.
    """
    source = absolute(page.base, picture.attrib.get("src", "").strip() or "about:blank")
    scenery = tuple(page.root + folder for folder in _SCENERY)
    if source is None or classes(picture) & _SMILIES or source.startswith(scenery):
        return ()
    around = picture.xpath("ancestor::a[1]/@href").get()
    full = absolute(page.base, around) if around else None
    if full is None:
        return (source,)
    attachment = _attachment(page, full)
    if attachment is not None and attachment == _attachment(page, source):
        return (full,)
    is_picture = bool(_PICTURE.search(urlsplit(full).path)) or attachment is not None
    return (full, source) if is_picture else (source,)


def _attachment(page: _Page, url: str) -> int | None:
    is_own = is_under(url, page.root) and urlsplit(url).path.endswith("/download/file.php")
    return number(url, "id") if is_own else None


ENGINE = ForumEngine(
    name="phpbb",
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=_canonical,
)
