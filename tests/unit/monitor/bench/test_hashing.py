from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from monitor.bench import BENCHES, Options, _reference, hashing
from monitor.errors import Misuse
from tests.fixtures.pictures import made


@pytest.fixture(autouse=True)
def _one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_ROUNDS", 1)


@pytest.fixture
def in_folder(options: Options, tmp_path: Path) -> Options:
    Image.fromarray(made("blobs", 200, 160)).save(tmp_path / "a.png")
    (tmp_path / "note.txt").write_text("not a picture", encoding="utf-8")
    return replace(options, photos=tmp_path)


def test_bench_is_found_by_its_name() -> None:
    assert BENCHES["hashing"].run is hashing.run


def test_folder_is_measured_and_other_files_in_it_are_passed_over(in_folder: Options) -> None:
    rows = {row["way"]: row for row in hashing.run(in_folder)}
    assert rows["PDQ alone"]["photos"] == 1
    assert rows["PDQ alone"]["differing"] in (0, None)
    assert rows["rough PDQ (scan --fast)"]["bits_off"] in range(9)


def test_without_the_reference_one_line_says_how_it_is_installed(
    in_folder: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_reference, "IS_THERE", False)
    rows = hashing.run(in_folder)
    assert rows[-1] == {"way": "Pillow + pdqhash: not installed (pip install pdqhash)"}
    assert {row["times_faster"] for row in rows[:-1]} == {None}


def test_without_a_folder_painted_pictures_are_measured(options: Options) -> None:
    rows = hashing.run(options)
    # A peer that is not installed has no figures.
    assert {row["photos"] for row in rows if "photos" in row} == {4}


def test_folder_without_pictures_is_refused(options: Options, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="no picture"):
        hashing.run(replace(options, photos=tmp_path))
