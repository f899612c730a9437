from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from monitor.bench import BENCHES, pdq
from monitor.errors import Misuse
from tests.fixtures.pictures import made


@pytest.fixture(autouse=True)
def _one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdq, "_ROUNDS", 1)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    Image.fromarray(made("blobs", 200, 160)).save(tmp_path / "a.png")
    (tmp_path / "note.txt").write_text("not a picture", encoding="utf-8")
    return tmp_path


def test_bench_is_found_by_its_name() -> None:
    assert BENCHES["pdq"].run is pdq.run


def test_folder_is_measured_and_other_files_in_it_are_passed_over(photos: Path) -> None:
    rows = {row["way"]: row for row in pdq.run(photos)}
    assert rows["hash"]["photos"] == 1
    assert rows["hash"]["differing"] == 0


def test_works_without_the_reference(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdq, "pdqhash", None)
    assert [row["way"] for row in pdq.run(photos)] == ["decode + hash", "hash"]


def test_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="no picture"):
        pdq.run(tmp_path)
