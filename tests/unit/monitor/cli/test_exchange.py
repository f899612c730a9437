from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.pictures import decode
from monitor.registry.facts import facts_of
from monitor.store import cases
from monitor.store.store import Store
from monitor.store.tables import alerts
from tests.fixtures.posted import photo
from tests.fixtures.stock import facts, flipped, found

Haechi = Callable[..., Any]


def page(path: Path, *hashes: str, status: str = "Active", cases: object = None) -> Path:
    records = [
        {
            "lastModtimestamp": 1,
            "signalType": "ImagePDQ",
            "hashValue": one,
            "hashStatus": status,
            "caseNumbers": cases or {"case-77": "Active"},
        }
        for one in hashes
    ]
    path.write_text(json.dumps({"count": len(records), "hashRecords": records}))
    return path


@pytest.fixture
def hashed(photos: list[Path]) -> list[str]:
    return [facts_of(decode(photo.read_bytes())).pdq for photo in photos]


def test_a_match_of_a_partners_hash_says_whose_it_is(
    at_home: Haechi, photos: list[Path], hashed: list[str], tmp_path: Path
) -> None:
    ended = at_home("import", page(tmp_path / "page.json", *hashed[:2]))
    assert (ended.code, ended.err) == (0, "")
    assert "imported 2 fingerprints into case partner-stopncii" in ended.out
    rows = at_home("scan", *photos, "--json").rows
    assert [row["status"] for row in rows] == ["match", "match", "no match"]
    (one,) = rows[0]["matches"]
    assert (one["method"], one["distance"], one["grade"]) == ("pdq", 0, "strong")
    assert one["partner"] == {
        "name": "StopNCII",
        "reference": hashed[0],
        "status": "Active",
        "cases": {"case-77": "Active"},
    }
    assert "StopNCII: case-77 (Active); Active" in at_home("cases", "show", "partner-stopncii").out


