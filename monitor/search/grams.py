"""Haechi's own tokens: finds 합성사진 by 사진, alike in every search index.

A text is folded (`normalise`) and cut into runs. Letters and digits make runs; all else, emoji
and "_" included, only separates them. There are two sorts:

- Scripts without spaces, or with particles stuck to the word (Hangul, Han, kana, Thai...):
  overlapping pairs, then the last letter alone. 합성사진 gives 합성 성사 사진 진. The last letter
  also keeps runs apart: 합성사 진짜 gives no 사진, and no phrase can pass over it unseen.
- All other scripts: the word itself. A query finds a word by its beginning: photo finds
  photos, hoto does not. Pairs of Latin letters would find age in message and make the index
  three times larger.

A term of a query is a series of runs that must stand side by side: its first may begin inside a
run of pairs, its last may stop early. Hence t.me/abc, "t me abc" and @some_name work.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

# Changes with every change of the tokens: an index made by other rules can't be updated.
VERSION = f"1/{unicodedata.unidata_version}"

# Of a folded query. As its last word may stop early, a cut query finds more, never less.
MAX_QUERY = 1_000

# Under the 255 at which Elasticsearch cuts tokens itself. Longer words go on in a next token.
_MAX_WORD = 100

_PAIRED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"  # Hangul
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_RUNS = re.compile(rf"((?:(?![\W_])[{_PAIRED}])+)|[^\W_{_PAIRED}]{{1,{_MAX_WORD}}}")

# Letters that Unicode draws as nothing: Hangul fillers.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0")
_VOICING = frozenset("\u3099\u309a")
_STRAY_VOICING = re.compile("(?<![\u3041-\u3096\u309d\u309e\u30a1-\u30fe])[\u3099\u309a]")
# Compose with the letter before them: Hangul vowels and finals, kana voicing marks.
_JOINS = frozenset(map(chr, (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3), 0x3099, 0x309A)))
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»", '"'))


class _Fold(dict[int, str]):
    """What each character is folded to, decomposed; filled as characters come."""

    def __missing__(self, code: int) -> str:
        folded = _fold(chr(code))
        # Hostile text could walk through all of Unicode.
        if len(self) < 65_536:
            self[code] = folded
        return folded


def _fold(char: str) -> str:
    category = unicodedata.category(char)
    if char in _BLANK or category == "Cf" or (category == "Cc" and not char.isspace()):
        return ""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
    return "".join(
        part for part in plain if part in _VOICING or not unicodedata.category(part).startswith("M")
    )


_FOLD = _Fold()


def normalise(text: str) -> str:
    """Fold what a reader takes for the same, and drop what hides words from a search.

    Compatibility forms (full-width Latin, styled letters, ㅅㅏ typed as single jamo), case and
    accents go; so do invisible characters and all marks, save the voicing of kana: が is not か.

    Takes linear time on any text. Marks are dropped before characters are recomposed, as Python
    sorts a long series of marks in quadratic time.
    """
    return _compose(text.translate(_FOLD))


def _compose(decomposed: str) -> str:
    # A mark that is on no kana could keep Hangul jamo apart.
    composed = unicodedata.normalize("NFC", _STRAY_VOICING.sub("", decomposed))
    return composed.replace("\u3099", "").replace("\u309a", "")


def _tokens(folded: str) -> Iterator[tuple[str, int]]:
    """Yield tokens of a normalised text, each with its offset."""
    for run in _RUNS.finditer(folded):
        start, end = run.span()
        if run[1] is None:
            yield run[0], start
        else:
            for at in range(start, end - 1):
                yield folded[at : at + 2], at
            yield folded[end - 1], end - 1


def index_text(text: str) -> str:
    """Make what an index stores for a text: tokens of letters and digits, one space between."""
    return " ".join([token for token, _ in _tokens(normalise(text))])


@dataclass(frozen=True, slots=True)
class Term:
    """Tokens that must follow each other in the index text.

    Attributes:
        tokens: At least one.
        prefix: The last token may be the beginning of a longer one.
    """

    tokens: tuple[str, ...]
    prefix: bool


def is_blank(query: str) -> bool:
    """Tell whether a query shows nothing but space: it asks for every document."""
    return not normalise(query).strip()


def parse(query: str) -> tuple[Term, ...]:
    """Read a query: words between spaces, phrases between double quotes.

    Nothing else has a meaning; a quote without its partner counts as a space. Only the first
    `MAX_QUERY` characters count.

    Returns:
        Different terms, all of which must match. Empty where there is no letter or digit.
    """
    parts = normalise(query)[:MAX_QUERY].translate(_QUOTES).split('"')
    terms: dict[Term, None] = {}
    for number, part in enumerate(parts):
        is_phrase = number % 2 == 1 and number < len(parts) - 1
        for words in [part] if is_phrase else part.split():
            if term := _term(words):
                terms[term] = None
    return tuple(terms)


def _term(words: str) -> Term | None:
    runs = list(_RUNS.finditer(words))
    if not runs:
        return None
    tokens = tuple(token for token, _ in _tokens(words))
    ends_in_pair = runs[-1][1] is not None and len(runs[-1][1]) > 1
    return Term(tokens[:-1], prefix=False) if ends_in_pair else Term(tokens, prefix=True)


def find(text: str, terms: tuple[Term, ...]) -> list[tuple[int, int]]:
    """Find where an index matches a text.

    Args:
        text: As given to `index_text`.
        terms: From `parse`; each is looked for on its own.

    Returns:
        Ascending [start, end) offsets in `text`, apart from each other.
    """
    folded, origins = _normalise_with_origins(text)
    tokens = list(_tokens(folded))
    # A space on either side of every token, as a phrase matches whole tokens.
    line = "".join([f" {token}" for token, _ in tokens]) + " "
    # Where in `line` each token begins.
    begins = list(accumulate((len(token) + 1 for token, _ in tokens[:-1]), initial=1))
    spans: list[tuple[int, int]] = []
    for term in terms:
        wanted = " " + " ".join(term.tokens) + ("" if term.prefix else " ")
        at = line.find(wanted)
        while at != -1:
            place = bisect_right(begins, at + 1) - 1
            start = tokens[place][1]
            end = tokens[place + len(term.tokens) - 1][1] + len(term.tokens[-1])
            spans.append((origins[start][0], origins[end - 1][1]))
            at = line.find(wanted, at + len(wanted) - 1)
    return _merge(spans)


def _normalise_with_origins(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Normalise; also tell for each character of the result which [start, end) it came from."""
    pieces = [(at, piece) for at, char in enumerate(text) if (piece := _FOLD[ord(char)])]
    folded: list[str] = []
    origins: list[tuple[int, int]] = []
    at = 0
    while at < len(pieces):
        end = at + 1
        while end < len(pieces) and pieces[end][1][0] in _JOINS:
            end += 1
        composed = _compose("".join([piece for _, piece in pieces[at:end]]))
        folded.append(composed)
        origins += [(pieces[at][0], pieces[end - 1][0] + 1)] * len(composed)
        at = end
    return "".join(folded), origins


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
