"""Which links of a page are a list of boards or threads: rows alike, with counts and times."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from crawlers.engines._generic.addresses import (
    is_board,
    is_deed,
    is_form_of,
    is_person,
    key_of,
    post_number,
    shape,
    steps,
    thread_of,
)
from crawlers.engines._generic.marks import Marks
from crawlers.engines._generic.outline import Node, Outline

_APART = frozenset({"crumb", "pager", "quote", "signature"})
_LETTER = re.compile(r"[^\W\d_]")
_COUNT = re.compile(
    r"[\[(]?\s?([0-9][0-9,.]{0,11})\s?(?:개|건|[a-z]{4,9}|댓글)?\s?[\])]?", re.IGNORECASE
)
_REPLIES = frozenset({"reply", "replies", "comment", "comments", "cmt", "answers", "응답", "댓글"})
_REPLIES |= {"답글", "댓글수"}
_POSTS = frozenset({"post", "posts", "글", "게시물"})
_VIEWS = frozenset(
    {"view", "views", "hit", "hits", "viewed", "조회", "조회수", "reads", "like", "likes"}
)
_VIEWS |= {"vote", "votes", "추천", "번호", "no", "num", "like_count"}
_TOPICS = frozenset({"topics", "threads", "discussions", "주제", "글"})
_STICKY = frozenset({"sticky", "stickied", "pinned", "pin", "announce", "announcement", "notice"})
_STICKY |= {"thumbtack", "thumb", "important", "공지", "고정", "필독", "global"}
_TITLES = frozenset({"title", "subject", "heading", "headline"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5"})
_ROWS = frozenset({"tr", "li", "article"})
_HIGHEST = 12
_INLINE = frozenset({"span", "b", "strong", "em", "i", "font", "small", "u", "a"})
_WORD = re.compile(r"[a-z]+|[가-힣]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a list.

    Attributes:
        at: Place of its link.
        start: Place of the first of what belongs to it.
        end: Place after the last.
        replies: None where it does not tell.
        last: Instant of the newest time in it that will read the same tomorrow; may be empty.
        told: It says more than a title.
        menu: It is in a part that leads elsewhere.
    """

    at: int
    start: int
    end: int
    url: str
    title: str
    replies: int | None
    last: str
    sticky: bool
    told: bool
    menu: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """What a page lists."""

    boards: tuple[Row, ...]
    threads: tuple[Row, ...]
    menu: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class _Link:
    node: int
    at: int
    url: str
    title: str
    menu: bool


def find_lists(
    outline: Outline, marks: Marks, link: Callable[[str], str | None], here: str, heading: str
) -> Listing:
    """Find the boards and threads that a page lists.

    Args:
        link: Gives the canonical URL of a link within the site, else None.
        here: Canonical URL of the page.
        heading: Of the page; a link of that name leads to where we are.
    """
    groups: dict[str, list[_Link]] = {}
    for one in _links(outline, marks, link, here, heading):
        groups.setdefault(shape(one.url), []).append(one)
    heads = _heads(outline)
    found: list[tuple[str, list[Row]]] = []
    for name, links in groups.items():
        rows = list(_rows(outline, marks, links, heads))
        if rows:
            found.append((name, rows))
    return _sorted_out(found, here, outline)


def _links(
    outline: Outline,
    marks: Marks,
    link: Callable[[str], str | None],
    here: str,
    heading: str,
) -> Iterator[_Link]:
    own = thread_of(here)
    for index, node in enumerate(outline.nodes):
        if node.tag != "a" or node.zones & _APART or not node.get("href"):
            continue
        url = link(node.get("href"))
        if url is None or is_person(url) or is_deed(url):
            continue
        url = thread_of(url)
        if url in {own, here} or is_form_of(url, own):
            continue
        title = outline.brief(node)
        if not _LETTER.search(title) or (len(title) < 2 and not _is_wide(title)):
            title = node.get("title")[:200] if not title else ""
        if not title or marks.read(title) is not None or marks.has_time(node.at, node.end):
            continue
        if _is_in_prose(outline, node, len(title)):
            continue
        bare = re.sub(r"^re:\s{0,9}", "", title, flags=re.IGNORECASE)
        if (heading and bare == heading) or post_number(url) is not None:
            continue
        yield _Link(index, node.at, url, title, "nav" in node.zones)


def _is_in_prose(outline: Outline, node: Node, length: int) -> bool:
    """Tell a link in a sentence from one that stands for itself."""
    index = node.parent
    while index >= 0 and outline.nodes[index].tag in _INLINE:
        index = outline.nodes[index].parent
    if index < 0:
        return False
    block = outline.nodes[index]
    near = outline.texts_in(max(block.at, node.at - 20), min(block.end, node.end + 20))
    beside = sum(len(text.text.strip()) for text in near if text.node == index)
    return beside > max(30, length)


