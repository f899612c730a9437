"""The search index that comes with Haechi: one SQLite file, full-text table FTS5."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.errors import Busy, StoreError
from monitor.search import grams
from monitor.search.base import Hit, Query, SearchDoc, SearchResult, storable, storable_doc
from monitor.search.snippet import snippet

BUSY_TIMEOUT_S = 10.0
_STAMP = f"haechi search index 1, tokens {grams.VERSION}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The tokenizer gets our own tokens: ASCII leaves all other letters alone, unicode61 would cut at
# letters younger than its tables. Without content the table is half the size, but takes the old
# tokens to remove a row.
_SCHEMA = (
    "CREATE TABLE about (stamp TEXT NOT NULL)",
    "CREATE TABLE docs (row INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL,"
    " id TEXT NOT NULL, source TEXT NOT NULL, text TEXT NOT NULL, url TEXT NOT NULL, author TEXT,"
    " extra TEXT NOT NULL, UNIQUE (kind, id))",
    "CREATE INDEX docs_at ON docs (at)",
    "CREATE INDEX docs_source ON docs (source, at)",
    "CREATE VIRTUAL TABLE tokens USING fts5(text, content='', tokenize='ascii')",
)
_COLUMNS = "at, kind, id, source, text, url, author, extra"

# Of any SQLite database, in bytes. Source: SQLite, "Database File Format", section 1.2.
_SMALLEST_PAGE = 512

_WAY_OUT = "delete it; `haechi index rebuild` makes it anew"
# The file may be sound, its surroundings are not.
_OUTSIDE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_TOOBIG,
}

_Row = tuple[int, str, str, str, str, str, str | None, str]


class SqliteIndex:
    """A `SearchIndex` in one file, for one writer and many readers at a time."""

    def __init__(self, path: Path) -> None:
        """Open the index, or make an empty one.

        Raises:
            StoreError: The file can't be opened, or is not an index of this version.
        """
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            is_stump = path.is_file() and 0 < path.stat().st_size < _SMALLEST_PAGE
        except OSError as error:
            raise StoreError(f"the search index {path} can't be made: {error}") from error
        if is_stump:
            # SQLite takes a file of one byte for an empty database.
            raise self._damaged()
        with self._errors():
            self._db = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def upsert(self, docs: Sequence[SearchDoc]) -> None:
        """Add or replace documents, all or none; see `SearchIndex`."""
        with self._transaction("IMMEDIATE"):
            for doc in docs:
                self._put(_to_row(storable_doc(doc)))

    def remove(self, ids: Sequence[tuple[str, str]]) -> None:
        """Remove documents, all or none; see `SearchIndex`."""
        with self._transaction("IMMEDIATE"):
            for kind, id_ in ids:
                known = self._db.execute(
                    "DELETE FROM docs WHERE kind = ? AND id = ? RETURNING row, text",
                    (storable(kind), storable(id_)),
                ).fetchone()
                if known is not None:
                    self._forget(*known)

    def search(self, query: Query) -> SearchResult:
        """Find documents; see `SearchIndex`."""
        terms = grams.parse(query.text)
        if not terms and not grams.is_blank(query.text):
            return SearchResult(0, ())
        where, values = _conditions(query)
        table, order, score = "docs", "at DESC, kind, id", "0.0"
        if terms:
            where = ["tokens MATCH ?", *where]
            values = [_match(terms), *values]
            # CROSS keeps the order: going from documents to tokens takes seconds.
            table = "tokens CROSS JOIN docs ON docs.row = tokens.rowid"
            if query.sort == "relevance":
                order, score = f"score DESC, {order}", "-bm25(tokens)"
        condition = f"WHERE {' AND '.join(where)}" if where else ""
        counted = "tokens" if terms and len(where) == 1 else table
        with self._transaction("DEFERRED"):
            count = f"SELECT count(*) FROM {counted} {condition}"  # noqa: S608
            total: int = self._db.execute(count, values).fetchone()[0]
            # Rows are picked first and read after: sorting must not carry texts along.
            rows = self._db.execute(
                f"SELECT score, {_COLUMNS} FROM docs JOIN (SELECT docs.row AS picked,"  # noqa: S608
                f" {score} AS score FROM {table} {condition} ORDER BY {order} LIMIT ? OFFSET ?)"
                f" ON docs.row = picked ORDER BY {order}",
                [*values, query.limit, query.offset],
            ).fetchall()
        try:
            return SearchResult(total, tuple(_to_hit(row, terms) for row in rows))
        except (ValueError, TypeError, OverflowError):
            raise self._damaged() from None

    def count(self, kind: str | None = None) -> int:
        """Count documents; see `SearchIndex`."""
        with self._transaction("DEFERRED"):
            found: tuple[int] = self._db.execute(
                "SELECT count(*) FROM docs WHERE ?1 IS NULL OR kind = ?1",
                (None if kind is None else storable(kind),),
            ).fetchone()
        return found[0]

    def clear(self) -> None:
        """Remove all documents; see `SearchIndex`."""
        with self._transaction("IMMEDIATE"):
            self._db.execute("INSERT INTO tokens (tokens) VALUES ('delete-all')")
            self._db.execute("DELETE FROM docs")

    def close(self) -> None:
        """Close the file; may be called twice."""
        with self._lock:
            self._db.close()

    def _prepare(self) -> None:
        # Two who open at once can't both switch; whoever comes later finds it done.
        with suppress(Busy), self._errors():
            self._db.execute("PRAGMA journal_mode = WAL")
        with self._errors():
            self._db.execute("PRAGMA synchronous = NORMAL")
            tables = self._tables()
        if not tables:
            with self._transaction("IMMEDIATE"):
                # Another process may have been faster.
                if not (tables := self._tables()):
                    for statement in _SCHEMA:
                        self._db.execute(statement)
                    self._db.execute("INSERT INTO about VALUES (?)", (_STAMP,))
                    return
        if "tokens" not in tables or "about" not in tables:
            raise StoreError(f"{self._path} is no search index: name another file")
        with self._errors():
            stamp = self._db.execute("SELECT stamp FROM about").fetchone()
        if stamp != (_STAMP,):
            raise StoreError(
                f"the search index {self._path} was made by another version: {_WAY_OUT}"
            )

    def _tables(self) -> set[str]:
        return {name for (name,) in self._db.execute("SELECT name FROM sqlite_schema")}

    def _put(self, row: _Row) -> None:
        _, kind, id_, _, text, *_ = row
        known = self._db.execute(
            f"SELECT row, {_COLUMNS} FROM docs WHERE kind = ? AND id = ?",  # noqa: S608
            (kind, id_),
        ).fetchone()
        if known is None:
            key = self._db.execute(
                f"INSERT INTO docs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                row,
            ).lastrowid
        else:
            key, *old = known
            if tuple(old) == row:
                return
            self._db.execute(
                f"UPDATE docs SET ({_COLUMNS}) = (?, ?, ?, ?, ?, ?, ?, ?) WHERE row = ?",  # noqa: S608
                (*row, key),
            )
            old_text = old[4]
            if old_text == text:
                return
            self._forget(key, old_text)
        self._db.execute(
            "INSERT INTO tokens (rowid, text) VALUES (?, ?)", (key, grams.index_text(text))
        )

    def _forget(self, key: int, text: str) -> None:
        self._db.execute(
            "INSERT INTO tokens (tokens, rowid, text) VALUES ('delete', ?, ?)",
            (key, grams.index_text(text)),
        )

    @contextmanager
    def _transaction(self, mode: str) -> Iterator[None]:
        with self._lock, self._errors():
            self._db.execute(f"BEGIN {mode}")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what SQLite reports into one line that names the file and the way out."""
        try:
            yield
        except sqlite3.ProgrammingError as error:
            raise StoreError(f"the search index {self._path} is closed") from error
        except (sqlite3.Error, UnicodeDecodeError) as error:
            # Extended codes hold the plain one in their low byte. Text that is no UTF-8 has none.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise Busy(
                    f"another process is writing to the search index {self._path}: try again"
                ) from error
            if code in _OUTSIDE:
                raise StoreError(f"the search index {self._path} can't be used: {error}") from error
            # Neither message nor chain: both can hold a whole post.
            raise self._damaged() from None

    def _damaged(self) -> StoreError:
        return StoreError(f"the search index {self._path} is damaged, or never was one: {_WAY_OUT}")


