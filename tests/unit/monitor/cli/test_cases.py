from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from monitor.registry import files, taking
from monitor.store import cases, quarantine
from monitor.store.store import Store
from monitor.store.tables import findings as findings_table
from tests.fixtures.stock import NOW, found

Haechi = Callable[..., Any]


def counted(at_home: Haechi) -> dict[str, int]:
    return {one["id"]: one["fingerprints"] for one in at_home("cases", "list", "--json").rows}


def test_photos_are_enrolled_once(at_home: Haechi, photos: list[Path]) -> None:
    ended = at_home("enrol", *photos, "--case", "2026-017")
    assert ended.code == 0
    assert "enrolled 3 photos" in ended.out
    again = at_home("enrol", *photos, "--case", "2026-017")
    assert "enrolled 0 photos, 3 were already" in again.out
    assert counted(at_home) == {"2026-017": 3}


def test_a_folder_of_cases_is_enrolled_at_once(
    at_home: Haechi, photos: list[Path], tmp_path: Path
) -> None:
    for photo, case in zip(photos, ("case-a", "case-a", "사례-b"), strict=True):
        (tmp_path / "all" / case).mkdir(parents=True, exist_ok=True)
        photo.rename(tmp_path / "all" / case / photo.name)
    assert at_home("enrol", "--case-from-folder", tmp_path / "all").code == 0
    assert counted(at_home) == {"case-a": 2, "사례-b": 1}


def test_a_folder_whose_name_is_no_case_is_refused_before_anything_is_enrolled(
    at_home: Haechi, photos: list[Path], tmp_path: Path
) -> None:
    for photo, case in zip(photos, ("case-a", "hong gil dong", "case-b"), strict=True):
        (tmp_path / "all" / case).mkdir(parents=True)
        photo.rename(tmp_path / "all" / case / photo.name)
    ended = at_home("enrol", "--case-from-folder", tmp_path / "all")
    assert ended.code == 2
    assert "hong gil dong" in ended.err
    assert counted(at_home) == {}


