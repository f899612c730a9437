"""Which parts of a page are posts: alike, each with a writer, a time and something said."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from crawlers.engines._generic.marks import Marks
from crawlers.engines._generic.outline import Node, Outline

# The places of an entry's link, of its start and its end.
Entry: TypeAlias = tuple[int, int, int]

POST_WORDS = frozenset({"post", "posts", "comment", "comments", "message", "msg", "reply", "entry"})
POST_WORDS |= {"cmt", "answer", "article", "postbit", "p", "pid", "c", "댓글"}
_OTHER_WORDS = frozenset({"topic", "thread", "forum", "board", "page", "user", "member", "row"})
_OTHER_WORDS |= {"list", "container", "main", "wrapper", "content", "site", "body", "node"}
_HOLDERS = frozenset({"div", "article", "li", "tr", "table", "tbody", "section", "dl", "dd", "td"})
_NUMBERED = re.compile(r"([A-Za-z_.:-]*?)[-_]?([0-9]{1,18})")
_DATA = re.compile(r"data-(?:[a-z]+-)*(?:id|pk|pid|cid|mid|no|srl)")
_FOREIGN = re.compile(r"user|author|member|topic|thread|forum|board|parent|reply-?to|node|category")
_TYPES = frozenset(
    {"comment", "discussionforumposting", "answer", "question", "socialmediaposting"}
)
_KEPT_APART = frozenset({"quote", "signature", "furniture"})
_NOT_SHAPE = frozenset(
    {"odd", "even", "first", "last", "new", "unread", "read", "active", "sticky"}
)
_NOT_SHAPE |= {"op", "alt", "row", "bg", "current", "highlight", "target", "deleted", "own"}


@dataclass(slots=True)
class Unit:
    """A part of a page that is one post, without the posts within it.

    Attributes:
        node: Index of its element.
        holes: Units right within it.
    """

    node: int
    holes: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Group:
    """Units that are alike.

    Attributes:
        weight: How much speaks for posts.
        score: `weight` for all that look complete.
        whole: How many of them have both a writer and a time, 0-1.
    """

    units: tuple[Unit, ...]
    weight: int
    score: float
    whole: float


def find_posts(outline: Outline, marks: Marks, entries: list[Entry]) -> Group | None:
    """Find the group of parts that most looks like posts; None where none does.

    Args:
        entries: Of lists, in order: what holds one, or is in one, is no post.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, node in enumerate(outline.nodes):
        if node.tag in _HOLDERS and not node.zones & _KEPT_APART:
            for key in _keys(outline, node):
                groups.setdefault(key, []).append(index)
    best: Group | None = None
    for key, members in groups.items():
        group = _weigh(outline, marks, key, members)
        if group is not None and _is_list(outline, group, entries):
            continue
        if group is not None and (best is None or _rank(outline, group) > _rank(outline, best)):
            best = group
    return best


def _is_list(outline: Outline, group: Group, entries: list[Entry]) -> bool:
    """Tell whether units are entries of a list, or stand in such."""
    if len(entries) < 2 and group.weight >= 2:
        return False
    rows = sum(is_entry(entries, outline.nodes[unit.node]) for unit in group.units)
    return rows >= 0.6 * len(group.units)


def is_entry(entries: list[Entry], node: Node) -> bool:
    """Tell whether an element holds an entry of a list, or is in one."""
    if bisect_left(entries, node.at, key=_link) < bisect_left(entries, node.end, key=_link):
        return True
    spot = bisect_right(entries, node.at, key=_start)
    # Those of boards and those of threads may lie within each other.
    return any(node.at < end for _, _, end in entries[max(0, spot - 3) : spot])


def _link(entry: Entry) -> int:
    return entry[0]


def _start(entry: Entry) -> int:
    return entry[1]


def _rank(outline: Outline, group: Group) -> tuple[float, int]:
    first = outline.nodes[group.units[0].node]
    return round(group.score, 2), -first.at


def _keys(outline: Outline, node: Node) -> Iterator[tuple[object, ...]]:
    found = _NUMBERED.fullmatch(node.get("id"))
    if found is not None:
        yield "id", node.tag, found[1].lower()
    for name in node.element.attrib:
        if isinstance(name, str) and _DATA.fullmatch(name) and not _FOREIGN.search(name):
            yield "data", node.tag, name
    kind = node.get("itemtype").rstrip("/").rpartition("/")[2].lower()
    if kind in _TYPES:
        yield "type", kind
    shape = node.words - _NOT_SHAPE
    if shape:
        yield "class", node.tag, shape
    else:
        yield "bare", node.tag, node.parent


def _weigh(
    outline: Outline, marks: Marks, key: tuple[object, ...], members: list[int]
) -> Group | None:
    words: set[str] = set()
    for index in members[:3]:
        words |= outline.nodes[index].words
    weight = _weight(key, words)
    if len(members) < 2 and weight < 2:
        return None
    units = _units(outline, members)
    score = 0.0
    whole = 0
    kept = []
    for unit in units:
        node = outline.nodes[unit.node]
        own = [(node.at, node.end)] if not unit.holes else list(ranges(outline, unit))
        times = [mark for part in own for mark in marks.times_in(*part)]
        authors = [mark for part in own for mark in marks.authors_in(*part)]
        has_time, has_author = bool(times), bool(authors)
        named = sum(mark.size for mark in times) + sum(mark.size for mark in authors)
        says = sum(outline.letters(*part) for part in own) > named
        if has_time and has_author:
            score += 1 if says else 0.5
            whole += 1
            kept.append(unit)
        elif (has_time or has_author) and says:
            score += 0.5
            kept.append(unit)
    if not kept or len(kept) < 0.6 * len(units):
        return None
    return Group(tuple(kept), weight, score * (1 + 0.25 * weight), whole / len(kept))


def _weight(key: tuple[object, ...], words: set[str]) -> int:
    if key[0] == "id":
        names = set(re.findall(r"[a-z]+", str(key[2])))
        if names & POST_WORDS and not names & (_OTHER_WORDS - {"list"}):
            return 4
        return 2 if not names or words & POST_WORDS else 0
    if key[0] == "data":
        return 4 if words & POST_WORDS or "post" in str(key[2]) or "comment" in str(key[2]) else 2
    if key[0] == "type":
        return 3
    if words & POST_WORDS and not words & {"list", "container", "wrapper", "topic", "body"}:
        return 2
    return 0


def _units(outline: Outline, members: list[int]) -> list[Unit]:
    """Arrange parts, some within others, so that each has only what is its own."""
    units: list[Unit] = []
    open_: list[Unit] = []
    for index in members:
        node = outline.nodes[index]
        while open_ and outline.nodes[open_[-1].node].end <= node.at:
            open_.pop()
        unit = Unit(index)
        if open_:
            open_[-1].holes.append(index)
        units.append(unit)
        open_.append(unit)
    return units


def ranges(outline: Outline, unit: Unit) -> Iterator[tuple[int, int]]:
    """List the ranges of a unit that are not of one within it."""
    node = outline.nodes[unit.node]
    start = node.at
    for hole in unit.holes:
        yield start, outline.nodes[hole].at
        start = outline.nodes[hole].end
    yield start, node.end
