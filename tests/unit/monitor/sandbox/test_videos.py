"""Videos through a worker: the same hashes, and what can't be had now is told as that."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.errors import MediaError, SourceUnavailable
from monitor.sandbox.box import Output
from monitor.sandbox.video_task import STILL
from monitor.sandbox.videos import VideoDecoder
from monitor.settings import SandboxSettings
from monitor.streams import Held
from monitor.videos.limits import NOT_TO_BE_HAD, VideoLimits
from monitor.videos.watch import watch
from tests.fixtures.posted import photo, pixels
from tests.fixtures.videos import video

GOOD = video([pixels(photo(seed, (320, 240))) for seed in (1, 2)], 1.0)


@pytest.fixture(scope="module")
def decoder() -> Iterator[VideoDecoder]:
    with VideoDecoder(VideoLimits(), SandboxSettings(video_seconds=4)) as one:
        yield one


@pytest.mark.parametrize("kind", ["mp4", "webm", "mkv", "avi", "ts", "gif", "webp"])
def test_a_worker_sees_what_is_seen_here(decoder: VideoDecoder, kind: str) -> None:
    data = video([pixels(photo(seed, (320, 240))) for seed in (1, 2)], 1.0, kind=kind)
    here, there = watch(Held(data), VideoLimits()), decoder(Held(data))
    assert here.frames.rows.tobytes() == there.frames.rows.tobytes()
    assert (here.mime, here.width, here.height) == (there.mime, there.width, there.height)
    assert [one.grey.tobytes() for one in here.stills] == [
        one.grey.tobytes() for one in there.stills
    ]


class Content(Output):
    """What a worker that was taken over sends."""

    def __init__(self, content: bytes) -> None:
        self._content = np.frombuffer(content, np.uint8)

    def pixels(self, *shape: int) -> NDArray[np.uint8]:
        return self._content[: shape[0]]


@pytest.mark.parametrize(("stills", "height"), [(1, 1_281), (65, 9)])
def test_no_more_and_no_longer_stills_are_believed_than_are_made(
    decoder: VideoDecoder, stills: int, height: int
) -> None:
    told = np.zeros(stills, STILL)
    told["height"], told["width"] = height, 9
    content = told.tobytes() + bytes(stills * height * 9)
    numbers = (9, 9, 0, False, 1_000, 1, 0, 1, stills, len(content))
    with pytest.raises(ValueError, match=r"no such still|too much of it"):
        decoder._taken(numbers, Content(content))


class Failing:
    """A stream whose server goes away after its beginning."""

    size, budget, step = len(GOOD), len(GOOD), 4_096

    def __init__(self, failure: Callable[[], Exception]) -> None:
        self._failure = failure

    def read_at(self, start: int, size: int) -> bytes:
        if start > 0:
            raise self._failure()
        return GOOD[:64]


def test_what_can_not_be_had_now_is_told_as_that(decoder: VideoDecoder) -> None:
    def away() -> Exception:
        return SourceUnavailable("no answer in time", url="https://example.org/a.mp4")

    with pytest.raises(SourceUnavailable, match="no answer in time"):
        decoder(Failing(away))
    with pytest.raises(MediaError, match=f"{NOT_TO_BE_HAD}|damaged"):
        decoder(Failing(lambda: MediaError("larger than the limit")))
    assert decoder(Held(GOOD)).mime == "video/mp4"