def test_what_is_no_photo_is_one_line_and_the_others_are_enrolled(
    at_home: Haechi, photos: list[Path], tmp_path: Path
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no photo")
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(photos[0].read_bytes()[:2_000])
    missing = tmp_path / "missing.jpg"
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    ended = at_home("enrol", text, photos[0], cut, missing, pipe, photos[1], "--case", "1")
    assert ended.code == 1
    assert [line.split(": ") for line in ended.err.splitlines()] == [
        [str(text), "not a picture or video of a known format"],
        [str(cut), "truncated"],
        [str(missing), "no such file"],
        [str(pipe), "not a regular file"],
    ]
    assert counted(at_home) == {"1": 2}


@pytest.mark.parametrize(
    "options",
    [(), ("--case", "1", "--case-from-folder"), ("--case", "a b"), ("--case", "../x")],
)
def test_enrolling_needs_one_plain_case(
    at_home: Haechi, photos: list[Path], options: tuple[str, ...]
) -> None:
    ended = at_home("enrol", photos[0], *options)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert ("not both" in ended.err) == ("--case-from-folder" in options)
    assert counted(at_home) == {}


@pytest.mark.parametrize("entries", [[], [{"pdq": ["zz"]}, 7]])
def test_an_import_without_a_valid_fingerprint_opens_no_case(
    at_home: Haechi, tmp_path: Path, entries: list[object]
) -> None:
    made = tmp_path / "mine.json"
    content = {"format": "haechi-fingerprints", "version": 1, "fingerprints": entries}
    made.write_text(json.dumps(content))
    for options in ((), ("--case", "7")):
        ended = at_home("import", made, *options)
        assert (ended.code, ended.out) == (1, "")
        assert "nothing was imported" in ended.err
    assert at_home("cases", "list", "--json").rows == []


def test_an_empty_folder_is_misuse(at_home: Haechi, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = at_home("enrol", tmp_path / "empty", "--case", "1")
    assert ended.code == 2
    assert "no photo there" in ended.err


def test_a_photo_of_too_little_texture_is_said_aloud(at_home: Haechi, tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "flat.png")
    ended = at_home("enrol", tmp_path / "flat.png", "--case", "1")
    assert ended.code == 0
    assert "too little texture" in ended.out
    (row,) = at_home("cases", "show", "1", "--json").rows
    assert row["findable"] is False
    assert "exact copies only" in at_home("cases", "show", "1").out


def test_no_photo_and_no_name_of_one_is_kept_anywhere(
    at_home: Haechi, photos: list[Path], folder: Path, store: Store
) -> None:
    broken = photos[0].with_name("kim-cheolsu.jpg")
    broken.write_bytes(photos[0].read_bytes()[:3_000])
    with store.read() as db:
        # A reader keeps the log of the database from being folded into it.
        cases.every(db)
        at_home("enrol", *photos, broken, "--case", "1")
        at_home("scan", *photos)
        kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(kept) >= 2
    for content in kept.values():
        for word in (b"gildong", b"cheolsu", b"photos"):
            assert word not in content
        for photo in photos:
            data = photo.read_bytes()
            assert all(data[at : at + 24] not in content for at in range(600, len(data), 997))


def test_a_fingerprint_made_elsewhere_is_imported_and_finds_the_photo(
    haechi: Haechi, at_home: Haechi, photos: list[Path], tmp_path: Path
) -> None:
    made = tmp_path / "mine.json"
    ended = haechi("fingerprint", photos[0], "-o", made)
    assert ended.code == 0
    assert "no picture and no file name is in it" in ended.out
    assert "gildong" not in made.read_text()
    for told in ("imported 1 fingerprint into case 7\n", "case 7, 1 were already there\n"):
        ended = at_home("import", made, "--case", "7")
        assert ended.code == 0
        assert told in ended.out
    (row,) = at_home("scan", photos[0], "--json").rows
    assert [one["case"] for one in row["matches"]] == ["7"]


def test_fingerprints_of_nothing_are_misuse_and_of_some_a_failure(
    haechi: Haechi, photos: list[Path], tmp_path: Path
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("x")
    assert haechi("fingerprint", text, "-o", tmp_path / "a.json").code == 2
    assert not (tmp_path / "a.json").exists()
    assert haechi("fingerprint", text, photos[0], "-o", tmp_path / "b.json").code == 1
    assert len(json.loads((tmp_path / "b.json").read_text())["fingerprints"]) == 1
    assert haechi("fingerprint", photos[0], "-o", tmp_path / "no" / "c.json").code == 2


def test_wrong_entries_of_an_import_are_named_and_the_good_ones_taken(
    haechi: Haechi, at_home: Haechi, photos: list[Path], tmp_path: Path
) -> None:
    made = tmp_path / "mine.json"
    haechi("fingerprint", *photos, "-o", made)
    content = json.loads(made.read_text())
    content["fingerprints"][1]["pdq"] = ["\x1b[31mzz"]
    made.write_text(json.dumps(content))
    ended = at_home("import", made, "--case", "7")
    assert ended.code == 1
    assert "fingerprint 2 is not valid" in ended.err
    assert counted(at_home) == {"7": 2}
    assert ended.out.endswith("is searched by: haechi hunt\n")
    made.write_text("{}")
    assert at_home("import", made, "--case", "7").code == 2
    assert at_home("import", made, "--case", "a b").code == 2


def test_a_withdrawal_asks_deletes_and_is_for_good(
    at_home: Haechi, photos: list[Path], store: Store
) -> None:
    at_home("enrol", *photos, "--case", "1")
    asked = at_home("cases", "withdraw", "1", stdin="n\n")
    assert (asked.code, asked.err.count("\n")) == (1, 1)
    assert "Delete all fingerprints of case 1? [y/N]" in asked.err
    assert counted(at_home) == {"1": 3}
    ended = at_home("cases", "withdraw", "1", "--yes")
    assert "3 fingerprints deleted" in ended.out
    (row,) = at_home("cases", "list", "--json").rows
    assert (row["status"], row["fingerprints"]) == ("withdrawn", 0)
    ended = at_home("enrol", photos[0], "--case", "1")
    assert ended.code == 2
    assert "withdrawn" in ended.err
    assert at_home("hunt", "--case", "1").code == 2
    assert at_home("scan", photos[0], "--json").rows[0]["matches"] == []


def test_of_a_withdrawn_case_nothing_is_exported(
    at_home: Haechi, photos: list[Path], tmp_path: Path
) -> None:
    at_home("enrol", photos[0], "--case", "1")
    assert at_home("cases", "withdraw", "1", stdin="y\n").code == 0
    ended = at_home("cases", "export", "1", "-o", tmp_path / "out.json")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "case 1 was withdrawn" in ended.err
    assert not (tmp_path / "out.json").exists()
    assert "withdrawn and has no fingerprints" in at_home("cases", "show", "1").out
    assert "was withdrawn before" in at_home("cases", "withdraw", "1").out


def test_a_case_that_does_not_exist_is_misuse(at_home: Haechi, tmp_path: Path) -> None:
    for command in (
        ("show", "x"),
        ("withdraw", "x", "--yes"),
        ("export", "x", "-o", tmp_path / "x.json"),
    ):
        ended = at_home("cases", *command)
        assert ended.code == 2
        assert "no case 'x'" in ended.err
    assert not (tmp_path / "x.json").exists()


def test_an_export_can_be_imported_again(
    at_home: Haechi, photos: list[Path], tmp_path: Path
) -> None:
    at_home("enrol", *photos, "--case", "1")
    assert at_home("cases", "export", "1", "--output", tmp_path / "out.json").code == 0
    at_home("import", tmp_path / "out.json", "--case", "2")
    assert counted(at_home) == {"1": 3, "2": 3}


def test_the_audit_says_who_enrolled_how_many_and_no_more(
    at_home: Haechi, photos: list[Path], folder: Path
) -> None:
    at_home("enrol", photos[0], "--case", "1")
    with sqlite3.connect(folder / "haechi.db") as db:
        ((action, subject),) = db.execute("SELECT action, subject FROM audit")
    db.close()
    assert (action, subject) == ("enrolled 1", "1")


@pytest.fixture
def case_folders(photos: list[Path], tmp_path: Path) -> Path:
    """A folder with two case folders, one of which has its photos in folders of their own."""
    for photo, inner in zip(photos, ("case-a", "case-b/phone/2026", "case-b/mail"), strict=True):
        (tmp_path / "all" / inner).mkdir(parents=True)
        photo.rename(tmp_path / "all" / inner / photo.name)
    return tmp_path / "all"


def test_photos_belong_to_the_case_folder_however_deep_they_lie(
    at_home: Haechi, case_folders: Path
) -> None:
    assert at_home("enrol", "--case-from-folder", case_folders).code == 0
    assert counted(at_home) == {"case-a": 1, "case-b": 2}


def test_case_folders_themselves_may_be_given(
    at_home: Haechi, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for photo, case in zip(photos, ("case-a", "case-b", "case-c"), strict=True):
        (tmp_path / "all" / case).mkdir(parents=True)
        photo.rename(tmp_path / "all" / case / photo.name)
    monkeypatch.chdir(tmp_path / "all" / "case-b")
    assert at_home("enrol", "--case-from-folder", tmp_path / "all" / "case-a", ".").code == 0
    assert counted(at_home) == {"case-a": 1, "case-b": 1}


def test_a_photo_beside_case_folders_is_refused_before_anything_is_enrolled(
    at_home: Haechi, case_folders: Path
) -> None:
    shutil.copy(next((case_folders / "case-a").iterdir()), case_folders / "loose.jpg")
    ended = at_home("enrol", "--case-from-folder", case_folders)
    assert ended.code == 2
    assert "loose.jpg: not in a case's folder; nothing was enrolled" in ended.err
    assert counted(at_home) == {}


def test_a_photo_by_itself_has_no_case_folder(at_home: Haechi, photos: list[Path]) -> None:
    assert at_home("enrol", "--case-from-folder", photos[0]).code == 2
    assert counted(at_home) == {}


def test_an_import_without_a_case_makes_one_that_is_the_same_again(
    haechi: Haechi, at_home: Haechi, photos: list[Path], tmp_path: Path
) -> None:
    haechi("fingerprint", *photos, "-o", tmp_path / "mine.json")
    for told in ("imported 3 fingerprints", "imported 0 fingerprints"):
        ended = at_home("import", tmp_path / "mine.json")
        assert ended.code == 0
        assert told in ended.out
    ((case, fingerprints),) = counted(at_home).items()
    assert (case in ended.out, fingerprints) == (True, 3)
    haechi("fingerprint", photos[0], "-o", tmp_path / "other.json")
    at_home("import", tmp_path / "other.json")
    assert len(counted(at_home)) == 2
    assert at_home("import", tmp_path / "none.json").code == 2


def test_after_a_withdrawal_no_file_of_the_home_has_the_fingerprints(
    at_home: Haechi, photos: list[Path], folder: Path, store: Store
) -> None:
    at_home("enrol", *photos, "--case", "1")
    with store.read() as db:
        prints = [pdq for one in cases.active_fingerprints(db) for pdq in one.pdq]
    assert len(prints) == 24
    at_home("cases", "withdraw", "1", "--yes")
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(pdq.encode() in content for pdq in prints), path


def test_a_withdrawal_that_was_interrupted_is_completed_by_repeating_it(
    at_home: Haechi,
    photos: list[Path],
    folder: Path,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "MOST_UNFILED", 0)
    at_home("enrol", *photos, "--case", "1")
    with store.read() as db:
        pdq = cases.active_fingerprints(db)[0].pdq[0]
    with store.write() as db:
        cases.withdraw(db, "1", actor="x", now=NOW)

    def on_disk() -> set[str]:
        """Tell which files have the hash, as text or as bytes."""
        whole = [one for one in folder.rglob("*") if one.is_file()]
        forms = (pdq.encode(), bytes.fromhex(pdq))
        return {one.suffix for one in whole if any(form in one.read_bytes() for form in forms)}

    assert on_disk() == {".segment", ".db"}
    assert "was withdrawn before" in at_home("cases", "withdraw", "1").out
    assert on_disk() == set()


def test_a_partners_list_of_hashes_is_imported_line_by_line(
    at_home: Haechi, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_UNFILED", 3)
    monkeypatch.setattr(taking, "AT_ONCE", 4)
    hashes = [f"{number:064x}" for number in range(10)]
    given = tmp_path / "list.txt"
    given.write_text("# shared\n" + "\n".join([*hashes, "no hash"]))
    ended = at_home("import", given, "--case", "partner")
    assert (ended.code, counted(at_home)) == (1, {"partner": 10})
    assert "line 12 is no PDQ hash" in ended.err
    assert len(list((folder / "bank").glob("*.segment"))) == 1
    given.write_text("\n".join(hashes))
    ended = at_home("import", given, "--case", "partner")
    assert (ended.code, counted(at_home)) == (0, {"partner": 10})
    assert "10 were already there" in ended.out
    at_home("cases", "withdraw", "partner", "--yes")
    assert not list((folder / "bank").glob("*.segment"))


@pytest.fixture
def held(store: Store) -> str:
    """A photo in quarantine, and a finding of it that was held back."""
    with store.write() as db:
        found(db)
        photo = cases.active_fingerprints(db)[0].id
        quarantine.hold(db, photo, "case-1", NOW)
        db.execute(findings_table.update().values(fingerprint_id=photo, grade="review", held=True))
    return photo


def test_a_photo_in_quarantine_is_told_everywhere_until_it_is_released(
    at_home: Haechi, held: str
) -> None:
    (trouble,) = [one for one in at_home("status", "--json").rows[0]["trouble"] if held in one]
    assert f"haechi cases release {held}" in trouble
    assert "1 finding not mailed" in trouble
    assert at_home("status", "--json").rows[0]["cases"]["quarantined"] == 1
    checks = at_home("doctor", "--json").rows
    assert [one["state"] for one in checks if one["what"] == "quarantine"] == ["warning"]
    assert "held since" in at_home("cases", "show", "case-1").out
    assert at_home("cases", "show", "case-1", "--json").rows[0]["quarantined"]
    (row,) = at_home("findings", "list", "--json").rows
    assert "in quarantine" in at_home("findings", "show", row["id"]).out
    ended = at_home("cases", "release", held)
    assert ended.code == 0
    assert "1 finding held back meanwhile" in ended.out
    assert at_home("cases", "release", held).code == 2
    assert "quarantined" not in at_home("status", "--json").rows[0]["cases"]
    assert at_home("cases", "show", "case-1", "--json").rows[0]["quarantined"] is None


def test_all_photos_of_a_case_are_released_by_its_id(at_home: Haechi, held: str) -> None:
    assert held in at_home("cases", "release", "case-1").out


def test_consent_to_local_features_is_ended_without_a_photo(
    at_home: Haechi, photos: list[Path]
) -> None:
    at_home("enrol", *photos, "--case", "1", "--local-features")
    assert at_home("cases", "end-features", "1", stdin="n\n").code == 1
    assert all(one["local_features"] for one in at_home("cases", "show", "1", "--json").rows)
    ended = at_home("cases", "end-features", "1", "--yes")
    assert ended.code == 0
    assert "local features of 3 photos of case 1 are deleted" in ended.out
    assert not any(one["local_features"] for one in at_home("cases", "show", "1", "--json").rows)
    assert counted(at_home) == {"1": 3}
    assert "nothing is changed" in at_home("cases", "end-features", "1").out
    assert at_home("cases", "end-features", "none").code == 2
