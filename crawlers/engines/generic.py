"""Forums whose software nobody knows: read by what all forums' pages have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from crawlers.engines._base import (
    BoardList,
    BoardRef,
    ForumEngine,
    PageKind,
    ThreadList,
    ThreadPage,
    ThreadRef,
)
from crawlers.engines._generic.addresses import (
    canonical,
    is_board,
    key_of,
    place,
    root,
    steps,
    thread_of,
)
from crawlers.engines._generic.content import Reader, Said
from crawlers.engines._generic.listing import Listing, Row, find_lists
from crawlers.engines._generic.marks import Marks
from crawlers.engines._generic.opening import find_opening
from crawlers.engines._generic.outline import Outline
from crawlers.engines._generic.units import Group, Unit, find_posts
from crawlers.engines._html import outermost, text_of
from crawlers.engines._page import Page
from monitor.clock import utc_now
from monitor.models.post import Post
from monitor.models.source import GENERIC

# Less than what any engine has for a page that it knows.
_CONFIDENCE = 0.25
_REFUSAL = "input[type='password'], form[action*='login']"
_REFUSED = re.compile(
    r"(?:log ?in|sign ?in|logged in|registered|permission|members only|not allowed|access denied|"
    r"로그인|권한이|권한 없|회원만|회원 전용|접근)",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"\bno (?:topics|threads|posts|discussions|messages|results|articles|entries)\b|"
    r"\bnothing (?:here|to see|found)\b|"
    r"(?:글|게시물|게시글|자료|내용)(?:이|은|가)? (?:없|존재하지)",
    re.IGNORECASE,
)
_LABELS = ".label, .badge, .prefix, .sound_only, .sr-only, .visually-hidden"
_SEPARATORS = re.compile(r"\s[-|·»:–—]\s")


@dataclass(frozen=True, slots=True)
class _View:
    """A page with all that was made out on it."""

    page: Page
    outline: Outline
    marks: Marks
    listing: Listing
    group: Group | None
    opening: Unit | None
    title: str

    def kind(self) -> PageKind | None:
        """Tell what the page lists; None where that can't be told."""
        boards, threads = self.listing.boards, self.listing.threads
        if self._shows_posts():
            return PageKind.POSTS
        if boards and (not threads or self._is_led_by_boards()):
            return PageKind.BOARDS
        if threads:
            return PageKind.THREADS
        return PageKind.BOARDS if len(self.listing.menu) > 1 else None

    def _shows_posts(self) -> bool:
        if self.group is None and self.opening is None:
            return False
        rows = [row for row in (*self.listing.threads, *self.listing.boards) if row.told]
        said = is_board(canonical(self.page.url))
        if not rows or said is False:
            return True
        if self.opening is None and self.group is not None and self.group.whole < 0.5:
            return False
        if said is True and self.group is not None and self.group.weight < 4:
            return False
        units = self._units()
        if self.group is None and len(rows) > 1 and self.listing.boards:
            return False
        size = sum(self.outline.size(self.outline.nodes[unit.node]) for unit in units)
        listed = sum(len(row.title) for row in rows)
        return size >= listed or units[0].node < 0

    def _units(self) -> list[Unit]:
        units = list(self.group.units) if self.group is not None else []
        return [self.opening, *units] if self.opening is not None else units

    def _is_led_by_boards(self) -> bool:
        """A board may have sub-boards: then there are more threads, each with more to say."""
        if is_board(canonical(self.page.url)) is True:
            return False
        return len(self.listing.boards) >= 2 or len(self.listing.threads) < 3

    def board(self) -> str | None:
        """Read the name of the board that the page is of: the last of the way to it."""
        named: str | None = None
        heading = self.title
        for node in self.outline.nodes:
            if node.tag != "a" or "crumb" not in node.zones:
                continue
            url = self.page.link(node.get("href"))
            name = self.outline.brief(node)
            if url is not None and name and name != heading and steps(url):
                named = name
        return named

    def next_url(self) -> str | None:
        """Find the page after this one: the link that says it is, else the nearest number."""
        tree, page = self.page.tree, self.page
        here = place(canonical(page.url))
        for link in tree.css("link[rel~='next'], a[rel~='next']"):
            url = page.link(link.attrib.get("href", ""))
            there = place(url) if url is not None else here
            if there[0] == here[0] and there[1] != here[1]:
                return url
        # Where pages are counted from 1, the first has no number.
        return page.next_url(tree.css("a[href]"), place)

    def is_empty_board(self) -> bool:
        """Tell a board that nobody has written in from a page that is not known.

        Its address is below the front page, it has a name and leads to the rest of the site.
        """
        page = self.page
        if not steps(page.url) or not self.title or self.is_refusal():
            return False
        targets = {page.link(link.attrib.get("href", "")) for link in page.tree.css("a[href]")[:50]}
        return len(targets - {None, canonical(page.url)}) >= 2

    def is_refusal(self) -> bool:
        """Tell whether the page says that one has to log in, rather than only where."""
        if self.page.has(_REFUSAL):
            return True
        is_short = self.outline.totals[-1] < 1_500
        return is_short and _REFUSED.search(" ".join(self._sentences())[:3_000]) is not None

    def _sentences(self) -> Iterator[str]:
        """List the texts but those of menus: links that stand alone."""
        outline = self.outline
        for text in outline.texts:
            node = outline.nodes[text.node]
            if "nav" in node.zones:
                continue
            if text.link:
                link = next((one for one in outline.ancestors(node) if one.tag == "a"), node)
                block = outline.nodes[max(link.parent, 0)]
                if outline.letters(block.at, block.end) < 5:
                    continue
            yield text.text

    def refuse(self, missing: str) -> None:
        """Say why there is nothing to read."""
        self.page.fail("Generic", missing, "html, body, *" if self.is_refusal() else _REFUSAL)


