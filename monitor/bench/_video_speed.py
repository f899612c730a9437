"""What looking through a video costs, from its file to its matches, beside the reference's way."""

from __future__ import annotations

import io
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np

from monitor.bench import _reference
from monitor.bench._base import Options, Row
from monitor.bench._clips import ORDINARY, Plan, clip
from monitor.bench._films import Coding, copied, encoded, film_of
from monitor.bench._reference import reference_pdq
from monitor.bench._video_bank import VideoBank
from monitor.registry.facts import FileFacts, file_facts
from monitor.registry.look import look_up_video
from monitor.sandbox.videos import VideoDecoder, open_videos
from monitor.settings import Settings
from monitor.streams import Held, Stream

_PHOTOS: Final = 200
_CLIPS: Final = 20
_SIZE: Final = (1280, 720)
_FPS: Final = 30
_SHOTS: Final = (6.0, 5.0, 9.0)
# Frames from one key frame to the next.
_GOPS: Final = {"2 s": 60, "10 s": 300, "only one": 100_000}
_ROUNDS: Final = (2, 5)
# Copies in the long video: of 20 s, to 10 or 30 minutes.
_COPIES: Final = (30, 90)
STEPS: Final = len(_GOPS) + 2

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class _Filed:
    """A video on the disk, read in parts as a crawl reads it from a site."""

    path: Path
    size: int
    step: int = 1

    @property
    def budget(self) -> int:
        return self.size

    def read_at(self, start: int, size: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(size)


def speed(bank: VideoBank, options: Options, folder: Path, step: Callable[[], None]) -> list[Row]:
    """Time videos of 720 rows in a bank of some more photos and clips.

    Args:
        folder: For a long video.
        step: Told `STEPS` times.

    Returns:
        A row for each distance of key frames: seconds of video that one processor looks through in
        a second (of the worker and of this process together, all stages), the same by the clock,
        how many times what the reference way gets through (all frames decoded, `pdqhash` of one a
        second; None where this is not installed), and seconds on the processor that each stage
        took: decode and hash, search for all that is enrolled, seal. Then a row for a long video,
        and for the most memory that the worker had, in MB, after each length (None where the system
        does not tell).
    """
    bank.crowd(_PHOTOS, _CLIPS)
    shown = [options.paint(900 + one, (1280, 960)) for one in range(4)]
    film = clip(Plan((options.seed, 77), _SIZE, _FPS, ORDINARY, _SHOTS), shown)
    rows: list[Row] = []
    files: dict[str, bytes] = {}
    for name, gop in _GOPS.items():
        # As phones and sites code: with frames in between that are made of later ones.
        more = (("preset", "veryfast"), ("sc_threshold", "0"))
        data = encoded(film.start(), film.fps, Coding(crf=26, gop=gop, more=more))
        # To decode is quicker than to film once more.
        film = film_of(data)
        files[name] = data
        timed = _timed(bank, data, film.seconds, options)
        rows.append({"what": f"720p, key frames: {name}", **timed})
        step()
    short = files["2 s"]
    path = folder / "long.mp4"
    path.write_bytes(copied(short, _COPIES[options.large]))
    seconds = film.seconds * _COPIES[options.large]
    stream = _Filed(path, path.stat().st_size)
    lengths = ("20 s", f"{seconds / 60:.0f} min")
    with open_videos(Settings()) as videos:
        _looked(bank, videos, Held(short), file_facts(short))
        peaks = [_peak_mb(videos)]
        step()
        facts = FileFacts("0" * 64, stream.size, None, partial=True)
        spent = _looked(bank, videos, stream, facts)
        peaks.append(_peak_mb(videos))
        step()
    rows.append({"what": f"720p, {lengths[1]}", **_row(seconds, [spent])})
    for length, peak in zip(lengths, peaks, strict=True):
        rows.append({"what": f"worker's memory, {length}", "mb": peak})
    return rows


@dataclass(frozen=True, slots=True)
class _Spent:
    """Seconds that a look took: on the processor, of the worker too, by stages; and by the clock.

    Attributes:
        decode: And to hash, in the worker.
    """

    decode: float
    search: float
    seal: float
    clock: float


def _timed(bank: VideoBank, data: bytes, seconds: float, options: Options) -> Row:
    """Time one video, in turn with the reference way."""
    file, stream = file_facts(data), Held(data)
    ours: list[_Spent] = []
    theirs: list[float] = []
    # The worker is there, as in a crawl of many.
    _looked(bank, bank.videos, stream, file)
    for _ in range(_ROUNDS[options.large]):
        ours.append(_looked(bank, bank.videos, stream, file))
        if _reference.IS_THERE:
            began = time.process_time()
            _reference_hashes(data)
            theirs.append(time.process_time() - began)
    return _row(seconds, ours, theirs)


def _row(seconds: float, ours: Sequence[_Spent], theirs: Sequence[float] = ()) -> Row:
    """Sum up: medians of the rounds."""
    cpu = statistics.median(one.decode + one.search + one.seal for one in ours)
    clock = statistics.median(one.clock for one in ours)
    stages = {name: [getattr(one, name) for one in ours] for name in ("decode", "search", "seal")}
    return {
        "x_real_time": round(seconds / cpu, 1),
        "x_by_clock": round(seconds / clock, 1),
        "times_faster": round(statistics.median(theirs) / cpu, 1) if theirs else None,
        **{f"{name}_s": round(statistics.median(some), 2) for name, some in stages.items()},
    }


def _looked(bank: VideoBank, videos: VideoDecoder, stream: Stream, file: FileFacts) -> _Spent:
    """Do all that is done with a posted video."""
    there = bank.bank
    began = time.perf_counter()
    marks = [_processor_s(videos)]
    seen = videos(stream)
    marks.append(_processor_s(videos))
    look_up_video(there, seen, file)
    marks.append(_processor_s(videos))
    bank.seal_windows(seen)
    marks.append(_processor_s(videos))
    decode, search, seal = np.diff(marks).tolist()
    return _Spent(decode, search, seal, time.perf_counter() - began)


def _processor_s(videos: VideoDecoder) -> float:
    """Give seconds on the processor, of this process and the worker."""
    return time.process_time() + _worker_s(videos)


def _worker_s(videos: VideoDecoder) -> float:
    """Read the seconds that the worker had on the processor; 0 where that is not told."""
    try:
        told = (_PROC / f"{videos.sandbox.pid}/stat").read_text()
    except OSError:
        return 0.0
    # After the name, which may have anything in it.
    fields = told.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mb(videos: VideoDecoder) -> float | None:
    """Read the most memory that the worker had at a time."""
    try:
        lines = (_PROC / f"{videos.sandbox.pid}/status").read_text().splitlines()
    except OSError:
        return None
    told: Mapping[str, str] = dict(line.split(":", 1) for line in lines)
    return round(int(told["VmHWM"].split()[0]) / 1024, 1)


def _reference_hashes(data: bytes) -> None:
    """Decode all frames, and hash one a second by the reference."""
    due = 0.0
    with av.open(io.BytesIO(data), "r") as container:
        container.streams.video[0].thread_count = 1
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= due:
                reference_pdq(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
                due += 1
