"""Videos of the kinds that people post, to be damaged, and such as are made to do harm."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Final

import av

from monitor.bench._base import Painter
from monitor.bench._clips import QUICK, Plan, clip
from monitor.bench._films import Coding, encoded
from monitor.bench._hostile import HostileFile, large_png

_SIZE: Final = (192, 144)
_FPS: Final = 12
# How files of each kind are made.
_KINDS: Final = {
    "MP4": Coding(gop=8),
    "MP4, H.265": Coding("mp4", "libx265", gop=8),
    "QuickTime": Coding("mov", gop=None),
    "WebM": Coding("webm", "libvpx-vp9", gop=8),
    "Matroska": Coding("matroska", gop=8),
    "transport stream": Coding("mpegts", gop=8),
    "AVI": Coding("avi", gop=8),
    "FLV": Coding("flv", gop=8),
    "GIF, animated": Coding("gif"),
}
# Pixels a side that libav still decodes.
_LARGE: Final = 16_000


def good_videos(paint: Painter) -> list[HostileFile]:
    """Make a video of every kind, of 2 s each."""
    film = clip(
        Plan((1,), _SIZE, _FPS, QUICK, (1.0, 1.0)), [paint(one, (640, 480)) for one in (1, 2)]
    )
    return [
        HostileFile(name, encoded(film.start(), _FPS, coding), is_good=True)
        for name, coding in _KINDS.items()
    ]


def _large_frame() -> bytes:
    """Make a QuickTime file of one PNG that is small and has very many pixels."""
    out = io.BytesIO()
    with av.open(out, "w", format="mov") as container:
        stream = container.add_mux_stream("png", 1, width=_LARGE, height=_LARGE)
        stream.time_base = Fraction(1, 1)
        packet = av.Packet(large_png(_LARGE, _LARGE))
        packet.stream, packet.pts, packet.dts, packet.duration = stream, 0, 0, 1
        packet.time_base, packet.is_keyframe = stream.time_base, True
        container.mux(packet)
    return out.getvalue()


def _endless_gif() -> bytes:
    """Make an animation without pauses: 20,000 times a pixel of a large screen."""
    side = 4_000
    screen = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    loop = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    place = b"!\xf9\x04\0\0\0\0\0," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2"
    return screen + loop + (place + b"\x44\x01\0" + place + b"\x4c\x01\0") * 10_000 + b";"


VIDEO_BOMBS: Final[tuple[Callable[[], bytes], ...]] = (_large_frame, _endless_gif)
