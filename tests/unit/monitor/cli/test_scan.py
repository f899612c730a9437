from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from monitor.cli import scan
from tests.fixtures.posted import collage, overlap, photo

Haechi = Callable[..., Any]


@pytest.fixture
def copies(photos: list[Path], tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "copies"
    folder.mkdir()
    with Image.open(photos[0]) as photo:
        ImageOps.mirror(photo).save(folder / "mirrored.jpg", quality=70)
        photo.resize((120, 150)).save(folder / "small.png")
    (folder / "same.jpg").write_bytes(photos[0].read_bytes())
    (folder / "other.jpg").write_bytes(photos[1].read_bytes())
    return {path.stem: path for path in folder.iterdir()}


def test_a_scan_says_of_each_file_what_it_matches(
    at_home: Haechi, photos: list[Path], copies: dict[str, Path]
) -> None:
    at_home("enrol", photos[0], "--case", "1")
    ended = at_home("scan", *copies.values(), "--json")
    assert ended.code == 0
    rows = {Path(row["file"]).stem: row for row in ended.rows}
    for row in rows.values():
        assert set(row) == {"file", "status", "frame", "matches"}
        for one in row["matches"]:
            assert set(one) == {
                *("case", "photo", "method", "distance", "inliers", "agreement", "shown"),
                *("quality", "region", "transform", "angle", "scale", "grade", "partner"),
                *("start_s", "end_s", "length_s", "share", "frames"),
                *("clip_start_s", "clip_end_s", "clip_share"),
            }
            assert one["inliers"] is None
            assert one["start_s"] is None
            assert one["region"] == [0.0, 0.0, 1.0, 1.0]
    found = {
        name: [
            (one["case"], one["method"], one["transform"], one["grade"]) for one in row["matches"]
        ]
        for name, row in rows.items()
    }
    assert found == {
        "same": [("1", "sha256", "none", "exact")],
        "mirrored": [("1", "pdq", "flip_y", "strong")],
        "small": [("1", "pdq", "none", "strong")],
        "other": [],
    }
    assert rows["other"]["status"] == "no match"
    assert rows["same"]["status"] == "match"


def test_a_scan_of_a_folder_is_a_table_for_people(
    at_home: Haechi, photos: list[Path], copies: dict[str, Path]
) -> None:
    at_home("enrol", photos[0], "--case", "case-1")
    ended = at_home("scan", copies["same"].parent)
    assert ended.code == 0
    assert ended.out.count("case-1") == 3


def test_what_can_not_be_read_is_told_and_the_others_are_scanned(
    at_home: Haechi, photos: list[Path], tmp_path: Path
) -> None:
    at_home("enrol", photos[0], "--case", "1")
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff nothing")
    ended = at_home("scan", bad, photos[0], tmp_path / "none.jpg", "--json")
    assert ended.code == 1
    first, second, third = ended.rows
    assert (second["status"], len(second["matches"])) == ("match", 1)
    assert (third["status"], third["matches"]) == ("no such file", [])
    assert first["matches"] == []
    assert at_home("scan", bad).code == 1


def test_a_scan_stores_nothing(at_home: Haechi, photos: list[Path], folder: Path) -> None:
    at_home("enrol", photos[0], "--case", "1")
    before = at_home("status", "--json").rows
    at_home("scan", *photos)
    assert at_home("status", "--json").rows == before


@pytest.mark.parametrize("name", [b"\xff\xfe.jpg", b"\x1b[31m.jpg", b"a\nb.jpg", b"[bold].jpg"])
def test_an_odd_file_name_is_printed_without_harm(
    at_home: Haechi, photos: list[Path], tmp_path: Path, name: bytes
) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(photos[0].read_bytes())
    ended = at_home("scan", path, "--json")
    assert ended.code == 0
    ended.out.encode()
    assert len(ended.rows) == 1
    assert ended.rows[0]["file"] == str(path)
    table = at_home("scan", path)
    assert table.code == 0
    assert "\x1b" not in table.out
    table.out.encode()


def test_a_hunt_in_an_empty_store_is_fine(at_home: Haechi, photos: list[Path]) -> None:
    at_home("enrol", photos[0], "--case", "1")
    ended = at_home("hunt", "--case", "1")
    assert ended.code == 0
    assert "0 new findings" in ended.out


def test_a_scan_says_where_an_enrolled_photo_is_in_a_picture(
    at_home: Haechi, tmp_path: Path
) -> None:
    paths = {name: tmp_path / f"{name}.png" for name in ("photo", "collage", "stranger")}
    photo(1).save(paths["photo"])
    collage(photo(5), photo(6), photo(1), photo(7)).save(paths["collage"])
    collage(*map(photo, range(5, 9))).save(paths["stranger"])
    at_home("enrol", paths["photo"], "--case", "1", "--local-features")
    same, found, other = at_home("scan", *paths.values(), "--json").rows
    assert [one["method"] for one in same["matches"]] == ["sha256"]
    assert (other["status"], other["matches"]) == ("no match", [])
    (one,) = found["matches"]
    assert (one["case"], one["grade"], one["transform"]) == ("1", "strong", "none")
    assert overlap(tuple(one["region"]), (0, 0.5, 0.5, 0.5)) > 0.95
    assert at_home("scan", paths["collage"]).out.count("strong") == 1


def test_the_places_by_which_a_part_of_a_photo_was_found_are_told(
    at_home: Haechi, tmp_path: Path
) -> None:
    photo(1).save(tmp_path / "photo.png")
    photo(1).crop((256, 0, 640, 480)).save(tmp_path / "crop.png")
    at_home("enrol", tmp_path / "photo.png", "--case", "1", "--local-features")
    (row,) = at_home("scan", tmp_path / "crop.png", "--json").rows
    (one,) = row["matches"]
    assert (one["method"], one["distance"]) == ("features", None)
    assert one["inliers"] > 20
    assert 0.9 < one["agreement"] <= 1
    assert 0.4 < one["shown"] <= 0.65
    assert f"{one['agreement']:.0%} alike" in at_home("scan", tmp_path / "crop.png").out


def test_a_fast_scan_finds_whole_copies_and_says_the_same_of_them(
    at_home: Haechi, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(2):
        photo(number, (840, 1050)).save(tmp_path / f"{number}.jpg", quality=90)
    with Image.open(tmp_path / "0.jpg") as whole:
        whole.resize((600, 750)).save(folder / "small.jpg", quality=60)
        ImageOps.mirror(whole).rotate(90, expand=True).save(folder / "turned.jpg")
        ImageOps.invert(whole).save(folder / "inverted.jpg")
        whole.resize((200, 250)).save(folder / "tiny.png")
        whole.crop((0, 0, 500, 600)).save(folder / "part.jpg")
    (folder / "same.jpg").write_bytes((tmp_path / "0.jpg").read_bytes())
    (folder / "other.jpg").write_bytes((tmp_path / "1.jpg").read_bytes())
    (folder / "broken.jpg").write_bytes((tmp_path / "1.jpg").read_bytes()[:5000])
    at_home("enrol", tmp_path / "0.jpg", "--case", "1", "--no-crop")
    slow, fast = (at_home("scan", folder, "--json", *more) for more in ([], ["--fast"]))
    assert slow.code == fast.code == 1
    told = {Path(row["file"]).name: row for row in fast.rows}
    wanted = {Path(row["file"]).name: row for row in slow.rows}
    assert told["part.jpg"]["status"] == "no match"
    assert wanted["part.jpg"]["status"] == "match"
    assert [told[name]["status"] for name in ("other.jpg", "broken.jpg")] == [
        "no match",
        wanted["broken.jpg"]["status"],
    ]
    for name in ("same.jpg", "small.jpg", "turned.jpg", "inverted.jpg", "tiny.png"):
        assert told[name] == wanted[name], name
        assert told[name]["status"] == "match", name


def test_a_fast_scan_looks_closely_at_far_fewer_files(
    at_home: Haechi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []
    monkeypatch.setattr(scan, "match_whole", lambda *given: looked.append(given) or [])
    for number in range(3):
        photo(number, (600, 750)).save(tmp_path / f"{number}.jpg", quality=90)
    at_home("enrol", tmp_path / "0.jpg", "--case", "1", "--no-crop")
    at_home("scan", "--fast", *(tmp_path / f"{number}.jpg" for number in range(3)))
    assert len(looked) == 1
