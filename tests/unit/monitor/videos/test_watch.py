"""What is seen of videos of every kind, here in this process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from monitor.errors import MediaError
from monitor.hashes.pdq import THRESHOLD, pdq
from monitor.models.frames import dump, load
from monitor.streams import Held
from monitor.videos.limits import NOT_A_VIDEO, SOUND_ONLY, UNREADABLE, VideoLimits, Way
from monitor.videos.watch import Watched, watch
from tests.fixtures.hostile_videos import without_index
from tests.fixtures.pictures import Rgb
from tests.fixtures.posted import photo, pixels
from tests.fixtures.videos import sound, video

SIZE = (320, 240)
PHOTOS = [pixels(photo(seed, SIZE)) for seed in (1, 2, 3)]


def seen(data: bytes, way: Way = Way.POST, **limits: int) -> Watched:
    return watch(Held(data), VideoLimits(way=way, **limits))


def distance(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


def shows(watched: Watched, pictures: Sequence[Rgb]) -> list[int]:
    """When each picture is first seen; ms."""
    rows = watched.frames.rows
    found = []
    for one in pictures:
        wanted = pdq(one).digest
        near = [
            int(row["ms"])
            for row in rows
            if distance(row["hash"][0].tobytes(), wanted) <= THRESHOLD
        ]
        found.append(min(near))
    return found


@pytest.mark.parametrize(
    "making",
    [
        *({"kind": kind} for kind in ("mp4", "mov", "mkv", "webm", "avi", "ts")),
        *({"kind": kind} for kind in ("gif", "apng", "webp")),
        *({"codec": codec} for codec in ("libx265", "libsvtav1", "mpeg4")),
        {"layout": "fragmented"},
        {"layout": "moov_last"},
        {"start_s": 100.0, "kind": "mkv"},
        {"has_sound": True, "has_subtitles": True, "kind": "mkv", "attachments": ["a.jpg"]},
        {"pixels": "yuv444p"},
        {"pixels": "yuv420p10le", "codec": "libx265"},
        {"gop_s": None},
    ],
    ids=str,
)
def test_each_picture_of_a_slideshow_is_seen_when_it_is_shown(making: dict[str, object]) -> None:
    watched = seen(video(PHOTOS, 1.0, **making))
    times = shows(watched, PHOTOS)
    assert times == sorted(times)
    assert all(abs(at - 1_000 * number) <= 700 for number, at in enumerate(times))
    assert 2_800 <= watched.frames.duration_ms <= 3_200
    assert not watched.is_cut_short


def test_a_change_between_two_near_key_frames_is_seen() -> None:
    data = video(PHOTOS[:2], [1.2, 0.8], gop_s=2.0, fps=25)
    assert shows(seen(data), PHOTOS[:2])[1] in range(1_200, 2_000)


def test_what_stands_still_is_one_frame() -> None:
    watched = seen(video(PHOTOS[:1], 6.0))
    assert (len(watched.frames.rows), len(watched.stills)) == (1, 1)
    assert watched.frames.looked_at > 3


def test_every_frame_is_hashed_where_all_are_asked_for() -> None:
    data = video(PHOTOS, 1.0)
    every = seen(data, Way.EVERY).frames.rows
    assert every["number"].tolist() == list(range(30))
    assert every["ms"].tolist() == [100 * one for one in range(30)]
    assert len(seen(data, Way.EVERY, step_ms=500).frames.rows) == 6


def test_enrolled_videos_are_looked_at_four_times_a_second_and_in_all_turns() -> None:
    moving = [pixels(photo(1).crop((8 * at, 0, 320 + 8 * at, 240))) for at in range(40)]
    watched = seen(video(moving, 0.1), Way.ENROLLED)
    assert watched.frames.turns == 8
    gaps = np.diff(watched.frames.rows["ms"][watched.frames.is_whole].astype(int))
    assert np.median(gaps) <= 300


def test_the_part_that_moves_is_hashed_for_itself() -> None:
    frames = []
    for at in range(60):
        page = Image.new("RGB", (320, 480), "white")
        page.paste(photo(1).crop((6 * at, 0, 320 + 6 * at, 240)), (0, 100))
        frames.append(pixels(page))
    rows = seen(video(frames, 0.2, gop_s=1.0)).frames.rows
    parts = {tuple(one) for one in rows["region"].tolist()} - {(0, 0, 65_535, 65_535)}
    assert len(parts) == 1
    x, y, width, height = (one / 65_535 for one in parts.pop())
    assert (x, width) == pytest.approx((0, 1), abs=0.02)
    assert (y, height) == pytest.approx((100 / 480, 0.5), abs=0.02)


def test_packed_hashes_are_read_as_they_were() -> None:
    frames = seen(video(PHOTOS, 1.0)).frames
    again = load(dump(frames))
    assert np.array_equal(again.rows, frames.rows)
    assert (again.duration_ms, again.looked_at) == (frames.duration_ms, frames.looked_at)
    with pytest.raises(ValueError, match="cut short"):
        load(dump(frames)[:-1])
    with pytest.raises(ValueError, match="version"):
        load(b"\xff" + dump(frames)[1:])


class Far:
    """A file of which parts are read."""

    step = 4_096

    def __init__(self, data: bytes, budget: int) -> None:
        self.data = data
        self.size = len(data)
        self.budget = budget
        self.read: set[int] = set()

    def read_at(self, start: int, size: int) -> bytes:
        self.read |= set(range(start // self.step, (start + size) // self.step))
        return self.data[start : start + size]


def test_of_a_file_that_is_not_to_be_read_as_a_whole_key_frames_of_all_of_it_are_seen() -> None:
    noise = np.random.default_rng(1)
    shown = [pixels(photo(1 + at % 5, SIZE)) for at in range(40)]
    shaken = [(one + noise.integers(0, 25, one.shape)).clip(0, 255) for one in shown]
    data = video([one.astype(np.uint8) for one in shaken], 1.0, gop_s=1.0)
    far = Far(data, len(data) // 8)
    watched = watch(far, VideoLimits())
    times = watched.frames.rows["ms"]
    assert watched.is_cut_short
    assert times.max() - times.min() > 30_000
    assert len(far.read) * far.step < len(data) / 4


def test_a_file_that_was_cut_off_is_seen_as_far_as_it_goes() -> None:
    data = video(PHOTOS, 1.0, layout="moov_first")
    watched = seen(data[: len(data) * 2 // 3])
    assert watched.is_cut_short
    assert shows(watched, PHOTOS[:1]) == [0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", NOT_A_VIDEO),
        (b"<html>", NOT_A_VIDEO),
        (without_index(), UNREADABLE),
        (sound(), SOUND_ONLY),
    ],
)
def test_what_is_no_video_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        seen(data)
