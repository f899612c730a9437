from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from monitor.errors import StoreError
from monitor.store import audit, cases, sources, tables
from monitor.store.store import Store
from tests.fixtures.stock import NOW, eight, new_source, open_case


def test_an_instant_stays_the_same_instant_whatever_its_zone(store: Store) -> None:
    seoul = timezone(timedelta(hours=9))
    moment = datetime(2026, 11, 23, 18, 30, 0, 123456, tzinfo=seoul)
    with store.write() as db:
        audit.record(db, actor="a", action="b", subject="c", now=moment)
    with store.read() as db:
        kept = db.scalar(select(tables.audit.c.at))
    assert kept == moment
    assert kept is not None
    assert kept.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    naive = datetime(2026, 11, 23)  # noqa: DTZ001 - the very thing that is refused
    with pytest.raises(StoreError, match="naive"), store.write() as db:
        audit.record(db, actor="a", action="b", subject="c", now=naive)


def test_a_row_can_not_point_at_what_does_not_exist(store: Store) -> None:
    with pytest.raises(StoreError, match="FOREIGN KEY"), store.write() as db:
        sources.save_checkpoint(db, "nobody", {"a": 1})


def test_a_write_that_fails_half_way_leaves_nothing(store: Store) -> None:
    def half() -> None:
        with store.write() as db:
            new_source(db)
            cases.enrol(db, "case-1", [], actor="a", now=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    with store.read() as db:
        assert sources.every(db) == []
        assert cases.every(db) == []
        assert audit.version(db) == 0


def test_a_constraint_that_fails_undoes_what_came_before(store: Store) -> None:
    row = {"id": "x", "status": "active", "opened_at": NOW}
    both = insert(tables.cases).values([row, row])
    with pytest.raises(StoreError, match="UNIQUE"), store.write() as db:
        db.execute(both)
    with store.read() as db:
        assert cases.every(db) == []


def test_what_is_written_in_a_read_is_not_kept(store: Store) -> None:
    with store.read() as db:
        new_source(db)
    with store.read() as db:
        assert sources.every(db) == []


def test_a_read_sees_one_state_from_its_first_look_on(store: Store) -> None:
    with store.read() as db:
        assert sources.every(db) == []
        with store.write() as other:
            new_source(other)
        assert sources.every(db) == []
    with store.read() as db:
        assert len(sources.every(db)) == 1


def test_two_writers_wait_for_each_other_and_none_fails(store: Store) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        own = Store(store.url)
        try:
            for step in range(10):
                with own.write() as db:
                    before = audit.version(db)
                    time.sleep(0.002)
                    audit.record(db, actor=str(number), action="x", subject=str(step), now=NOW)
                    assert audit.version(db) == before + 1
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            errors.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with store.read() as db:
        assert audit.version(db) == 30


def test_a_commit_survives_the_loss_of_power(store: Store) -> None:
    with store.read() as db:
        assert db.scalar(text("PRAGMA synchronous")) == 2
        assert db.scalar(text("PRAGMA journal_mode")) == "wal"


def test_a_fingerprint_that_is_deleted_is_in_no_file_of_the_store(
    store: Store, tmp_path: Path
) -> None:
    secrets = eight("case-1")

    def kept() -> list[str]:
        files = [path.read_bytes() for path in tmp_path.glob("haechi.db*")]
        return [one for one in secrets if any(one.encode() in content for content in files)]

    with store.write() as db:
        open_case(db)
    store.scrub()
    assert kept() == secrets
    with store.write() as db:
        cases.withdraw(db, "case-1", actor="x", now=NOW)
    store.scrub()
    assert kept() == []


def test_a_scrub_while_somebody_reads_is_no_error(store: Store) -> None:
    with store.read() as db:
        cases.every(db)
        store.scrub()


def test_an_error_of_the_store_quotes_no_value_of_a_row(store: Store) -> None:
    row = {"id": "x", "status": "active", "opened_at": NOW, "nonsense": "a secret"}
    with pytest.raises(Exception, match="nonsense") as caught, store.write() as db:
        db.execute(insert(tables.cases).values(row))
    assert "a secret" not in str(caught.value)
