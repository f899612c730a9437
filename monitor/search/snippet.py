"""The line of a hit that a person reads: the text around the first match, safe to print."""

from __future__ import annotations

import unicodedata

from monitor.search.grams import Term, find

WIDTH = 160
_LEAD = 50
# Marks are for the eye: a monstrous post must not keep the reader waiting.
_LOOK = 50_000
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def snippet(text: str, terms: tuple[Term, ...]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Cut a line around the first match.

    Space of any kind becomes one blank; control, format (text direction too) and unassigned
    characters go. A cut is shown by "…".

    Args:
        text: As indexed.
        terms: From `monitor.search.grams.parse`.

    Returns:
        At most `WIDTH` characters and two ellipses, and the [start, end) offsets of matches in it.
    """
    spans = find(text[:_LOOK], terms) if terms else []
    first = spans[0][0] if spans else 0
    begin = max(0, first - _LEAD) if len(text) > WIDTH else 0
    end = min(len(text), begin + WIDTH)
    line: list[str] = ["…"] if begin else []
    # Length of the line before each character of the text, for moving the marks.
    places: list[int] = []
    for char in text[begin:end]:
        places.append(len(line))
        if char.isspace():
            if line and line[-1] != " ":
                line.append(" ")
        elif unicodedata.category(char) not in _HIDDEN:
            line.append(char)
    places.append(len(line))
    if end < len(text):
        line.append("…")
    moved = [
        (places[max(a, begin) - begin], places[min(b, end) - begin])
        for a, b in spans
        if a < end and b > begin
    ]
    return "".join(line), tuple((a, b) for a, b in moved if a < b)
