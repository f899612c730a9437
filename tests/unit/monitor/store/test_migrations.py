from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import monitor.store
from monitor.errors import StoreError
from monitor.store import cases, findings
from monitor.store.store import Store
from monitor.store.tables import SCHEMA_REVISION, metadata


def test_the_newest_migration_is_the_revision_that_the_tables_claim() -> None:
    config = Config()
    folder = Path(monitor.store.__path__[0]) / "migrations"
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_REVISION


def test_migrating_gives_the_very_tables_that_the_code_knows(store: Store) -> None:
    with store.engine.connect() as db:
        context = MigrationContext.configure(
            db, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(store: Store) -> None:
    with store.write() as db:
        db.execute(text("INSERT INTO cases (id, status, opened_at) VALUES ('x', 'active', 0)"))
    store.migrate()
    with store.read() as db:
        assert db.scalar(text("SELECT count(*) FROM cases")) == 1
    assert store.revision() == SCHEMA_REVISION


def test_a_folder_with_a_percent_sign_is_no_trouble(tmp_path: Path) -> None:
    folder = tmp_path / "100% of %(home)s"
    folder.mkdir()
    store = Store(f"sqlite:///{folder / 'haechi.db'}")
    store.migrate()
    store.check()
    store.close()


def test_a_missing_store_says_how_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist; `haechi init` makes it"):
        Store(f"sqlite:///{tmp_path / 'none.db'}").check()
    assert list(tmp_path.iterdir()) == []


def set_revision(store: Store, revision: str) -> None:
    with store.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})


def test_a_store_of_an_older_version_is_refused_until_it_is_migrated(store: Store) -> None:
    set_revision(store, "0000")
    with pytest.raises(StoreError, match="is of version 0000") as caught:
        store.check()
    assert "haechi init" in str(caught.value)


def test_a_store_without_tables_is_refused(tmp_path: Path) -> None:
    (tmp_path / "haechi.db").touch()
    store = Store(f"sqlite:///{tmp_path / 'haechi.db'}")
    with pytest.raises(StoreError, match="version none"):
        store.check()
    store.close()


def test_a_store_of_a_newer_version_is_not_touched(store: Store) -> None:
    set_revision(store, "9999")
    with pytest.raises(StoreError, match="newer Haechi"):
        store.migrate()
    assert store.revision() == "9999"


@pytest.mark.parametrize("content", [b"this is no database", b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_store_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "haechi.db"
    path.write_bytes(content)
    store = Store(f"sqlite:///{path}")
    for use in (store.check, store.migrate):
        with pytest.raises(StoreError) as caught:
            use()
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    store.close()
    assert path.read_bytes()[: len(content)] == content


def test_a_page_that_was_overwritten_is_told_in_one_line(store: Store, tmp_path: Path) -> None:
    store.close()
    path = tmp_path / "haechi.db"
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 12] = b"\xff" * (4096 * 11)
    path.write_bytes(content)

    def read_all() -> None:
        with store.read() as db:
            for table in metadata.sorted_tables:
                db.execute(table.select()).all()

    with pytest.raises(StoreError, match="damaged"):
        read_all()


def test_a_store_in_a_folder_that_does_not_exist_can_not_be_made(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'no' / 'haechi.db'}")
    with pytest.raises(StoreError, match="unable to open"):
        store.migrate()
    store.close()


def test_findings_alerts_and_cases_of_the_first_version_outlive_the_later_ones(
    tmp_path: Path,
) -> None:
    store = Store(f"sqlite:///{tmp_path / 'haechi.db'}")
    config = Config()
    config.set_main_option("script_location", str(Path(monitor.store.__path__[0]) / "migrations"))
    with store.engine.connect() as db:
        config.attributes["connection"] = db
        command.upgrade(config, "0001")
        db.commit()
    with store.write() as db:
        for table, values in FIRST.items():
            names = [row.name for row in db.execute(text(f"PRAGMA table_info({table})"))]
            types = {row.name: row.type for row in db.execute(text(f"PRAGMA table_info({table})"))}
            row = {name: values.get(name, _any(types[name])) for name in names}
            marks = ", ".join(f":{name}" for name in names)
            db.execute(text(f"INSERT INTO {table} VALUES ({marks})"), row)  # noqa: S608
    store.migrate()
    store.check()
    with store.read() as db:
        (one,) = findings.every(db)
        (alert,) = findings.every_alert(db)
        (case,) = cases.every(db)
        assert findings.by_features(db, "m") == []
        assert db.execute(text("PRAGMA foreign_key_check")).all() == []
        # A migration must not leave them off.
        assert db.scalar(text("PRAGMA foreign_keys")) == 1
        assert (cases.latest_seq(db), list(cases.of_seqs(db, [1]))) == (1, [1])
        # Nobody looked through videos then: now they are to be fetched.
        (video,) = db.execute(text("SELECT status, attempts FROM post_media"))
        assert tuple(video) == ("failed", 0)
    assert (one.id, one.match.distance, one.match.placing) == ("d", 4, None)
    assert one.historic is False
    assert (alert.finding_id, alert.case_id) == ("d", "case-1")
    assert (case.fingerprints, case.has_consent) == (1, False)
    with pytest.raises(StoreError, match="FOREIGN KEY"), store.write() as db:
        db.execute(text("DELETE FROM findings"))
    store.close()


FIRST: dict[str, dict[str, Any]] = {
    "cases": {"id": "case-1", "status": "active", "withdrawn_at": None},
    "fingerprints": {"id": "f", "case_id": "case-1"},
    "sources": {"id": "s"},
    "media": {"sha256": "m"},
    "posts": {"id": "p", "source_id": "s"},
    "post_media": {
        **{"post_id": "p", "position": 0, "kind": "video", "sha256": None, "origin_id": None},
        **{"status": "skipped", "reason": "videos are not read yet", "attempts": 1},
    },
    "findings": {
        **{"id": "d", "case_id": "case-1", "post_id": "p", "media_sha256": "m", "distance": 4},
        **{"region": "[0, 0, 1, 1]", "grade": "strong", "status": "new"},
    },
    "alerts": {
        **{"id": "a", "finding_id": "d", "case_id": "case-1", "source_id": "s"},
        "state": "pending",
    },
}


def _any(kind: str) -> object:
    """Some value of a column's type."""
    return {"DATETIME": "2026-11-23 09:30:00.000000", "JSON": "[]"}.get(kind, 1)
