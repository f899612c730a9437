"""Videos that lie, never end or name other files: refused, or looked at within limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.cli.demo.site import Reply, Site
from monitor.errors import MediaError
from monitor.sandbox._base import Breach
from monitor.sandbox.videos import VideoDecoder
from monitor.settings import SandboxSettings
from monitor.streams import Held
from monitor.videos.limits import REASONS, VideoLimits
from monitor.videos.watch import Watched, watch
from tests.fixtures.hostile_videos import HOSTILE, elsewhere, plain, playlists
from tests.fixtures.pictures import made
from tests.fixtures.videos import video

GOOD = video([made("blobs", 96, 128), made("hills", 96, 128)], 1.0, gop_s=0.5)
# How much is looked at ends by itself, before the worker is ended.
LIMITS = VideoLimits(cpu_s=2)
SETTINGS = SandboxSettings(video_seconds=6)
WHOLE = {
    "samples without end", "largest duration", "said to be large in entry", "changing size",
    "1,000 frames a second", "one frame", "starts late", "starts in a thousand years",
    "starts at the turn of the clock", "title of 10 MB",
}  # fmt: skip


@pytest.fixture(scope="module")
def videos() -> Iterator[VideoDecoder]:
    with VideoDecoder(LIMITS, SETTINGS) as decoder:
        yield decoder


def _looked_at(videos: VideoDecoder, data: bytes) -> Watched | str:
    """Look at a video; one that is refused gives the reason."""
    try:
        return videos(Held(data))
    except MediaError as error:
        return error.reason


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_video_is_refused_or_looked_at_and_the_next_one_is_seen(
    videos: VideoDecoder, name: str
) -> None:
    seen = _looked_at(videos, HOSTILE[name]())
    if name in WHOLE:
        assert isinstance(seen, Watched)
        assert len(seen.frames.rows) >= 2
    elif isinstance(seen, Watched):
        assert seen.stills
    else:
        assert seen in {*REASONS, Breach.TIME, Breach.MEMORY}
    assert len(videos(Held(GOOD)).frames.rows) >= 2


@pytest.mark.parametrize(
    ("kind", "least"),
    [("mp4", 10), ("webm", 10), ("mkv", 10), ("ts", 10), ("avi", 3), ("gif", 10), ("webp", 0)],
)
def test_a_video_that_is_cut_off_anywhere_is_seen_up_to_there_or_refused(
    videos: VideoDecoder, kind: str, least: int
) -> None:
    data = video([made("blobs", 96, 128), made("hills", 96, 128)], 1.0, kind=kind)
    whole = videos(Held(data))
    starts = videos.sandbox.starts
    ends = range(1, len(data), max(1, len(data) // 40))
    looked = [_looked_at(videos, data[:end]) for end in ends]
    assert videos.sandbox.starts == starts
    seen = [one for one in looked if isinstance(one, Watched)]
    assert len(seen) >= least
    assert all(one.frames.looked_at <= whole.frames.looked_at for one in seen)
    assert {one for one in looked if isinstance(one, str)} <= {*REASONS}


@pytest.mark.parametrize("name", list(playlists("")))
def test_nothing_that_a_video_names_is_opened(name: str, tmp_path: Path) -> None:
    target = tmp_path / "target.mp4"
    target.write_bytes(GOOD)
    with Site() as site:
        site.route("/", lambda _: Reply(GOOD, mime="video/mp4"))
        for named in (str(target), target.as_uri(), f"{site.url}/target.mp4"):
            # Not in the sandbox, where nothing could be opened anyway.
            with pytest.raises(MediaError):
                watch(Held(playlists(named)[name]), LIMITS)
    assert site.requests == []


def test_frames_that_are_said_to_be_in_another_file_are_not_looked_for(tmp_path: Path) -> None:
    target = tmp_path / "target.mp4"
    target.write_bytes(plain())
    with pytest.raises(MediaError):
        watch(Held(elsewhere(str(target))), LIMITS)
