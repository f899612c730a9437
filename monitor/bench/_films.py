"""Moving pictures of a benchmark: frames one by one, to a file and back."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, TypeAlias, cast

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

# H x W x 3.
Frame: TypeAlias = NDArray[np.uint8]
# Width and height in pixels; even, as most codecs want it.
Size: TypeAlias = tuple[int, int]

# Each encoder's own way to be quick, and to be silent.
_QUICK: Final = {
    "libx264": {"preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "b": "0"},
}


@dataclass(frozen=True, slots=True)
class Film:
    """Moving pictures that can be seen again and again.

    Attributes:
        start: Gives the frames from the first on.
        fps: Frames a second.
    """

    start: Callable[[], Iterator[Frame]] = field(repr=False)
    size: Size
    fps: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Coding:
    """How a file is made of frames.

    Attributes:
        kind: mp4, webm, or gif, which heeds nothing else.
        crf: The poorer the larger, 0-51; what other codecs make of it is theirs.
        gop: Frames from one key frame to the next; None: as x264 does by itself, at cuts and at
            the latest after 250.
        more: Options of the encoder.
    """

    kind: str = "mp4"
    codec: str = "libx264"
    crf: int = 26
    gop: int | None = 60
    more: tuple[tuple[str, str], ...] = ()


def encoded(frames: Iterable[Frame], fps: float, coding: Coding = Coding()) -> bytes:
    """Make a file of frames, the same bytes for the same frames."""
    if coding.kind == "gif":
        return _gif(frames, fps)
    rate = Fraction(fps).limit_denominator(1_001)
    options = _QUICK[coding.codec] | {"crf": str(coding.crf)} | dict(coding.more)
    if coding.gop is None:
        options |= {"g": "250", "sc_threshold": "40"}
    else:
        options |= {"g": str(coding.gop), "keyint_min": str(coding.gop)}
    every = iter(frames)
    first = next(every)
    out = io.BytesIO()
    # Else numbers of tracks are drawn.
    exact = {"fflags": "bitexact"}
    with av.open(out, "w", format=coding.kind, options=exact) as container:
        stream = cast("VideoStream", container.add_stream(coding.codec, rate, options=options))
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        # More threads would make other bytes on another machine.
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = 1 / rate
        for number, pixels in enumerate(itertools.chain((first,), every)):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def _gif(frames: Iterable[Frame], fps: float) -> bytes:
    """Make an animation, each frame of 256 colours of its own."""
    every = (Image.fromarray(one).quantize(256, Image.Quantize.FASTOCTREE) for one in frames)
    out = io.BytesIO()
    next(every).save(
        out, "GIF", save_all=True, append_images=every, duration=round(1_000 / fps), loop=0
    )
    return out.getvalue()


def film_of(data: bytes) -> Film:
    """Give the frames of a file that was made here: nothing foreign is opened outside a sandbox."""
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.video[0]
        size = (stream.codec_context.width, stream.codec_context.height)
        fps = float(stream.average_rate or 1)
        seconds = float((container.duration or 0) / av.time_base)

    def start() -> Iterator[Frame]:
        with av.open(io.BytesIO(data), "r") as container:
            for frame in container.decode(video=0):
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)

    return Film(start, size, fps, seconds)


def paced(frames: Iterable[Frame], pace: float) -> Iterator[Frame]:
    """Show frames `pace` times as fast at the same rate: some are left out, or shown again.

    To bring a film to another rate, the pace is its own rate by the other.
    """
    shown = 0
    for number, frame in enumerate(frames):
        while shown * pace < number + 1:
            yield frame
            shown += 1


def copied(data: bytes, times: int) -> bytes:
    """Show an MP4 so many times in one file, by its packets as they are."""
    out = io.BytesIO()
    with av.open(io.BytesIO(data), "r") as source, av.open(out, "w", format="mp4") as container:
        stream = source.streams.video[0]
        made = container.add_stream_from_template(stream)
        packets = [(bytes(one), one) for one in source.demux(stream) if one.pts is not None]
        length = stream.duration or 0
        for turn in range(times):
            for content, one in packets:
                packet = av.Packet(content)
                packet.pts = (one.pts or 0) + turn * length
                packet.dts = (one.dts or 0) + turn * length
                packet.duration, packet.time_base = one.duration, one.time_base
                packet.is_keyframe, packet.stream = one.is_keyframe, made
                container.mux(packet)
    return out.getvalue()
