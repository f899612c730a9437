"""What becomes of hostile files: whether anything but a skipped picture or video comes of them."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

import numpy as np

from monitor.bench._base import Bench, Options, Row
from monitor.bench._hostile import BOMBS, HostileFile, good_files, hostile_files
from monitor.bench._hostile_videos import VIDEO_BOMBS, good_videos
from monitor.errors import MediaError
from monitor.pictures import Picture, PictureLimits, decode
from monitor.sandbox._base import READY, ROOM_BYTES, Breach
from monitor.sandbox.box import Sandbox
from monitor.sandbox.pictures import Decoder
from monitor.sandbox.videos import VideoDecoder
from monitor.settings import SandboxSettings
from monitor.streams import Held
from monitor.videos.limits import VideoLimits
from monitor.videos.watch import Watched, watch

Seen = TypeVar("Seen", Picture, Watched)

_PROC: Final = Path("/proc")
# A worker's handles: standard ones, one of them the socket to us, and twice the shared memory.
_HANDLES: Final = 5
# One file in so many is a video.
_VIDEOS: Final = 10
# Seconds for a video: those of the trial are short, or bombs.
_VIDEO_S: Final = 10


def run(options: Options) -> list[Row]:
    """Decode damaged files of every format and bombs as a crawl does, with good ones in between.

    Returns:
        A row for each format and for bombs: how many there were, were decoded, refused, and ended
        their worker by a limit or a crash; the slowest, in milliseconds. Then a row for each reason
        of the refusals, and in the end: the good pictures and videos of which all was seen as in
        this process; workers started; bytes written by workers beside their answers, and handles
        they opened, looked at after each file (None where the system does not tell); files a
        second.
    """
    videos = options.files // _VIDEOS
    trial = _Trial(options)
    with Decoder(PictureLimits(), SandboxSettings()) as decoder:
        good = good_files(options.paint)
        pixels = {one.data: decode(one.data).rgb for one in good}
        pictures = _Medium(
            "good pictures",
            decoder.sandbox,
            decoder,
            lambda data, seen: np.array_equal(seen.rgb, pixels[data]),
            lambda seen: seen.rgb.nbytes,
        )
        files = hostile_files(good, options.files - videos, options.seed, BOMBS)
        trial.go_through(pictures, good[0], files)
    limits = VideoLimits()
    settings = SandboxSettings(video_seconds=_VIDEO_S)
    with VideoDecoder(limits, settings) as watcher:
        good = good_videos(options.paint)
        frames = {one.data: watch(Held(one.data), limits).frames.rows for one in good}
        films = _Medium(
            "good videos",
            watcher.sandbox,
            lambda data: watcher(Held(data)),
            lambda data, seen: np.array_equal(seen.frames.rows, frames[data]),
            lambda seen: seen.frames.rows.nbytes + sum(one.grey.nbytes for one in seen.stills),
        )
        files = hostile_files(good, videos, options.seed, VIDEO_BOMBS, "video bomb")
        trial.go_through(films, good[0], files)
    return trial.rows()


@dataclass(frozen=True, slots=True)
class _Medium(Generic[Seen]):
    """How files of a trial are looked at.

    Attributes:
        name: Of the good ones.
        is_right: Tells of a good file whether what was seen is what is in it.
        size: Bytes that a worker tells of what it saw.
    """

    name: str
    sandbox: Sandbox
    see: Callable[[bytes], Seen]
    is_right: Callable[[bytes, Seen], bool]
    size: Callable[[Seen], int]


class _Trial:
    """What came of the files so far."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._kinds: dict[str, list[tuple[str | None, float]]] = defaultdict(list)
        self._good: Counter[str] = Counter()
        self._right: Counter[str] = Counter()
        self._breaches: Counter[Breach] = Counter()
        self._starts = self._done = 0
        self._took_s = 0.0
        self._watch = _Watch()

    def go_through(
        self, medium: _Medium[Seen], first: HostileFile, files: Iterable[HostileFile]
    ) -> None:
        """Look at files, after one that is none of them: Python keeps what it compiled by it."""
        medium.see(first.data)
        medium.sandbox.close()
        began = time.monotonic()
        for file in files:
            at = time.monotonic()
            seen: Seen | None = None
            why = None
            try:
                seen = medium.see(file.data)
            except MediaError as error:
                why = error.reason
            self._kinds[file.kind].append((why, 1_000 * (time.monotonic() - at)))
            self._watch.look(medium.sandbox, 0 if seen is None else medium.size(seen))
            if file.is_good:
                self._good[medium.name] += 1
                is_right = seen is not None and medium.is_right(file.data, seen)
                self._right[medium.name] += is_right
            self._done += 1
            self._options.progress(self._done, self._options.files)
        self._took_s += time.monotonic() - began
        self._starts += medium.sandbox.starts
        self._breaches += medium.sandbox.breaches

    def rows(self) -> list[Row]:
        """Sum up."""
        limits = set(map(str, Breach))
        rows: list[Row] = []
        for kind, seen in sorted(self._kinds.items()):
            reasons = [why for why, _ in seen]
            ended = sum(why in limits for why in reasons)
            rows.append(
                {
                    "what": kind,
                    "number": len(seen),
                    "decoded": reasons.count(None),
                    "refused": len(seen) - reasons.count(None) - ended,
                    "ended": ended,
                    "slowest_ms": round(max(ms for _, ms in seen), 1),
                }
            )
        told = Counter(why for seen in self._kinds.values() for why, _ in seen if why is not None)
        rows += [{"what": f"reason: {why}", "number": number} for why, number in told.most_common()]
        rows += [{"what": f"worker ended: {one}", "number": self._breaches[one]} for one in Breach]
        rows += [
            {"what": name, "number": number, "decoded": self._right[name]}
            for name, number in self._good.items()
        ]
        return [
            *rows,
            {"what": "workers started", "number": self._starts},
            {"what": "bytes written", "number": self._watch.written},
            {"what": "handles opened", "number": self._watch.opened},
            {"what": "files a second", "number": round(self._done / self._took_s, 1)},
        ]


class _Watch:
    """What the kernel says that a worker did, which is not what it says itself.

    Attributes:
        written: Bytes, to anything, beside answers; None where it is not told.
        opened: Handles beside those that every worker has.
    """

    def __init__(self) -> None:
        is_told = (_PROC / "self/io").exists()
        self.written = 0 if is_told else None
        self.opened = 0 if is_told else None
        self._pid: int | None = None
        self._answers = self._beside = 0

    def look(self, sandbox: Sandbox, size: int) -> None:
        """Look at the worker after a file; one that was ended can't be looked at.

        Args:
            size: Bytes that it told beside an answer; what fits is in the shared memory.
        """
        pid = sandbox.pid
        if pid is None or self.written is None or self.opened is None:
            return
        if pid != self._pid:
            self._pid, self._answers, self._beside = pid, len(READY), 0
        self._answers += sandbox.answer_bytes
        if size > ROOM_BYTES:
            self._answers += size
        lines = (_PROC / str(pid) / "io").read_text().splitlines()
        told = next(int(line.split()[1]) for line in lines if line.startswith("wchar"))
        # The kernel counts a write just after it was done: it may miss the last one.
        beside = max(self._beside, told - self._answers)
        self.written += beside - self._beside
        self._beside = beside
        self.opened += len(list((_PROC / str(pid) / "fd").iterdir())) - _HANDLES


BENCH: Final = Bench(
    name="hostile",
    help="Damaged files of every format and bombs, decoded as in a crawl, good ones in between.",
    run=run,
    takes=frozenset({"files", "seed"}),
)
