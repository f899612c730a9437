from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fixtures.posted import photo
from tests.fixtures.videos import video

Haechi = Callable[..., Any]


def film(*numbers: int) -> bytes:
    return video([np.asarray(photo(number, (320, 240))) for number in numbers], 1.5)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "hong-gildong.mp4"
    path.write_bytes(film(1, 2, 3, 4))
    return path


@pytest.fixture
def repost(tmp_path: Path) -> Path:
    path = tmp_path / "repost.mp4"
    path.write_bytes(film(5, 1, 2, 3, 4))
    return path


def scanned(at_home: Haechi, path: Path) -> list[tuple[str, str, str]]:
    (row,) = at_home("scan", path, "--json").rows
    return [(one["case"], one["method"], one["grade"]) for one in row["matches"]]


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ((), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        (("--every", "2.5"), [0.0, 2.5, 5.0]),
        (("--every", "0"), [round(0.1 * at, 1) for at in range(60)]),
    ],
)
def test_a_video_is_hashed_on_its_owners_device(
    haechi: Haechi, clip: Path, tmp_path: Path, options: tuple[str, ...], times: list[float]
) -> None:
    out = tmp_path / "clip.txt"
    ended = haechi("fingerprint", clip, "-o", out, "--format", "vpdq", *options)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{len(times)} frames in {out}; no picture and no file name is in it\n"
    assert [float(line.split(",")[3]) for line in out.read_text().splitlines()] == times
    assert out.stat().st_mode & 0o077 == 0


def test_what_was_made_of_a_video_is_imported_and_finds_it(
    haechi: Haechi, at_home: Haechi, clip: Path, repost: Path, tmp_path: Path
) -> None:
    bare, whole = tmp_path / "clip.txt", tmp_path / "clip.json"
    haechi("fingerprint", clip, "-o", bare, "--format", "vpdq")
    haechi("fingerprint", clip, "-o", whole)
    for case, path in (("1", bare), ("2", whole)):
        assert "imported 1 fingerprint" in at_home("import", path, "--case", case).out
        assert "1 were already there" in at_home("import", path, "--case", case).out
    assert scanned(at_home, repost) == [("1", "vpdq", "strong"), ("2", "vpdq", "strong")]
    (row,) = at_home("scan", repost, "--json").rows
    assert all(one["distance"] < 8 for one in row["matches"])


def test_enrolled_videos_are_exported_a_file_each_and_all_in_one_of_haechi(
    at_home: Haechi, clip: Path, repost: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(film(6, 7, 8))
    at_home("enrol", clip, other, tmp_path / "photo.jpg", "--case", "1")
    out, one = tmp_path / "out", tmp_path / "one.json"
    ended = at_home("cases", "export", "1", "--format", "vpdq", "-o", out)
    assert f"2 fingerprints in {out}" in ended.out
    assert out.stat().st_mode & 0o077 == 0
    files = sorted(out.iterdir())
    assert {path.stem for path in files} == {
        row["photo"] for row in at_home("cases", "show", "1", "--json").rows
    }
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    assert at_home("cases", "export", "1", "-o", one).code == 0
    assert len(json.loads(one.read_text())["fingerprints"]) == 2
    at_home("cases", "withdraw", "1", "--yes")
    for path in files:
        assert at_home("import", path, "--case", "2").code == 0
    assert at_home("import", one, "--case", "3").code == 0
    found = scanned(at_home, repost)
    assert sorted(found) == [("2", "vpdq", "strong"), ("3", "vpdq", "strong")]
    clash = at_home("cases", "export", "2", "--format", "vpdq", "-o", one)
    assert (clash.code, "can't make" in clash.err) == (2, True)


def test_a_bad_line_is_one_error_with_its_number(at_home: Haechi, tmp_path: Path) -> None:
    path = tmp_path / "clip.txt"
    path.write_text(f"0,100,{'a5' * 32},0.000\n1,100,{'5a' * 32}\n")
    ended = at_home("import", path, "--case", "1")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
    assert "line 2 is no frame of vPDQ" in ended.err
    assert at_home("cases", "--json").rows == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--format", "vpdq", "--every", "-1"), "--every -1.0: seconds, 0 to 3600"),
        (("--format", "vpdq", "--every", "nan"), "--every nan: seconds"),
        (("--format", "vpdq", "--no-crop"), "are for photos"),
        (("--format", "pdf"), "haechi or vpdq"),
        (("--every", "2"), "--every is for --format vpdq"),
    ],
)
def test_options_that_make_no_sense_are_misuse(
    haechi: Haechi, clip: Path, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    ended = haechi("fingerprint", clip, "-o", tmp_path / "x", *options)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert told in ended.err
    assert not (tmp_path / "x").exists()


def test_vpdq_is_of_one_whole_video(haechi: Haechi, clip: Path, tmp_path: Path) -> None:
    picture, cut = tmp_path / "photo.jpg", tmp_path / "cut.mp4"
    photo(1, (320, 240)).save(picture)
    cut.write_bytes(clip.read_bytes()[:-4_000])
    out = ("-o", tmp_path / "x", "--format", "vpdq")
    for files, code, told in (
        ((clip, picture), 2, "one video at a time"),
        ((picture,), 2, "is a picture"),
        ((cut,), 1, "cut short"),
        ((tmp_path / "none.mp4",), 1, "no such file"),
    ):
        ended = haechi("fingerprint", *files, *out)
        assert (ended.code, ended.err.count("\n"), told in ended.err) == (code, 1, True)
    assert not (tmp_path / "x").exists()
