"""Opens a file of this machine: a picture, or a video that is looked through."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from monitor.errors import MediaError
from monitor.pictures import NOT_A_PICTURE, Picture
from monitor.registry.enrolment import read_photo
from monitor.registry.facts import FileFacts
from monitor.sandbox.pictures import Decoder
from monitor.streams import OnDisk, Stream
from monitor.videos.animation import is_animated
from monitor.videos.watch import Watched

_PART_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A video, with what names its file."""

    seen: Watched
    file: FileFacts


def open_local(path: Path, decode: Decoder, watch: Callable[[Stream], Watched]) -> Picture | Film:
    """Open a picture or a video.

    Raises:
        MediaError: It is neither, or can't be read.
    """
    if not path.is_file() or path.stat().st_size <= decode.limits.max_bytes:
        try:
            picture = decode(read_photo(path, decode.limits))
            if not is_animated(picture):
                return picture
        except MediaError as error:
            if error.reason != NOT_A_PICTURE:
                raise
    try:
        with path.open("rb") as opened:
            stream = OnDisk(opened)
            return Film(watch(stream), _named(stream))
    except OSError as error:
        raise MediaError(f"can't be read: {(error.strerror or 'error').lower()}") from error


def _named(stream: Stream) -> FileFacts:
    """Digest a file part by part."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    for start in range(0, stream.size, _PART_BYTES):
        part = stream.read_at(start, _PART_BYTES)
        sha256.update(part)
        md5.update(part)
    return FileFacts(sha256.hexdigest(), stream.size, md5.hexdigest())
