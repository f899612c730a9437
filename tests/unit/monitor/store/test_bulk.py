from __future__ import annotations

from typing import Any

from sqlalchemy import select

from monitor.store.bulk import GIVEN, add_new
from monitor.store.store import Store
from monitor.store.tables import cases, fingerprints
from tests.fixtures.stock import NOW, open_case


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"f{number}",
        "seq": 100 + number,
        "case_id": "case-1",
        "content": f"c{number}",
        "sha256": None,
        "pdq": ["a" * 64, "b" * 64],
        "quality": 100,
        "phash": None,
        "recipe": 1,
        "created_at": NOW,
        "md5": None,
        "frames": None,
    } | changes


def test_rows_are_stored_as_they_are_otherwise_and_known_ones_are_left_as_they_are(
    store: Store,
) -> None:
    with store.write() as db:
        open_case(db)
        assert add_new(db, fingerprints, [row(1), row(2)]) == 2
        assert add_new(db, fingerprints, [row(2, quality=1), row(3)]) == 1
        assert add_new(db, cases, []) == 0
        statement = select(fingerprints).where(fingerprints.c.seq > 100)
        found = [dict(one._mapping) for one in db.execute(statement.order_by("seq"))]
    assert found == [row(1), row(2), row(3)]


def test_any_number_of_ids_is_one_parameter(store: Store) -> None:
    ids = [f"p{number}" for number in range(100_000)]
    with store.read() as db:
        assert db.scalars(GIVEN, {"given": ids}).all() == ids
        assert db.scalars(GIVEN, {"given": []}).all() == []