def _is_wide(title: str) -> bool:
    return bool(title) and ord(title[0]) >= 0x1100


def _rows(
    outline: Outline, marks: Marks, links: list[_Link], heads: list[frozenset[str]]
) -> Iterator[Row]:
    places = [one.at for one in links]
    targets: dict[str, list[_Link]] = {}
    for one in links:
        targets.setdefault(one.url, []).append(one)
    for url, same in targets.items():
        best = max(same[:4], key=lambda one: _likeness(outline, one))
        own = Counter(one.at for one in same)
        node = _row_of(outline, marks, best, places, own, alone=len(targets) == 1)
        yield _row(outline, marks, best, node, url, heads)


def _likeness(outline: Outline, link: _Link) -> tuple[bool, bool, int]:
    """Tell how likely a link is the title of an entry; others lead to its news or its pages."""
    node = outline.nodes[link.node]
    words = node.words | outline.nodes[node.parent].words
    tags = {node.tag, outline.nodes[node.parent].tag}
    named = bool(words & _TITLES or tags & _HEADINGS)
    return not link.menu, named, len(link.title)


def _row_of(
    outline: Outline,
    marks: Marks,
    link: _Link,
    places: list[int],
    own: Counter[int],
    *,
    alone: bool,
) -> Node:
    """Go up as long as there is no other entry's link in it."""
    row = outline.nodes[link.node]
    for height, node in enumerate(outline.ancestors(outline.nodes[link.node])):
        inside = places[bisect_left(places, node.at) : bisect_left(places, node.end)][
            : len(own) + 1
        ]
        if height > _HIGHEST or any(at not in own for at in inside) or node.tag == "body":
            break
        row = node
        if alone and (node.tag in {"tr", "li", "article"} or marks.has_time(node.at, node.end)):
            break
    for node in outline.ancestors(row):
        # Where an entry names entries below it, they stand in its row.
        if node.tag in _ROWS and node.at <= link.at:
            first = bisect_left(places, node.at)
            return node if places[first] == link.at and node.end > row.end else row
        if node.tag in {"table", "ul", "ol", "body"}:
            break
    return row


def _row(
    outline: Outline, marks: Marks, link: _Link, node: Node, url: str, heads: list[frozenset[str]]
) -> Row:
    start, end = node.at, node.end
    if not marks.has_time(start, end) and node.tag == "dt":
        end = outline.nodes[node.parent].end
    times = [mark.time for mark in marks.times_in(start, end)[:20] if mark.fixed]
    counts = _counts(outline, node, link, heads)
    known = [value for kind, value in counts if kind == "replies"]
    plain = [value for kind, value in counts if kind == ""]
    plain += [value for kind, value in counts if kind == "linked"]
    replies = known[0] if known else (plain[0] if plain else None)
    return Row(
        at=link.at,
        start=start,
        end=end,
        url=url,
        title=link.title,
        replies=replies,
        last=max(times).isoformat() if times else "",
        sticky=_is_sticky(outline, node, link),
        told=bool(times or counts or marks.has_time(start, end)),
        menu=link.menu,
    )


def _counts(
    outline: Outline, row: Node, link: _Link, heads: list[frozenset[str]]
) -> list[tuple[str, int]]:
    """Read the numbers of a row, each with what it counts.

    Returns:
        "replies", "other", or where that is not told, "linked" or "", with the number.
    """
    found: list[tuple[str, int]] = []
    for text in outline.texts_in(row.at, row.end)[:80]:
        number = _COUNT.fullmatch(text.text.strip())
        if number is None or text.at == link.at + 1 or "pager" in outline.nodes[text.node].zones:
            continue
        words: set[str] = {word.lower() for word in _WORD.findall(text.text)}
        node = outline.nodes[text.node]
        column = None
        for one in outline.ancestors(node):
            if one is row or one.parent < 0 or one.at <= row.at:
                break
            words |= one.words
            column = one
        words |= _column(outline, row, column, heads)
        value = int(re.sub(r"[^0-9]", "", number[1]) or 0)
        found.append((_counted(words) or ("linked" if text.link else ""), value))
    return found


def _counted(words: set[str]) -> str:
    if words & _REPLIES:
        return "replies"
    if words & _VIEWS:
        return "other"
    return "replies" if words & _POSTS else ""


def _column(
    outline: Outline, row: Node, cell: Node | None, heads: list[frozenset[str]]
) -> frozenset[str]:
    """Read what stands above a cell."""
    if cell is None or outline.nodes[cell.parent] is not row:
        return frozenset()
    cells = [child for child in row.element if isinstance(child.tag, str)]
    if len(cells) > 30 or cell.element not in cells:
        return frozenset()
    # Counted from the end: columns of icons at the front are often without a head.
    place = len(cells) - cells.index(cell.element)
    return heads[-place] if place <= len(heads) else frozenset()


