from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.registry import bank as banks
from monitor.registry import files
from monitor.registry.bank import Registry
from monitor.registry.matcher import match
from monitor.store import cases
from monitor.store.store import Store
from tests.fixtures.stock import NOW, digest, facts, fingerprint, flipped, new_store


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_UNFILED", 3)
    monkeypatch.setattr(files, "_AT_ONCE", 7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return files.folder_of(tmp_path)


@pytest.fixture
def registry(store: Store, folder: Path) -> Registry:
    return Registry(store, folder=folder)


def enrol(store: Store, numbers: range, now: datetime = NOW) -> None:
    """Enrol photos that are only numbers, each in a case of its own."""
    with store.write() as db:
        for one in numbers:
            case_id = f"case-{one}"
            cases.enrol(db, case_id, [fingerprint(case_id, [digest(one)])], actor="x", now=now)


def withdraw(store: Store, *numbers: int) -> None:
    with store.write() as db:
        for one in numbers:
            cases.withdraw(db, f"case-{one}", actor="x", now=NOW)


def found(registry: Registry, numbers: range) -> list[int]:
    """Tell which of the photos are found by their look."""
    bank = registry.bank()
    return [one for one in numbers if match(bank, facts("x", pdq=flipped(digest(one), 30)))]


def sizes(folder: Path) -> list[int]:
    return [len(one.owners) for one in files.load(folder).segments]


def on_disk(folder: Path, number: int) -> bool:
    """Tell whether a photo's hash is in some file."""
    words = bytes.fromhex(digest(number))
    return any(words in path.read_bytes() for path in folder.iterdir())


def test_few_fingerprints_are_in_no_file_and_found(
    store: Store, tmp_path: Path, registry: Registry, folder: Path
) -> None:
    enrol(store, range(3))
    files.keep_up(store, tmp_path)
    assert list(folder.iterdir()) == []
    assert found(registry, range(5)) == [0, 1, 2]


def test_many_are_in_files_and_found_with_what_came_after(
    store: Store, tmp_path: Path, registry: Registry, folder: Path
) -> None:
    enrol(store, range(20))
    files.keep_up(store, tmp_path)
    enrol(store, range(20, 22))
    assert sizes(folder) == [20]
    assert found(registry, range(30)) == list(range(22))
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_process_at_work_goes_over_to_new_files(
    store: Store, tmp_path: Path, registry: Registry
) -> None:
    for upto in (2, 6, 8, 30):
        enrol(store, range(upto))
        assert found(registry, range(40)) == list(range(upto))
        files.keep_up(store, tmp_path)
        assert found(registry, range(40)) == list(range(upto))
    assert len(registry.bank().nearest) == 30


def test_a_later_process_reads_only_what_is_in_no_file(
    store: Store, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(store, range(20))
    files.keep_up(store, tmp_path)
    enrol(store, range(20, 22))
    read: list[tuple[int, int]] = []
    real = files.blocks

    def noted(*given: object) -> Iterator[files.Block]:
        read.append(given[1:])  # type: ignore[arg-type]
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(banks.files, "blocks", noted)
    Registry(store, folder=folder).bank()
    assert read == [(21, 22)]


def test_small_files_become_one_and_large_ones_stay(
    store: Store, tmp_path: Path, folder: Path
) -> None:
    seen = []
    for upto in range(5, 60, 5):
        enrol(store, range(upto - 5, upto))
        files.keep_up(store, tmp_path)
        seen.append(sizes(folder))
    assert [sum(one) for one in seen] == list(range(5, 60, 5))
    assert max(len(one) for one in seen) <= 3
    before = set(folder.iterdir())
    files.keep_up(store, tmp_path)
    assert set(folder.iterdir()) == before


def test_a_file_holds_no_more_than_it_may(
    store: Store, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_ROWS", 16)
    enrol(store, range(40))
    files.keep_up(store, tmp_path)
    assert max(sizes(folder)) <= 16
    assert sum(sizes(folder)) == 40
    assert found(Registry(store, folder=folder), range(50)) == list(range(40))


def test_the_hash_of_a_withdrawn_photo_is_in_no_file_any_more(
    store: Store, tmp_path: Path, registry: Registry, folder: Path
) -> None:
    enrol(store, range(20))
    files.keep_up(store, tmp_path)
    assert on_disk(folder, 7)
    withdraw(store, 7, 0)
    assert found(registry, range(20)) == [*range(1, 7), *range(8, 20)]
    files.keep_up(store, tmp_path)
    assert not on_disk(folder, 7)
    assert on_disk(folder, 8)
    assert found(registry, range(20)) == [*range(1, 7), *range(8, 20)]


def test_all_may_be_withdrawn(store: Store, tmp_path: Path, folder: Path) -> None:
    enrol(store, range(9))
    files.keep_up(store, tmp_path)
    withdraw(store, *range(9))
    files.keep_up(store, tmp_path)
    assert sizes(folder) == []
    assert [path.name for path in folder.iterdir()] == ["files.json"]


@pytest.mark.parametrize("damage", ["changed", "cut short", "gone", "list", "all gone"])
def test_damaged_and_missing_files_lose_nothing_and_are_made_anew(
    store: Store, tmp_path: Path, folder: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_ROWS", 25)
    enrol(store, range(60))
    files.keep_up(store, tmp_path)
    middle = sorted(folder.glob("*.segment"), key=lambda one: int(one.name.split("-")[0]))[1]
    data = middle.read_bytes()
    if damage == "changed":
        middle.write_bytes(data[:3000] + b"\xff" + data[3001:])
    elif damage == "cut short":
        middle.write_bytes(data[:3000])
    elif damage == "gone":
        middle.unlink()
    elif damage == "list":
        (folder / "files.json").write_text('{"../x": 1')
    else:
        for path in folder.iterdir():
            path.unlink()
    with capture_logs() as logged:
        assert found(Registry(store, folder=folder), range(70)) == list(range(60))
    assert bool(logged) == (damage in ("changed", "cut short", "gone"))
    with capture_logs():
        files.keep_up(store, tmp_path)
    assert sum(sizes(folder)) == 60
    assert found(Registry(store, folder=folder), range(70)) == list(range(60))


def test_what_a_killed_process_left_is_swept_up(store: Store, tmp_path: Path, folder: Path) -> None:
    enrol(store, range(9))
    folder.mkdir()
    for name in ("1-9-abcdef01.draft", "1-9-abcdef01.segment"):
        (folder / name).write_bytes(b"half")
    files.keep_up(store, tmp_path)
    assert len(list(folder.iterdir())) == 2


@pytest.fixture(params=["made anew", "restored"])
def other(
    store: Store, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Store, int]]:
    """A store whose files are a later one's, and how many photos it has."""
    kept = 8 if request.param == "restored" else 0
    enrol(store, range(kept))
    backup = tmp_path / "backup"
    backup.mkdir()
    if kept:
        store.scrub()
        shutil.copy(tmp_path / "haechi.db", backup)
        made = Store(f"sqlite:///{backup}/haechi.db")
    else:
        made = new_store(backup)
    enrol(store, range(kept, 20))
    files.keep_up(store, tmp_path)
    yield made, kept
    made.close()


@pytest.mark.parametrize("more", [0, 3, 20, 30])
def test_files_of_another_store_are_not_used_and_made_anew(
    other: tuple[Store, int], tmp_path: Path, folder: Path, more: int
) -> None:
    store, kept = other
    enrol(store, range(100, 100 + more), NOW + timedelta(seconds=1))
    there = [*range(kept), *range(100, 100 + more)]
    with capture_logs() as logged:
        assert found(Registry(store, folder=folder), range(140)) == there
        files.keep_up(store, tmp_path)
    assert {one["event"] for one in logged} == {"bank.files_of_another_store"}
    assert sum(sizes(folder)) == (len(there) if len(there) > 3 else 0)
    assert not on_disk(folder, 19)
    with capture_logs() as logged:
        assert found(Registry(store, folder=folder), range(140)) == there
    assert logged == []
