"""The worker's side of looking through videos; imports as little as it can."""

from __future__ import annotations

import pkgutil
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Final

import numpy as np

from monitor.errors import MediaError
from monitor.models.frames import row_type
from monitor.sandbox._base import Ask, Task, Work
from monitor.streams import Held, Stream
from monitor.videos.limits import MIMES, NOT_TO_BE_HAD, REASONS, VideoLimits, Way

# Of an item: whether the file follows, or is to be asked for; its size, what may be read of it, and
# what one reading costs; and how it is to be looked at, with milliseconds between two frames.
ITEM: Final = struct.Struct("<?QQQBI")
# Height and width; the kind of file; whether it was cut short; milliseconds, frames looked at;
# rows, hashes of each, stills, and bytes of all that follows.
_ANSWER: Final = struct.Struct("<IIB?IIIBII")
# Of a still: milliseconds, quality, digest, height and width, and whether it stands for its scene.
STILL: Final = np.dtype(
    [
        *(("ms", "<u4"), ("quality", "u1"), ("digest", "V32"), ("height", "<u4"), ("width", "<u4")),
        ("is_main", "?"),
    ]
)


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """A stream of which parts are asked for."""

    ask: Ask
    size: int
    budget: int
    step: int

    def read_at(self, start: int, size: int) -> bytes:
        part = self.ask(start, size)
        if part is None:
            raise MediaError(NOT_TO_BE_HAD)
        return part


def _prepare(options: Mapping[str, int], ask: Ask) -> Work:
    """Give the worker's side."""
    from monitor.pictures import warm_up
    from monitor.videos.watch import watch

    _load_libav()
    warm_up()

    def work(data: bytes, _room: memoryview) -> tuple[tuple[int, ...], memoryview]:
        is_there, size, budget, step, way, step_ms = ITEM.unpack_from(data)
        limits = VideoLimits(**{**options, "way": Way(way), "step_ms": step_ms})
        stream: Stream = _Elsewhere(ask, size, budget, step)
        if is_there:
            stream = Held(data[ITEM.size :])
        seen = watch(stream, limits)
        frames, stills = seen.frames, seen.stills
        told = np.zeros(len(stills), STILL)
        for at, one in enumerate(stills):
            told[at] = (one.ms, one.quality, one.digest, *one.grey.shape, one.is_main)
        content = b"".join(
            (frames.rows.tobytes(), told.tobytes(), *(one.grey.tobytes() for one in stills))
        )
        numbers = (
            *(seen.height, seen.width, MIMES.index(seen.mime), seen.is_cut_short),
            *(frames.duration_ms, frames.looked_at),
            *(len(frames.rows), frames.turns, len(stills), len(content)),
        )
        return numbers, memoryview(content)

    return work


def _load_libav() -> None:
    """Load all of libav's binding, which loads most of itself when it meets a stream."""
    import av

    for one in pkgutil.walk_packages(av.__path__, "av."):
        if not one.name.endswith("__main__"):
            import_module(one.name)
    av.logging.set_level(None)


def options_of(limits: VideoLimits) -> dict[str, int]:
    """Give what a worker is told once."""
    return asdict(limits)


def rows_size(rows: int, turns: int) -> int:
    """Count the bytes of rows."""
    return rows * row_type(turns).itemsize


TASK: Final = Task(answer=_ANSWER, reasons=REASONS, prepare=_prepare)