def _match(terms: tuple[grams.Term, ...]) -> str:
    # Tokens are letters and digits only, so quoting needs no escapes.
    return " AND ".join(f'"{" ".join(term.tokens)}"{" *" if term.prefix else ""}' for term in terms)


def _conditions(query: Query) -> tuple[list[str], list[str | int]]:
    conditions = {
        "docs.at >= ?": None if query.since is None else _to_micros(query.since),
        "docs.at < ?": None if query.until is None else _to_micros(query.until),
        "docs.source = ?": None if query.source is None else storable(query.source),
        "docs.kind = ?": None if query.kind is None else storable(query.kind),
    }
    given = {text: value for text, value in conditions.items() if value is not None}
    return list(given), list(given.values())


def _to_micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _to_row(doc: SearchDoc) -> _Row:
    extra = json.dumps(dict(doc.extra), ensure_ascii=False, sort_keys=True)
    moment = _to_micros(doc.at)
    return (moment, doc.kind, doc.id, doc.source, doc.text, doc.url, doc.author, extra)


def _to_hit(row: tuple[float, *_Row], terms: tuple[grams.Term, ...]) -> Hit:
    score, at, kind, id_, source, text, url, author, extra = row
    doc = SearchDoc(
        kind=kind,
        id=id_,
        at=_EPOCH + timedelta(microseconds=at),
        source=source,
        text=text,
        url=url,
        author=author,
        extra=json.loads(extra),
    )
    line, marks = snippet(text, terms)
    return Hit(doc, score, line, marks)
