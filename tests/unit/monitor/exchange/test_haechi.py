from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.cli.demo.pictures import original, photograph
from monitor.errors import Misuse
from monitor.exchange import Kind, case_of, save, to_fingerprint
from monitor.exchange.haechi import FORMAT
from monitor.features.sealing import KEY_BYTES, Sealer
from monitor.models.case import Fingerprint
from monitor.models.frames import WHOLE, Frames, dump, row_type
from monitor.pictures import decode
from monitor.registry import enrolment
from monitor.store import cases
from monitor.store.store import Store
from tests.fixtures.stock import NOW, digest, eight, fingerprint

PHOTO = original(photograph(1, (320, 240))).data


def entry(**changes: Any) -> dict[str, Any]:
    good = {"pdq": [digest("a")], "quality": 90, "sha256": None, "phash": None, "recipe": 1}
    return good | changes


def written(folder: Path, *entries: Any, **changes: Any) -> Path:
    content = {"format": "haechi-fingerprints", "version": 1, "fingerprints": list(entries)}
    path = folder / "prints.json"
    path.write_text(json.dumps(content | changes))
    return path


def read(path: Path) -> tuple[list[Fingerprint], list[str]]:
    """The fingerprints of a file, and what is wrong with the others."""
    given = list(FORMAT.read(path, Kind.PDQ))
    made = [to_fingerprint(one, "", NOW) for one in given if not one.fault]
    return [one for one in made if one], [f"{one.place} {one.fault}" for one in given if one.fault]


def write(fingerprints: list[Fingerprint], path: Path) -> None:
    save(FORMAT.write(fingerprints, Kind.PDQ, NOW), path)


def test_the_case_of_a_file_is_told_by_its_content(tmp_path: Path) -> None:
    path = written(tmp_path, entry())
    case_id = case_of(path)
    assert enrolment.check_case_id(case_id) == case_id
    assert case_id.startswith("case-")
    assert case_of(path.rename(tmp_path / "other.json")) == case_id
    assert case_of(written(tmp_path, entry(quality=91))) != case_id
    with pytest.raises(Misuse, match="can't read"):
        case_of(tmp_path / "none")


def test_fingerprints_survive_the_way_through_a_file(tmp_path: Path) -> None:
    made = [
        enrolment.fingerprint(decode(PHOTO), "", NOW),
        fingerprint("", eight("b"), quality=3),
        fingerprint("", [digest("bare")], sha256=digest("s")),
    ]
    path = tmp_path / "prints.json"
    write(made, path)
    good, bad = read(path)
    assert bad == []
    assert [replace(one, id="", created_at=NOW) for one in good] == [
        replace(one, id="") for one in made
    ]
    assert {one.id for one in good}.isdisjoint(one.id for one in made)
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_names_no_case_no_time_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "prints.json"
    write([fingerprint("case-secret", eight("a"))], path)
    text = path.read_text()
    assert "case-secret" not in text
    assert "2026" not in text
    assert set(json.loads(text)["fingerprints"][0]) == {
        "pdq",
        "quality",
        "sha256",
        "md5",
        "phash",
        "recipe",
    }


def test_importing_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, entry(), entry(), entry(pdq=eight("b")))
    for added in (2, 0):
        good = [replace(one, case_id="case-1") for one in read(path)[0]]
        with store.write() as db:
            assert cases.enrol(db, "case-1", good, actor="x", now=NOW) == added


@pytest.mark.parametrize(
    "wrong",
    [
        {"pdq": []},
        {"pdq": [digest("a")] * 17},
        {"pdq": [digest("a").upper()]},
        {"pdq": [digest("a")[:-1]]},
        {"pdq": [digest("a") + "\n"]},
        {"pdq": digest("a")},
        {"pdq": None},
        {"quality": 101},
        {"quality": -1},
        {"quality": "90"},
        {"quality": True},
        {"quality": 1e9},
        {"sha256": "short"},
        {"phash": "zz"},
        {"recipe": 0},
        {"recipe": 10**40},
    ],
)
def test_a_wrong_entry_is_named_by_its_number_and_the_others_are_taken(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    path = written(tmp_path, entry(), entry(**wrong), entry(pdq=[digest("z")]))
    good, bad = read(path)
    assert [one.pdq for one in good] == [(digest("a"),), (digest("z"),)]
    assert bad == ["fingerprint 2 is not valid"]


@pytest.mark.parametrize("other", [None, 3, "x", [], {}])
def test_an_entry_that_is_no_entry_is_named(tmp_path: Path, other: object) -> None:
    assert len(read(written(tmp_path, other))[1]) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xd8\xff",
        b"[" * 100_000,
        b'{"format": "haechi-fingerprints", "version": 2, "fingerprints": []}',
        b'{"format": "haechi-fingerprints", "version": 1}',
        b'{"format": "haechi-fingerprints", "version": 1, "fingerprints": {}}',
    ],
)
def test_what_is_no_such_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "prints.json"
    path.write_bytes(content)
    with pytest.raises(Misuse, match=r"prints\.json") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_that_is_missing_are_told(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="can't read"):
        read(tmp_path / "none")
    with pytest.raises(Misuse, match="can't write"):
        write([], tmp_path / "no" / "prints.json")


SEALER = Sealer(bytes(KEY_BYTES))


def test_a_file_of_fingerprints_never_has_local_features(tmp_path: Path) -> None:
    one = enrolment.fingerprint(decode(PHOTO), "case-1", NOW, sealer=SEALER, features=True)
    path = tmp_path / "prints.json"
    write([one], path)
    (entry_,) = json.loads(path.read_text())["fingerprints"]
    assert set(entry_) == {"pdq", "quality", "sha256", "md5", "phash", "recipe"}
    smuggled = written(tmp_path, entry(features="AAAA"))
    assert read(smuggled)[0][0].features is None


def packed(*times: int, turns: int = 8, quality: int = 90) -> str:
    rows = np.zeros(len(times), row_type(turns))
    rows["ms"], rows["quality"], rows["region"] = times, quality, WHOLE
    return b64encode(dump(Frames(rows, max(times, default=0), 9))).decode()


def test_a_video_has_its_frames_and_an_older_file_has_none(tmp_path: Path) -> None:
    given = written(tmp_path, entry(pdq=[], frames=packed(0, 250)), entry())
    (clip, photo), bad = read(given)
    assert bad == []
    assert clip.frames == b64decode(packed(0, 250))
    assert photo.frames is None
    again = tmp_path / "again.json"
    write([clip, photo], again)
    first, second = json.loads(again.read_text())["fingerprints"]
    assert (first["frames"], "frames" in second) == (packed(0, 250), False)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "!",
        packed(),
        packed(0)[:-8],
        packed(0, turns=2),
        packed(0, turns=255),
        packed(250, 0),
        packed(0, quality=101),
        b64encode(b"\x02" + b64decode(packed(0))[1:]).decode(),
        7,
    ],
)
def test_frames_that_are_none_are_named_by_their_number(tmp_path: Path, wrong: object) -> None:
    good, bad = read(written(tmp_path, entry(frames=wrong), entry()))
    assert (len(good), bad) == (1, ["fingerprint 1 is not valid"])
