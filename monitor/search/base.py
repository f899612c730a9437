"""What every search index does: the same documents for the same query, whatever is behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Protocol

from monitor.errors import Misuse

MAX_LIMIT = 1_000
# Elasticsearch refuses to page deeper by offset.
MAX_OFFSET = 10_000


@dataclass(frozen=True, slots=True)
class SearchDoc:
    """A post or finding as the index keeps it. All text is hostile.

    Attributes:
        kind: "post" or "finding".
        id: Deterministic; unique within a kind.
        at: Aware; when it was posted, or first seen where the page does not tell.
        source: Address of the source.
        text: What is searched.
        extra: Small facts for display, such as thread, case or grade; not searched. A name has
            values of one type: `..._s` are seconds, as fractions.
    """

    kind: str
    id: str
    at: datetime
    source: str
    text: str
    url: str
    author: str | None = None
    extra: Mapping[str, str | int | float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a time without a zone.

        Raises:
            ValueError: `at` is naive.
        """
        if self.at.tzinfo is None:
            raise ValueError("at must be aware")


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for; all that is given must hold.

    Attributes:
        text: Words that must all occur, "in quotes" as a phrase; how they match is told in
            `monitor.search.grams`. Blank: every document. No letter or digit in it: none.
        since: Aware; documents of this instant and later.
        until: Aware; documents before this instant.
        source: Exact address.
        sort: "time": newest first. "relevance": best first; falls back to time when `text` is
            blank. Equals are ordered newest first, then by kind and id.
        limit: Hits to return, 0 to 1,000.
        offset: Hits to skip, 0 to 10,000.
    """

    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    kind: str | None = None
    sort: Literal["relevance", "time"] = "time"
    limit: int = 20
    offset: int = 0

    def __post_init__(self) -> None:
        """Refuse what can't be answered.

        Raises:
            Misuse: A time is naive, or `limit` or `offset` is out of range.
        """
        if not 0 <= self.limit <= MAX_LIMIT:
            raise Misuse(f"limit must be 0 to {MAX_LIMIT}, not {self.limit}")
        if not 0 <= self.offset <= MAX_OFFSET:
            raise Misuse(
                f"offset must be 0 to {MAX_OFFSET}, not {self.offset}: narrow the search by time"
            )
        for name, moment in (("since", self.since), ("until", self.until)):
            if moment is not None and moment.tzinfo is None:
                raise Misuse(f"{name} needs a time zone")


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found.

    Attributes:
        score: Larger is better; 0.0 unless sorted by relevance.
        snippet: One line around the first match, without control characters: safe in a terminal.
        marks: Where in `snippet` the matches are: ascending, non-overlapping [start, end) offsets.
    """

    doc: SearchDoc
    score: float
    snippet: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page of hits.

    Attributes:
        total: Exact number of documents that match, on all pages.
    """

    total: int
    hits: tuple[Hit, ...]


class SearchIndex(Protocol):
    """Keeps documents and finds them. Safe to share between threads."""

    def upsert(self, docs: Sequence[SearchDoc]) -> None:
        """Add documents, replacing those of the same kind and id.

        Doing it twice is doing it once, also after an error. The last of two with one id counts.

        Raises:
            StoreError: The index can't be written.
            Busy: Another process is writing for too long.
        """

    def remove(self, ids: Sequence[tuple[str, str]]) -> None:
        """Remove documents by (kind, id); unknown ones are ignored. Raises as `upsert`."""

    def search(self, query: Query) -> SearchResult:
        """Find documents; sees all that was written before. Any text is a valid query.

        Raises:
            StoreError: The index can't be read.
        """

    def count(self, kind: str | None = None) -> int:
        """Count documents, of one kind or all. Raises as `search`."""

    def clear(self) -> None:
        """Remove all documents. Raises as `upsert`."""

    def close(self) -> None:
        """Release files and connections; may be called twice."""


def storable(text: str) -> str:
    """Replace lone surrogates by "?": no store takes them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def storable_doc(doc: SearchDoc) -> SearchDoc:
    """Make all texts of a document storable, so that both indexes keep the same."""
    return replace(
        doc,
        kind=storable(doc.kind),
        id=storable(doc.id),
        source=storable(doc.source),
        text=storable(doc.text),
        url=storable(doc.url),
        author=None if doc.author is None else storable(doc.author),
        extra={
            storable(key): storable(value) if isinstance(value, str) else value
            for key, value in doc.extra.items()
        },
    )
