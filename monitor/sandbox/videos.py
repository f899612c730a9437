"""Looks through videos in a worker: the only way from foreign bytes to hashes of their frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Self

import numpy as np

from monitor.errors import MediaError, SourceUnavailable
from monitor.features.extract import MAX_AREA, POST_AREA
from monitor.models.frames import Frames, row_type
from monitor.sandbox import video_task
from monitor.sandbox.box import Output, Sandbox
from monitor.sandbox.video_task import ITEM, STILL
from monitor.settings import SandboxSettings, Settings
from monitor.streams import Held, Stream
from monitor.videos.limits import MIMES, VideoLimits, Way
from monitor.videos.watch import PICTURES, Still, Watched

# Of the time of a video, what is left for the last frame's decoding and for what follows it.
_SHARE: Final = 0.75
_ENROLLED_TIMES: Final = 5


class VideoDecoder:
    """Gives what is seen of videos; closed after use."""

    def __init__(self, limits: VideoLimits, settings: SandboxSettings) -> None:
        """Prepare; nothing is started before the first video."""
        # The worker leaves off by itself before it is ended.
        limits = replace(limits, cpu_s=max(1, round(settings.video_seconds * _SHARE)))
        self.limits = limits
        self.sandbox = Sandbox(
            video_task.__name__,
            video_task.TASK,
            settings.model_copy(update={"seconds": settings.video_seconds}),
            options=video_task.options_of(limits),
        )

    def __call__(self, stream: Stream) -> Watched:
        """Look through a video that was posted.

        Raises:
            MediaError: It is no video within the limits, or its worker broke one of its own.
            SourceUnavailable: A part of it can't be had now.
            HaechiError: No worker can be started.
        """
        return self._watched(stream, Way.POST)

    def enrolled(self, stream: Stream) -> Watched:
        """Look through a video that is to be enrolled; raises what a call does."""
        return self._watched(stream, Way.ENROLLED)

    def every_frame(self, stream: Stream, step_ms: int = 0) -> Watched:
        """Hash all frames of a video, or one each so many milliseconds; raises what a call does."""
        return self._watched(stream, Way.EVERY, step_ms)

    def _watched(self, stream: Stream, way: Way, step_ms: int = 0) -> Watched:
        given = _Noting(stream)
        is_there = isinstance(stream, Held)
        item = ITEM.pack(is_there, stream.size, stream.budget, stream.step, way, step_ms)
        data = item + stream.data if isinstance(stream, Held) else item
        try:
            seen = self.sandbox.run(data, self._taken, given)
        except MediaError:
            if given.trouble is not None:
                raise given.trouble from None
            raise
        if given.trouble is not None:
            raise given.trouble
        return seen

    def _taken(self, answer: tuple[int, ...], output: Output) -> Watched:
        """Check what a worker says."""
        height, width, mime, is_cut_short, duration_ms, looked_at, *counts = answer
        rows, turns, stills, size = counts
        if mime >= len(MIMES) or not height or not width or turns not in (1, 8):
            raise ValueError("no such video")
        if rows > self.limits.max_rows + 1_000 or not 1 <= stills <= PICTURES:
            raise ValueError("too much of it")
        # Sides are rounded.
        most = self.limits.still_area + 2 * self.limits.still_side
        if size > video_task.rows_size(rows, turns) + stills * (STILL.itemsize + most):
            raise ValueError("too large")
        content = output.pixels(size).data
        kind = row_type(turns)
        hashed = np.frombuffer(content, kind, rows).copy()
        told = np.frombuffer(content, STILL, stills, rows * kind.itemsize)
        at = rows * kind.itemsize + told.nbytes
        found: list[Still] = []
        for one in told:
            shape = int(one["height"]), int(one["width"])
            is_long = max(shape) > self.limits.still_side
            if not min(shape) or is_long or shape[0] * shape[1] > most:
                raise ValueError("no such still")
            grey = np.frombuffer(content, np.uint8, shape[0] * shape[1], at).reshape(shape)
            at += grey.size
            digest = one["digest"].tobytes()
            told_of = int(one["ms"]), int(one["quality"]), digest
            found.append(Still(*told_of, grey, bool(one["is_main"])))
        frames = Frames(hashed, duration_ms, looked_at)
        return Watched(MIMES[mime], width, height, frames, tuple(found), bool(is_cut_short))

    def __enter__(self) -> Self:
        """Give it; it is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the worker."""
        self.sandbox.close()


class _Noting:
    """A stream; what it can't give now is noted, as the worker is told only that it can't."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.trouble: SourceUnavailable | None = None
        self.size, self.budget, self.step = stream.size, stream.budget, stream.step

    def read_at(self, start: int, size: int) -> bytes:
        try:
            return self._stream.read_at(start, size)
        except SourceUnavailable as error:
            self.trouble = error
            raise


def open_videos(settings: Settings, *, enrols: bool = False) -> VideoDecoder:
    """Give a decoder with the limits of the settings.

    Args:
        enrols: It is for videos that are enrolled, of which more is kept, and all is decoded.
    """
    sandbox = settings.sandbox
    if enrols:
        longer = {"video_seconds": _ENROLLED_TIMES * sandbox.video_seconds}
        sandbox = sandbox.model_copy(update=longer)
    area = MAX_AREA if enrols else POST_AREA
    return VideoDecoder(
        VideoLimits(max_pixels=settings.network.max_pixels, still_area=area), sandbox
    )