@lru_cache(maxsize=4)
def _view(html: str, url: str) -> _View:
    page = Page(html, url, canonical)
    outline = Outline.of(page.tree)
    marks = Marks(outline, page.link, utc_now())
    title = _title(page)
    listing = find_lists(outline, marks, page.link, canonical(url), title)
    entries = sorted((row.at, row.start, row.end) for row in (*listing.boards, *listing.threads))
    group = find_posts(outline, marks, entries)
    if len(entries) < 2 and group is not None and group.weight >= 2:
        # One link to a thread, among posts.
        entries = []
    opening = find_opening(outline, marks, group, entries)
    return _View(page, outline, marks, listing, group, opening, title)


def _title(page: Page) -> str:
    """Read what a page is about: a heading that its title repeats, else the title's first part."""
    titles = page.tree.css("title")
    title = text_of(titles[0]) if titles else ""
    headings = [
        " ".join(text_of(heading, _LABELS).split())
        for heading in outermost(page.tree, "h1, h2, h3")[:30]
    ]
    # The site's name, or the board's, may stand above.
    if told := [text for text in headings if text and text.lower() in title.lower()]:
        return told[-1]
    if firsts := page.tree.css("h1"):
        return " ".join(text_of(firsts[0], _LABELS).split()) or title
    return _SEPARATORS.split(title)[0].strip()


def _recognise(html: str, url: str) -> float:
    view = _view(html, url)
    if view.kind() is not None:
        return _CONFIDENCE
    return _CONFIDENCE / 2 if view.page.has("input[type='password']") else 0.0


def _kind(html: str, url: str) -> PageKind:
    return _view(html, url).kind() or PageKind.BOARDS


def _boards(html: str, url: str) -> BoardList:
    view = _view(html, url)
    rows = view.listing.boards
    kind = view.kind()
    if kind is not PageKind.POSTS and is_board(canonical(url)) is None:
        # A menu that leads to all boards is on every page; a crawl of one board is of that board.
        known = {row.url for row in rows}
        rows += tuple(row for row in view.listing.menu if row.url not in known)
    if not rows and kind is None and not view.is_empty_board():
        view.refuse("no boards on a page that should list them")
    boards = {key_of(row.url): _board_ref(row) for row in rows}
    return BoardList(tuple(boards.values()))


def _board_ref(row: Row) -> BoardRef:
    return BoardRef(key_of(row.url), row.url, row.title, row.last or None)


def _threads(html: str, url: str) -> ThreadList:
    view = _view(html, url)
    threads = [_thread_ref(row) for row in view.listing.threads]
    if not threads or view.kind() is PageKind.POSTS:
        is_empty = _EMPTY.search(text_of(view.page.tree)[:20_000]) is not None
        is_empty = is_empty or view.is_empty_board()
        if view.kind() is PageKind.POSTS or not (view.listing.boards or is_empty):
            view.refuse("no threads on a page that should list them")
        threads = []
    return ThreadList(tuple(threads), view.next_url())


def _thread_ref(row: Row) -> ThreadRef:
    return ThreadRef(
        id=key_of(row.url),
        url=row.url,
        title=row.title,
        replies=row.replies,
        last_post=row.last or "not told",
        sticky=row.sticky,
    )


def _posts(html: str, url: str) -> ThreadPage:
    view = _view(html, url)
    if view.kind() is not PageKind.POSTS:
        view.refuse("no posts on a page that should show them")
    address = thread_of(canonical(url))
    thread = ThreadPage(key_of(address), view.title, view.board(), ())
    reader = Reader(view.outline, view.marks, url, view.page.resolve, view.page.link)
    posts: dict[str, Post] = {}
    if view.opening is not None:
        said = reader.read(view.opening, 0)
        # Where a page shows one post and answers to it, its address is that post's.
        post = _post(thread, said, address, own=thread.thread_id)
        posts[post.native_id] = post
    before = 0
    for unit in view.group.units if view.group is not None else ():
        said = reader.read(unit, before)
        before = view.outline.nodes[unit.node].end
        if said.number == "0":
            # Scripts fill it for posts to come.
            continue
        if said.text or said.media or said.posted is not None:
            post = _post(thread, said, canonical(url))
            posts.setdefault(post.native_id, post)
    return replace(thread, posts=tuple(posts.values()), next_url=view.next_url())


def _post(thread: ThreadPage, said: Said, address: str, own: str | None = None) -> Post:
    # Numbers in anchors may count a thread's posts only.
    native_id = said.number or own or f"{thread.thread_id}.{said.anchor or said.digest()}"
    anchor = f"#{said.anchor}" if said.anchor and own is None else ""
    return Post(
        native_id=native_id,
        url=said.permalink or address + anchor,
        text=said.text,
        posted=said.posted,
        author=said.author,
        board=thread.board,
        thread=thread.title,
        thread_id=thread.thread_id,
        edited=said.edited,
        links=said.links,
        media=said.media,
    )


ENGINE = ForumEngine(
    name=GENERIC,
    recognise=_recognise,
    kind=_kind,
    boards=_boards,
    threads=_threads,
    posts=_posts,
    canonical=canonical,
    root=root,
)
