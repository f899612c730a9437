from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.bench import BENCHES, Options, bursts
from monitor.errors import Misuse
from tests.fixtures.posted import photo


def test_the_same_photo_again_is_found_and_another_scene_is_not(
    options: Options, tmp_path: Path
) -> None:
    for name, seeds in {"a": (1, 1, 3), "b": (2, 2)}.items():
        (tmp_path / name).mkdir()
        for place, seed in enumerate(seeds):
            photo(seed).save(tmp_path / name / f"{place}.jpg", quality=80 - place)
    first, second = BENCHES["bursts"].run(replace(options, photos=tmp_path))
    assert (first["photos"], first["hash_strong"], first["strong"], first["wrong"]) == (2, 1, 1, 0)
    assert (second["photos"], second["hash_any"], second["any"], second["wrong"]) == (1, 0, 0, 0)


def test_painted_bursts_are_less_alike_from_shot_to_shot(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bursts, "_PAINTED", 2)
    rows = bursts.run(options)
    assert [row["shots_later"] for row in rows] == [1, 2, 3, 4]
    assert rows[0]["any"] == 1


def test_folder_without_bursts_is_refused(options: Options, tmp_path: Path) -> None:
    photo(1).save(tmp_path / "a.jpg")
    with pytest.raises(Misuse, match="two folders"):
        bursts.run(replace(options, photos=tmp_path))
