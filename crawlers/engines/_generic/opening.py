"""Where a page shows the first post of a thread in another way than the answers to it."""

from __future__ import annotations

from bisect import bisect_left

from crawlers.engines._generic.marks import Marks
from crawlers.engines._generic.outline import Node, Outline
from crawlers.engines._generic.units import Entry, Group, Unit, is_entry

_APART = frozenset({"nav", "crumb", "pager", "quote", "signature", "furniture", "controls"})
_PROSE = frozenset({"p", "br", "b", "i", "em", "strong", "span", "font", "u"})
_CANDIDATES = 5
_HIGHEST = 8


def find_opening(
    outline: Outline, marks: Marks, group: Group | None, entries: list[Entry]
) -> Unit | None:
    """Find the part before all other posts that has a writer, a time and most to say.

    Args:
        entries: Places of the links that are entries of a list; what has them is no post.
    """
    units = [outline.nodes[unit.node] for unit in group.units] if group is not None else []
    limit = units[0].at if units else outline.nodes[0].end if outline.nodes else 0
    for body in _candidates(outline, marks, limit):
        if is_entry(entries, outline.nodes[body]):
            continue
        found = _around(outline, marks, body, limit, entries)
        if found is not None:
            node = outline.nodes[found]
            holes = [
                unit.node
                for unit in (group.units if group is not None else ())
                if node.at <= outline.nodes[unit.node].at < node.end
            ]
            return Unit(found, _outermost(outline, holes))
    return None


def _around(
    outline: Outline, marks: Marks, body: int, limit: int, entries: list[Entry]
) -> int | None:
    """Find the largest part around a text that tells its writer and time, and lists nothing."""
    found: int | None = None
    index = body
    for _ in range(_HIGHEST):
        node = outline.nodes[index]
        first = bisect_left(entries, (node.at,))
        inside = first < len(entries) and entries[first][0] < node.end
        if node.tag in {"body", "html"} or node.zones & _APART:
            break
        if inside and (found is not None or entries[first][0] < outline.nodes[body].end):
            break
        # What stands in a list below says nothing of what is above it.
        end = min(node.end, limit, entries[first][1] if inside else limit)
        if marks.has_time(node.at, end) and marks.has_author(node.at, end):
            found = index
        index = node.parent
        if index < 0:
            break
    return found


def _candidates(outline: Outline, marks: Marks, limit: int) -> list[int]:
    """List the elements with most letters of their own, those of plain paragraphs included."""
    told = {mark.at for mark in marks.times} | {mark.at for mark in marks.authors}
    letters: dict[int, int] = {}
    for text in outline.texts:
        if text.at >= limit:
            break
        if text.at in told:
            continue
        index = text.node
        while outline.nodes[index].tag in _PROSE and outline.nodes[index].parent >= 0:
            index = outline.nodes[index].parent
        node = outline.nodes[index]
        if not text.link and not node.zones & _APART and node.tag not in {"body", "html"}:
            letters[index] = letters.get(index, 0) + len(text.text.strip())
    return sorted(letters, key=lambda index: (-letters[index], index))[:_CANDIDATES]


def _outermost(outline: Outline, holes: list[int]) -> list[int]:
    kept: list[int] = []
    beyond = 0
    for index in holes:
        node: Node = outline.nodes[index]
        if node.at >= beyond:
            kept.append(index)
            beyond = node.end
    return kept