def test_what_the_partner_takes_back_is_deleted_and_said_anew_is_changed(
    at_home: Haechi, photos: list[Path], hashed: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "page.json"
    at_home("import", page(path, *hashed))
    ended = at_home("import", page(path, hashed[0], status="Withdrawn"))
    assert ended.code == 0
    assert "1 were withdrawn or deleted by the partner: 1 fingerprint deleted here" in ended.out
    assert "0 fingerprint deleted" not in at_home("import", page(path, hashed[0])).out
    at_home("import", page(path, hashed[0], status="Deleted"))
    again = at_home("import", page(path, hashed[0], status="Deleted"))
    assert (again.code, "0 fingerprints deleted here" in again.out) == (0, True)
    at_home("import", page(path, hashed[1], cases={"case-78": "Received"}))
    rows = at_home("scan", *photos, "--json").rows
    assert [row["status"] for row in rows] == ["no match", "match", "match"]
    assert rows[1]["matches"][0]["partner"]["cases"] == {"case-78": "Received"}


def test_of_a_hash_that_is_said_twice_in_a_file_the_last_counts(
    at_home: Haechi, hashed: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "pages.json"
    gone = page(tmp_path / "a", hashed[0], status="Deleted").read_text()
    there = page(tmp_path / "b", hashed[0]).read_text()
    for content, count in ((gone + there, 1), (there + gone, 0)):
        path.write_text(content)
        assert at_home("import", path).code == 0
        assert at_home("cases", "list", "--json").rows[0]["fingerprints"] == count


def test_feedback_tells_what_people_judged(at_home: Haechi, store: Store, tmp_path: Path) -> None:
    with store.write() as db:
        found(db)
    at_home("import", page(tmp_path / "page.json", facts("a").pdq, "a5" * 32))
    assert "1 new finding" in at_home("hunt", "--case", "partner-stopncii").out
    (row,) = at_home("findings", "list", "--case", "partner-stopncii", "--json").rows
    shown = at_home("findings", "show", row["id"]).out
    assert "The hash is a partner's (StopNCII: case-77 (Active); Active)" in shown
    out = tmp_path / "feedback.json"
    for command, value in (
        ("", "PendingReview"),
        ("dismiss", "NotBlocked"),
        ("confirm", "Blocked"),
    ):
        if command:
            at_home("findings", command, row["id"])
        ended = at_home("cases", "export", "partner-stopncii", "--feedback", "-o", out)
        assert ended.code == 0
        assert "feedback on 1 of 2 hashes" in ended.out
        assert json.loads(out.read_text())["hashFeedbacks"] == [
            {"hashValue": facts("a").pdq, "feedbackValue": value, "tags": []}
        ]
    assert out.stat().st_mode & 0o077 == 0


def test_an_alert_that_waits_goes_with_its_hash_and_another_persons_is_told(
    at_home: Haechi, store: Store, tmp_path: Path
) -> None:
    with store.write() as db:
        found(db)
    toml = tmp_path / "home" / "haechi.toml"
    toml.write_text(toml.read_text() + 'to = ["team@example.org"]\n')
    at_home("import", page(tmp_path / "page.json", facts("a").pdq))
    assert at_home("hunt", "--case", "partner-stopncii").code == 3
    near = flipped(facts("a").pdq, 3)
    at_home("import", page(tmp_path / "near.json", near))
    at_home("import", page(tmp_path / "page.json", facts("a").pdq, status="Withdrawn"))
    with store.read() as db:
        assert "partner-stopncii" not in {row.case_id for row in db.execute(alerts.select())}
    assert at_home("findings", "--case", "partner-stopncii", "--json").rows == []
    assert at_home("hunt", "--case", "partner-stopncii").code == 3
    (row,) = at_home("findings", "--case", "partner-stopncii", "--json").rows
    assert (row["distance"], row["partner"]["reference"]) == (3, near)
    with store.read() as db:
        states = {row.case_id: row.state for row in db.execute(alerts.select())}
    assert states["partner-stopncii"] == "pending"


def entry(member: int, number: str, pdq: str, md5: str) -> str:
    return (
        f'<image><member id="{member}"/><id>{number}</id><fingerprints><pdq>{pdq}</pdq>'
        f"<md5>{md5}</md5></fingerprints></image>"
    )


def entries(path: Path, *given: str) -> Path:
    path.write_text(f"<queryResult><images>{''.join(given)}</images></queryResult>")
    return path


def test_of_a_photo_that_two_share_one_takes_back_their_own_only(
    at_home: Haechi, photos: list[Path], hashed: list[str], tmp_path: Path
) -> None:
    same, other = "ab" * 16, "cd" * 16
    path = tmp_path / "x.xml"
    at_home("import", entries(path, *(entry(n, "a", hashed[0], same) for n in (1, 2))))
    at_home("import", entries(path, entry(3, "c", hashed[0], other)))
    assert at_home("cases", "--json").rows[0]["fingerprints"] == 2
    gone = [f'<deletedImage><member id="{n}"/><id>a</id></deletedImage>' for n in (1, 2)]
    assert "0 fingerprints deleted" in at_home("import", entries(path, gone[0])).out
    assert "1 fingerprint deleted" in at_home("import", entries(path, gone[1])).out
    assert at_home("scan", photos[0], "--json").rows[0]["status"] == "match"


def test_a_fast_scan_finds_files_by_their_digests_too(at_home: Haechi, tmp_path: Path) -> None:
    large = [tmp_path / f"{number}.jpg" for number in range(3)]
    for number, path in enumerate(large):
        photo(number, (600, 750)).save(path, quality=90)
    md5 = hashlib.md5(large[0].read_bytes(), usedforsecurity=False).hexdigest()
    sha = hashlib.sha256(large[1].read_bytes()).hexdigest()
    (tmp_path / "list.txt").write_text(f"{md5}\n{sha}\n")
    at_home("import", tmp_path / "list.txt", "--case", "9", "--kind", "sha256")
    rows = at_home("scan", *large, "--fast", "--json").rows
    assert [row["status"] for row in rows] == ["match", "match", "no match"]


def test_a_better_quality_counts_from_then_on(
    at_home: Haechi, photos: list[Path], hashed: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"{hashed[0]},49\n")
    at_home("import", path, "--case", "9")
    assert "nothing: its quality is too low" in at_home("cases", "show", "9").out
    assert at_home("scan", photos[0], "--json").rows[0]["status"] == "no match"
    path.write_text(f"{hashed[0]},80\n")
    assert "1 were already there" in at_home("import", path, "--case", "9").out
    assert at_home("scan", photos[0], "--json").rows[0]["status"] == "match"


def test_of_a_file_that_breaks_off_what_came_before_is_taken_and_told(
    at_home: Haechi, hashed: list[str], tmp_path: Path
) -> None:
    path = page(tmp_path / "page.json", *hashed)
    path.write_text(path.read_text() + "garbage")
    ended = at_home("import", path)
    assert ended.code == 2
    assert "no JSON of StopNCII from some place on" in ended.err
    assert "imported 3 fingerprints into case partner-stopncii" in ended.out


def test_what_a_format_can_not_carry_is_told(at_home: Haechi, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"{'ab' * 32}\n{'ab' * 16}\n")
    at_home("import", path, "--case", "9", "--kind", "sha256")
    ended = at_home("cases", "export", "9", "--format", "stopncii", "-o", tmp_path / "x")
    assert "1 fingerprint in" in ended.out
    assert "1 more have no hash that this format carries" in ended.out


def test_what_is_read_more_than_once_is_a_regular_file(at_home: Haechi, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ended = at_home("import", tmp_path / "pipe")
    assert ended.code == 2
    assert "not a regular file" in ended.err


def test_nobody_expects_feedback_on_photos(
    at_home: Haechi, photos: list[Path], tmp_path: Path
) -> None:
    at_home("enrol", photos[0], "--case", "1")
    ended = at_home("cases", "export", "1", "--feedback", "-o", tmp_path / "x")
    assert ended.code == 2
    assert "ncmec, stopncii" in ended.err
    assert not (tmp_path / "x").exists()
    assert at_home("cases", "export", "1", "--format", "x", "-o", tmp_path / "x").code == 2


def test_a_list_of_digests_finds_exact_files(
    at_home: Haechi, photos: list[Path], tmp_path: Path
) -> None:
    md5 = hashlib.md5(photos[0].read_bytes(), usedforsecurity=False).hexdigest()
    sha = hashlib.sha256(photos[1].read_bytes()).hexdigest()
    path = tmp_path / "list.txt"
    path.write_text(f"{md5}\n{sha}\n")
    ended = at_home("import", path, "--case", "9", "--kind", "sha256")
    assert "imported 2 fingerprints" in ended.out
    rows = at_home("scan", *photos, "--json").rows
    found = [[(one["method"], one["grade"]) for one in row["matches"]] for row in rows]
    assert found == [[("md5", "exact")], [("sha256", "exact")], []]
    assert rows[0]["matches"][0]["partner"]["name"] == "hash list"
    assert "exact copies only; hash list" in at_home("cases", "show", "9").out


@pytest.mark.parametrize("name", ["plain", "stopncii", "ncmec", "threatexchange", "haechi"])
def test_what_is_exported_in_any_format_finds_the_photo_again(
    at_home: Haechi, photos: list[Path], tmp_path: Path, name: str
) -> None:
    at_home("enrol", photos[0], "--case", "1", "--no-crop")
    out = tmp_path / "out"
    ended = at_home("cases", "export", "1", "--format", name, "-o", out)
    assert ended.code == 0
    assert "hand the file over safely" in ended.out
    at_home("cases", "withdraw", "1", "--yes")
    ended = at_home("import", out, "--case", "2")
    assert (ended.code, ended.err) == (0, "")
    (row,) = at_home("scan", photos[0], "--json").rows
    assert {one["case"] for one in row["matches"]} == {"2"}


def test_bad_lines_and_kinds_that_can_not_be_matched_are_told(
    at_home: Haechi, tmp_path: Path, hashed: list[str], store: Store
) -> None:
    path = tmp_path / "signals.csv"
    rows = [f"pdq,{hashed[0]},x", "pdq,short,x", "raw_text,hello,x", "pdna,zz,x", "raw_text,b,x"]
    path.write_text("signal_type,signal_str,collab\n" + "\n".join(rows) + "\n")
    ended = at_home("import", path, "--case", "3")
    assert ended.code == 1
    assert ended.err == f"{path}: line 3 has no hash of the type pdq; it was left out\n"
    assert "3 of kinds that can't be matched were left out: raw_text 2, pdna 1" in ended.out
    with store.read() as db:
        assert len(cases.active_fingerprints(db, "3")) == 1


def test_hostile_xml_is_one_line(at_home: Haechi, tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text('<!DOCTYPE q [<!ENTITY a "b">]><queryResult>&a;</queryResult>')
    ended = at_home("import", path)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert "is refused" in ended.err
