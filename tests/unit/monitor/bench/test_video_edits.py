from __future__ import annotations

import itertools

import numpy as np
import pytest

from monitor.bench._clips import QUICK, Plan, clip, intro_seconds, plan
from monitor.bench._films import Coding, Film, copied, encoded, film_of, paced
from monitor.bench._photo_videos import PHOTO_EDITS
from monitor.bench._video_edits import VIDEO_EDITS, Edited, Strangers, as_posted
from monitor.cli.demo.pictures import photograph

PHOTOS = [photograph(seed, (320, 400)) for seed in range(4)]
SMALL = Plan((1,), (160, 96), 12, QUICK, (1.5, 1.0))
OTHER = Plan((2,), (96, 160), 10, QUICK, (4.0,))


@pytest.fixture(scope="module")
def film() -> Film:
    return film_of(encoded(clip(SMALL, PHOTOS[:2]).start(), 12))


@pytest.fixture(scope="module")
def other() -> Film:
    return film_of(encoded(clip(OTHER, PHOTOS[2:]).start(), 10))


def _edited(name: str, film: Film, other: Film) -> Edited:
    photos = itertools.cycle(PHOTOS[1:])
    strangers = Strangers(lambda: next(photos), lambda: other)
    rng = np.random.default_rng(3)
    if name in VIDEO_EDITS:
        return VIDEO_EDITS[name](film, strangers, rng)
    return PHOTO_EDITS[name](PHOTOS[0], strangers, rng)


@pytest.mark.parametrize("name", list(VIDEO_EDITS | PHOTO_EDITS))
def test_an_edit_is_the_same_for_the_same_seed_and_says_where_it_shows_the_clip(
    name: str, film: Film, other: Film
) -> None:
    first, again = (_edited(name, film, other) for _ in range(2))
    posts = [as_posted(one, np.random.default_rng(4)) for one in (first, again)]
    assert posts[0] == posts[1]
    length = film_of(posts[0]).seconds
    assert 0 <= first.start_s < first.end_s <= length + 0.15


def test_a_clip_in_a_longer_video_is_where_it_is_said_to_be(film: Film, other: Film) -> None:
    edited = _edited("within_longer", film, other)
    frames = list(edited.frames)
    shown = frames[round(edited.start_s * edited.fps) : round(edited.end_s * edited.fps)]
    assert all(map(np.array_equal, shown, film.start()))
    assert 3 * len(shown) <= len(frames) - len(shown) <= 5 * len(shown) + 1


def test_every_frame_of_a_clip_is_another_one() -> None:
    frames = [one.tobytes() for one in clip(SMALL, PHOTOS).start()]
    assert len(set(frames)) == len(frames) == 30


def test_two_clips_with_one_intro_share_it_and_nothing_else() -> None:
    plans = [Plan((seed,), (160, 96), 12, QUICK, (1.0,), intro=4) for seed in (1, 2)]
    first, second = ([*clip(one, PHOTOS).start()] for one in plans)
    lead = round(intro_seconds(4) * 12)
    same = list(map(np.array_equal, first, second))
    assert same == [True] * lead + [False] * 12


def test_drawn_clips_last_as_long_as_those_of_people() -> None:
    for seed in range(40):
        drawn = plan((seed,))
        assert 7.99 <= sum(drawn.shots) <= 20.01
        assert drawn == plan((seed,))


@pytest.mark.parametrize("coding", [
    Coding(gop=6), Coding(gop=None), Coding("webm", "libvpx-vp9"), Coding("mp4", "libx265"),
    Coding("gif"),
])  # fmt: skip
def test_a_file_of_every_kind_shows_all_frames(film: Film, coding: Coding) -> None:
    data = encoded(film.start(), 10, coding)
    again = list(film_of(data).start())
    assert len(again) == 30
    for shown, meant in zip(again, film.start(), strict=True):
        assert np.abs(shown.astype(int) - meant).mean() < 12


def test_frames_are_left_out_or_shown_again_to_change_the_pace() -> None:
    numbers = [np.full((1, 1, 3), one, np.uint8) for one in range(12)]
    assert [int(one[0, 0, 0]) for one in paced(numbers, 3)] == [0, 3, 6, 9]
    assert [int(one[0, 0, 0]) for one in paced(numbers[:3], 0.5)] == [0, 0, 1, 1, 2, 2]


def test_a_video_is_made_longer_by_copies_of_its_packets(film: Film) -> None:
    data = encoded(film.start(), 12, Coding(gop=10))
    longer = film_of(copied(data, 3))
    frames = list(longer.start())
    assert len(frames) == 90
    assert longer.seconds == pytest.approx(3 * film_of(data).seconds)
    assert np.array_equal(frames[0], frames[30])