def _heads(outline: Outline) -> list[frozenset[str]]:
    """Read the heads of the columns of a page's lists."""
    for node in outline.nodes:
        cells = [child for child in node.element if isinstance(child.tag, str)][:31]
        if not 3 <= len(cells) <= 30 or node.tag not in {"tr", "div", "li", "ul", "dl"}:
            continue
        if outline.size(node) > 120:
            continue
        heads = [
            frozenset(word.lower() for word in _WORD.findall(" ".join(cell.itertext())[:60]))
            for cell in cells
        ]
        named = frozenset().union(*heads)
        if named & (_REPLIES | _VIEWS | _TOPICS | {"posts"}) and not heads[0] & _REPLIES:
            return heads
    return []


def _is_sticky(outline: Outline, row: Node, link: _Link) -> bool:
    """Look for a mark of what is kept on top, around the title and before it."""
    if row.words & _STICKY:
        return True
    for text in outline.texts_in(row.at, row.end)[:12]:
        if text.at != link.at + 1 and {w.lower() for w in _WORD.findall(text.text[:30])} & _STICKY:
            return True
    index = link.node
    for step in range(1, 13):
        before = index - step
        if before < 0 or outline.nodes[before].at < row.at:
            break
        if outline.nodes[before].words & _STICKY:
            return True
    return bool(outline.nodes[link.node].words & _STICKY)


def _sorted_out(found: list[tuple[str, list[Row]]], here: str, outline: Outline) -> Listing:
    boards: list[Row] = []
    threads: list[Row] = []
    menu: list[Row] = []
    rows_of = dict(found)
    for name, rows in found:
        told = [row for row in rows if row.told]
        said = is_board(rows[0].url)
        is_list = len(told) >= 0.5 * len(rows)
        if said is None and is_list:
            said = _is_index(name, rows_of)
        if said is not None and said and is_board(here) and _is_below(rows, here):
            said = False
        if said is False and is_list:
            threads += told if len(told) > 1 or is_board(rows[0].url) is False else []
        elif said is True and told and not _is_within(rows, found, name):
            boards += [row for row in rows if row.told or not row.menu]
        elif said is True:
            menu += rows
    plain = _without_second(sorted(threads, key=lambda row: row.at))
    return Listing(_unique(boards), _unique(_stuck(plain)), _unique(menu))


def _without_second(rows: list[Row]) -> list[Row]:
    """Leave out what stands within another entry: its last post, or another form of its address."""
    kept: list[Row] = []
    for row in rows:
        if not kept or not kept[-1].at < row.at < kept[-1].end or row.start >= kept[-1].end:
            kept.append(row)
    return kept


def _is_below(rows: list[Row], here: str) -> bool:
    """Tell whether entries have numbers under the page that lists them."""
    path = steps(here)
    below = (steps(row.url) for row in rows)
    return bool(path) and all(one[:-1] == path and one[-1].isdecimal() for one in below)


def _is_index(name: str, rows_of: dict[str, list[Row]]) -> bool:
    """Tell whether rows are boards: each of them has, beside its own, a link to a thread."""
    rows = rows_of[name]
    for other, theirs in rows_of.items():
        if other == name or is_board(theirs[0].url) is True:
            continue
        inside = [
            one.url
            for one in theirs
            if any(row.start <= one.at < row.end and row.at < one.at for row in rows[:100])
        ]
        if len(set(inside)) >= 0.6 * len(rows):
            return True
    return False


def _is_within(rows: list[Row], found: list[tuple[str, list[Row]]], name: str) -> bool:
    """Tell whether links to boards stand in rows of threads, to say where each is."""
    for other, theirs in found:
        if other == name or is_board(theirs[0].url) is True or len(theirs) < 2:
            continue
        starts = sorted((row.start, row.end, row.at) for row in theirs if row.told)
        inside = 0
        for row in rows:
            spot = bisect_left(starts, (row.at + 1,)) - 1
            if spot >= 0 and starts[spot][2] < row.at < starts[spot][1]:
                inside += 1
        if inside >= 0.5 * len(rows):
            return True
    return False


def _stuck(rows: list[Row]) -> Iterator[Row]:
    """Mark the rows at the top that are older than those below: they are kept there."""
    newest = max((row.last for row in rows), default="")
    is_top = True
    for row in rows:
        is_top = is_top and bool(row.last) and row.last < newest
        if is_top and not row.sticky:
            yield replace(row, sticky=True)
        else:
            yield row


def _unique(rows: Iterator[Row] | list[Row]) -> tuple[Row, ...]:
    kept: dict[str, Row] = {}
    for row in rows:
        kept.setdefault(key_of(row.url), row)
    return tuple(kept.values())
