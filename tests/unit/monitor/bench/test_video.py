from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.bench import Options, _photo_videos, _video_speed, _video_trial, video
from monitor.bench._clips import Plan, plan
from monitor.bench._photo_videos import PHOTO_EDITS
from monitor.bench._video_edits import VIDEO_EDITS
from monitor.bench._video_trial import SHARING, UNRELATED, video_trial
from monitor.cli.demo.pictures import original, photograph
from monitor.errors import Misuse


def _short(seed: Sequence[int], *, intro: int | None = None) -> Plan:
    drawn = plan(seed, intro=intro)
    size = (192, 108) if drawn.size[0] > drawn.size[1] else (108, 192)
    return replace(drawn, size=size, fps=10, shots=(1.4, 1.8))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: VIDEO_EDITS[name] for name in ("mirrored", "barred", "trimmed")}
    monkeypatch.setattr(_video_trial, "VIDEO_EDITS", few)
    monkeypatch.setattr(_video_trial, "PHOTO_EDITS", {"slideshow": PHOTO_EDITS["slideshow"]})
    monkeypatch.setattr(_video_trial, "_EACH", (1, 3))
    monkeypatch.setattr(_video_trial, "_UNRELATED", (4, 8))
    monkeypatch.setattr(_video_trial, "_STRANGERS_SIZE", (160, 90))
    monkeypatch.setattr(_video_trial, "plan", _short)
    monkeypatch.setattr(_photo_videos, "_SIZES", ((320, 180), (180, 320)))
    monkeypatch.setattr(_video_speed, "_SIZE", (320, 180))
    monkeypatch.setattr(_video_speed, "_SHOTS", (1.5, 1.0))
    monkeypatch.setattr(_video_speed, "_COPIES", (3, 3))
    monkeypatch.setattr(_video_speed, "_PHOTOS", 5)
    monkeypatch.setattr(_video_speed, "_CLIPS", 2)


def test_reposts_in_videos_are_found_and_strangers_are_not(options: Options) -> None:
    told: list[tuple[int, int]] = []
    rows = video.run(replace(options, enrol=3, progress=lambda *done: told.append(done)))
    by_name = {row["what"]: row for row in rows}
    assert list(by_name)[:7] == [
        *("mirrored", "barred", "trimmed", "slideshow", SHARING, UNRELATED, "all")
    ]
    assert by_name["mirrored"]["strong"] == by_name["mirrored"]["hash_strong"] == 1
    assert by_name["slideshow"]["any"] == 1
    assert isinstance(by_name["slideshow"]["start_off_s"], float)
    assert by_name["slideshow"]["start_off_s"] < 1.5
    assert (by_name["all"]["reposts"], by_name["all"]["others"]) == (4, 4)
    assert by_name[UNRELATED]["false_strong"] == by_name["all"]["wrong"] == 0
    assert by_name["720p, key frames: 2 s"]["x_real_time"]
    assert by_name["worker's memory, 20 s"]["mb"]
    assert told[-1][0] == told[-1][1] == len(told)


def test_the_same_seed_makes_the_same_videos_and_another_seed_others(options: Options) -> None:
    def posts(seed: int) -> list[bytes]:
        trial = video_trial(replace(options, enrol=2, seed=seed))
        return [data for _, data in trial.clips] + [one.data for one in trial.posts]

    first = posts(1)
    assert first == posts(1)
    assert not set(first) & set(posts(2))


def test_a_large_trial_shows_each_of_the_enrolled_as_often(options: Options) -> None:
    trial = video_trial(replace(options, enrol=6, large=True))
    posts = list(trial.posts)
    assert trial.count == 6 + 3 + len(posts) == 9 + 3 * 4 + 8
    shown = [one.of for one in posts if one.edit == "mirrored"]
    assert sorted(shown) == ["clip-0000", "clip-0001", "clip-0002"]
    assert [one.edit for one in posts if one.of is None].count(SHARING) == 2


def test_too_few_photos_are_refused(options: Options, tmp_path: Path) -> None:
    for seed in range(3):
        (tmp_path / f"{seed}.jpg").write_bytes(original(photograph(seed, (96, 96))).data)
    with pytest.raises(Misuse, match=r"--enrol 3 needs 15 photos or more, .* has 3"):
        video_trial(replace(options, enrol=3, photos=tmp_path))


def test_photos_of_a_folder_are_used_once(options: Options, tmp_path: Path) -> None:
    for seed in range(16):
        (tmp_path / f"{seed}.jpg").write_bytes(original(photograph(seed, (120, 96))).data)
    trial = video_trial(replace(options, enrol=3, photos=tmp_path))
    assert len({one.data for _, one in trial.photos}) == 3
    assert len(list(trial.clips)) == 2
