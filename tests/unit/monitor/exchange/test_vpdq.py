from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from monitor.errors import Misuse
from monitor.exchange import Kind, format_of, to_fingerprint, vpdq
from monitor.exchange.vpdq import FORMAT, fingerprint_of
from monitor.models.frames import Frames, Rows, load, row_type
from monitor.models.match import Match
from monitor.registry.bank import Registry
from monitor.registry.facts import file_facts, video_facts
from monitor.registry.matcher import match
from monitor.registry.taking import Tally, take
from monitor.sandbox.videos import VideoDecoder
from monitor.settings import SandboxSettings
from monitor.store.store import Store
from monitor.streams import Held
from monitor.videos.limits import VideoLimits, Way
from monitor.videos.watch import watch
from tests.fixtures.posted import photo
from tests.fixtures.stock import NOW, flipped
from tests.fixtures.videos import video

REFERENCE = Path(__file__).parents[5] / "shared" / "data" / "vpdq"
HALF = ("a5" * 32, "5a" * 32, "c3" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.txt"


def read(path: Path) -> Rows:
    """The rows of the one video in a file."""
    (given,) = FORMAT.read(path, Kind.PDQ)
    one = to_fingerprint(given, "case-1", NOW)
    assert one is not None
    assert one.frames is not None
    assert (one.case_id, one.pdq, one.sha256, one.windows) == ("case-1", (), None, None)
    return load(one.frames).rows


def lines(frames: Frames) -> str:
    return "".join(FORMAT.write([fingerprint_of(frames, NOW)], Kind.PDQ, NOW))


def test_each_line_is_a_frame_with_its_quality_and_time(path: Path) -> None:
    path.write_text(f"0,100,{HALF[0]},0.000\r\n\n30,7,{HALF[1].upper()},1.001\n60,50,{HALF[2]},2")
    assert format_of(path) is FORMAT
    rows = read(path)
    told = [(int(one["number"]), int(one["quality"]), int(one["ms"])) for one in rows]
    assert told == [(0, 100, 0), (30, 7, 1_001), (60, 50, 2_000)]
    assert [one["hash"].tobytes().hex() for one in rows] == list(HALF)


def test_of_frames_in_a_row_that_show_the_same_the_first_is_kept(path: Path) -> None:
    hashes = (HALF[0], flipped(HALF[0], 6), flipped(HALF[0], 7), HALF[0])
    path.write_text("".join(f"{at},90,{one},{at}\n" for at, one in enumerate(hashes)))
    assert read(path)["number"].tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    "line",
    [
        f"1,100,{HALF[0]}",
        f"1,101,{HALF[0]},1",
        f"-1,100,{HALF[0]},1",
        f"1,100,{HALF[0][:-1]},1",
        f"1,100,{HALF[0]}0,1",
        f"1,100,{HALF[0]},1e3",
        f"1,100,{HALF[0]},nan",
        f"9999999999,100,{HALF[0]},1",
        f"1,100,{HALF[0]},1,{'x' * 500}",
        "no frame \x1b[2J\xff",
    ],
)
def test_a_line_that_is_no_frame_is_named_and_nothing_is_taken(
    path: Path, store: Store, line: str
) -> None:
    path.write_text(f"0,100,{HALF[0]},0.000\n{line}\n", encoding="latin-1")
    tally = Tally()
    with pytest.raises(Misuse, match=r"clip\.txt: line 2 is no frame of vPDQ") as caught:
        take(store, "case-1", FORMAT.read(path, Kind.PDQ), actor="x", tally=tally)
    assert str(caught.value).isprintable()
    assert tally.added == 0


def test_a_file_that_is_too_large_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vpdq, "MAX_BYTES", 0)
    path.write_text(f"0,100,{HALF[0]},0.000\n")
    with pytest.raises(Misuse, match="is larger than 0 MiB"):
        read(path)


def film(*numbers: int, mirrored: bool = False) -> bytes:
    shown = [np.asarray(photo(number, (320, 240))) for number in numbers]
    return video([one[:, ::-1] if mirrored else one for one in shown], 1.5)


def found(registry: Registry, data: bytes) -> Sequence[Match]:
    seen = watch(Held(data), VideoLimits())
    return match(registry.bank(), video_facts(seen, file_facts(data)))


def test_a_partners_video_is_found_by_its_frames_and_only_as_it_is(
    path: Path, store: Store
) -> None:
    theirs = watch(Held(film(1, 2, 3, 4)), VideoLimits(way=Way.EVERY, step_ms=500))
    path.write_text(lines(theirs.frames))
    for added in (1, 0):
        tally = Tally()
        take(store, "case-1", FORMAT.read(path, Kind.PDQ), actor="x", tally=tally)
        assert tally.added == added
    registry = Registry(store)
    (one,) = found(registry, film(5, 2, 3, 4))
    assert (one.case_id, one.method, one.transform) == ("case-1", "vpdq", "none")
    assert one.partner is not None
    assert one.moment is not None
    assert (one.moment.share, one.moment.frames) == (0.75, 3)
    assert not found(registry, film(1, 2, 3, 4, mirrored=True))
    assert not found(registry, film(5, 6, 7, 8))


def test_what_is_within_a_frame_is_not_written() -> None:
    seen = watch(Held(film(1)), VideoLimits(way=Way.ENROLLED))
    inner = np.zeros(1, row_type(8))
    inner["region"], inner["quality"] = (100, 100, 20_000, 20_000), 100
    told = lines(seen.frames.with_rows(inner)).splitlines()
    assert len(told) == len(seen.frames.rows)


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference videos are not beside it")
def test_the_reference_implementation_hashes_the_same_frames() -> None:
    limits = VideoLimits()
    with VideoDecoder(limits, SandboxSettings()) as videos:
        for file in sorted((REFERENCE / "videos").iterdir()):
            ours = lines(videos.every_frame(Held(file.read_bytes())).frames).splitlines()
            theirs = (REFERENCE / f"{file.stem}.txt").read_text().split()
            assert len(ours) == len(theirs)
            for mine, given in zip(ours, theirs, strict=True):
                (frame, _, hashed, at), (number, quality, wanted, seconds) = (
                    line.split(",") for line in (mine, given)
                )
                assert (frame, at) == (number, seconds)
                if int(quality) >= 80:
                    assert (int(hashed, 16) ^ int(wanted, 16)).bit_count() <= 10
