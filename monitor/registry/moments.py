"""Packs what is made of several pictures of a video as one, to be sealed as that of a photo is."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

# No version of what is packed begins so.
_VIDEO: Final = b"\xc1"
# Milliseconds from the start of the video, and bytes that follow.
_PART: Final = struct.Struct("<II")


def joined(parts: Iterable[tuple[int, bytes]]) -> bytes:
    """Pack what was made of pictures of a video, each with its time in ms."""
    return _VIDEO + b"".join(_PART.pack(ms, len(data)) + data for ms, data in parts)


def parted(data: bytes) -> Iterator[tuple[int | None, bytes]]:
    """Read what `joined` wrote; what is of a photo is one part without a time.

    Raises:
        ValueError: It is cut short.
    """
    if not data.startswith(_VIDEO):
        yield None, data
        return
    at = len(_VIDEO)
    while at < len(data):
        if at + _PART.size > len(data):
            raise ValueError("cut short")
        ms, size = _PART.unpack_from(data, at)
        at += _PART.size + size
        if at > len(data):
            raise ValueError("cut short")
        yield ms, data[at - size : at]
