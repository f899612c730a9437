from __future__ import annotations

from typing import Any

from monitor.bench import BENCHES, Options
from monitor.bench._hostile import good_files, hostile_files
from monitor.bench._hostile_videos import VIDEO_BOMBS, good_videos
from monitor.cli.demo.pictures import photograph
from monitor.pictures import FORMATS


def test_hostile_files_are_counted_and_the_good_ones_decoded() -> None:
    rows: list[dict[str, Any]] = BENCHES["hostile"].run(Options(photograph, files=200))  # type: ignore[assignment]
    by_name = {row["what"]: row for row in rows}
    good = by_name["good pictures"]
    assert good["number"] == good["decoded"] == 18
    films = by_name["good videos"]
    assert films["number"] == films["decoded"] == 2
    kinds = [row for row in rows if "refused" in row]
    assert {*FORMATS, "bomb", "video bomb"} <= {row["what"] for row in kinds}
    assert sum(row["number"] for row in kinds) == 200
    for row in kinds:
        assert row["decoded"] + row["refused"] + row["ended"] == row["number"]
    assert by_name["bytes written"]["number"] in (0, None)
    assert by_name["handles opened"]["number"] in (0, None)


def test_the_same_seed_gives_the_same_files_and_another_one_others() -> None:
    good = good_files(photograph) + good_videos(photograph)

    def drawn(seed: int) -> list[bytes]:
        return [one.data for one in hostile_files(good, 60, seed, VIDEO_BOMBS)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_bombs_are_small_files_of_much() -> None:
    sizes = [len(make()) for make in VIDEO_BOMBS]
    assert max(sizes) < 1_000_000
