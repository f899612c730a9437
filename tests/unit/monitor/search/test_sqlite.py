"""What is particular to the index in one file."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from monitor.errors import Busy, StoreError
from monitor.search import grams, sqlite
from monitor.search.base import Query, SearchDoc
from monitor.search.sqlite import SqliteIndex

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "search.db"


@pytest.fixture
def index(path: Path) -> Iterator[SqliteIndex]:
    index = SqliteIndex(path)
    yield index
    index.close()


def post(number: int, text: str) -> SearchDoc:
    return SearchDoc("post", str(number), START + timedelta(hours=number), "@a", text, "u")


def tokens_in(path: Path) -> Counter[str]:
    """Read the terms that the full-text table holds, with the number of their occurrences."""
    db = sqlite3.connect(path)
    db.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, tokens, row)")
    counts = Counter(dict(db.execute("SELECT term, cnt FROM temp.words").fetchall()))
    db.close()
    return counts


def test_updates_and_removals_leave_no_old_token(index: SqliteIndex, path: Path) -> None:
    index.upsert([post(number, f"합성사진 hello {number}") for number in range(30)])
    index.upsert([post(number, f"고친 글 {number}") for number in range(10, 20)])
    index.remove([("post", str(number)) for number in range(15, 30)])
    kept = [hit.doc.text for hit in index.search(Query(limit=100)).hits]
    assert len(kept) == 15
    assert tokens_in(path) == Counter(
        token for text in kept for token in grams.index_text(text).split()
    )
    index.clear()
    assert not tokens_in(path)


def test_failing_batch_changes_nothing(index: SqliteIndex) -> None:
    index.upsert([post(1, "사진")])
    broken = SearchDoc("post", "3", START, "@a", "사진", "u", extra={"x": object()})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        index.upsert([post(1, "바뀐 글"), post(2, "사진"), broken])
    assert [hit.doc.text for hit in index.search(Query("사진")).hits] == ["사진"]
    index.upsert([post(2, "사진")])
    assert index.count() == 2


def test_reader_sees_whole_batches_only(index: SqliteIndex, path: Path) -> None:
    reader = SqliteIndex(path)

    def write() -> None:
        for batch in range(20):
            index.upsert([post(batch * 25 + number, "사진") for number in range(25)])

    thread = Thread(target=write)
    thread.start()
    totals = set()
    while thread.is_alive():
        totals.add(reader.search(Query("사진")).total % 25)
    thread.join()
    reader.close()
    assert totals <= {0}


def test_file_is_in_write_ahead_mode(index: SqliteIndex, path: Path) -> None:
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


@pytest.mark.parametrize(
    "content",
    [b"\0", b"S", b"xy", b"hello, this is no database" * 100, b"SQLite format 3\0" * 99],
)
def test_file_that_is_no_database_is_named_with_the_way_out(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"search\.db .*haechi index rebuild") as raised:
        SqliteIndex(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9])
def test_file_that_was_cut_off_is_told_and_not_taken_for_a_smaller_index(
    index: SqliteIndex, path: Path, share: float
) -> None:
    index.upsert([post(number, f"합성사진 hello {number}") for number in range(300)])
    index.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(StoreError, match=r"is damaged.*haechi index rebuild"):
        SqliteIndex(path).count()


def test_other_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE posts (id)")
    db.commit()
    with pytest.raises(StoreError, match="name another file"):
        SqliteIndex(path)
    assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("posts",)]
    db.close()


def test_index_with_other_tokens_is_refused(
    path: Path, index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_STAMP", "another")
    with pytest.raises(StoreError, match=r"another version: delete it; `haechi index rebuild`"):
        SqliteIndex(path)


def test_folder_in_place_of_the_file_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be used"):
        SqliteIndex(tmp_path)


def test_file_in_place_of_the_folder_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="can't be made"):
        SqliteIndex(tmp_path / "file" / "search.db")


def test_damage_is_told_without_the_texts(index: SqliteIndex, path: Path) -> None:
    index.upsert([post(number, f"합성사진 {number} 비밀글") for number in range(200)])
    index.close()
    raw = path.read_bytes()
    path.write_bytes(raw.replace("비밀글".encode(), b"\xff" * 9))
    damaged = SqliteIndex(path)
    with pytest.raises(StoreError, match=r"is damaged.*haechi index rebuild") as raised:
        damaged.search(Query("합성"))
    damaged.close()
    assert "합성사진" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_waiting_too_long_for_another_writer_is_busy(
    path: Path, index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.02)
    impatient = SqliteIndex(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy, match="try again"):
        impatient.upsert([post(1, "사진")])
    assert impatient.search(Query("사진")).total == 0
    other.execute("ROLLBACK")
    impatient.upsert([post(1, "사진")])
    assert impatient.count() == 1
    other.close()
    impatient.close()


def test_closed_index_says_so(index: SqliteIndex) -> None:
    index.close()
    with pytest.raises(StoreError, match="is closed"):
        index.count()
