"""Frames of pictures that move: GIF, APNG, animated WebP and AVIF, which libav knows in part."""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Iterator
from itertools import count

import numpy as np
from PIL import Image

from monitor.errors import MediaError
from monitor.pictures import FORMATS, Picture, warm_up
from monitor.videos.limits import NOT_A_VIDEO, TOO_LARGE, UNREADABLE, VideoLimits, Way
from monitor.videos.shown import Shown

_MIME = {"GIF": "image/gif", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif"}
# Between two frames that are looked at; and what browsers take for a frame shown for no time.
_APART_MS = 200
# Of a video's time: a small file may have any number of large frames.
_SHARE = 0.2
_SHORTEST_MS, _USUAL_MS, _LONGEST_MS = 11, 100, 600_000


def is_animation(head: bytes) -> bool:
    """Tell by the first 16 bytes of a file whether it is a picture, that may move."""
    return (
        head.startswith((b"GIF8", b"\x89PNG\r\n\x1a\n"))
        or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"))
    )


def is_animated(picture: Picture) -> bool:
    """Tell whether a picture moves, and is not several in one file."""
    return picture.has_more_frames and picture.mime in _MIME.values()


class Animation:
    """An opened picture that moves.

    Attributes:
        duration_ms: Known as far as it was read.
        is_cut_short: It ends too soon.
    """

    def __init__(self, data: bytes, limits: VideoLimits) -> None:
        """Open it.

        Raises:
            MediaError: It can't be, or is too large.
            MemoryError: It is lacking.
        """
        warm_up()
        self.duration_ms = 0
        self._began = time.process_time()
        self.is_cut_short = False
        self._limits = limits
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._image = Image.open(io.BytesIO(data), formats=FORMATS)
                self.mime = _MIME[self._image.format or ""]
            except KeyError:
                raise MediaError(NOT_A_VIDEO) from None
            except (MemoryError, RecursionError):
                raise
            except Exception:  # noqa: BLE001 - what Pillow raises on garbage is an open set
                raise MediaError(UNREADABLE) from None
        self.width, self.height = self._image.size
        if self.width * self.height > limits.max_pixels:
            raise MediaError(TOO_LARGE)

    def frames(self) -> Iterator[Shown]:
        """Give the frames that are to be looked at."""
        is_sparing, last = self._limits.way is not Way.EVERY, -_APART_MS
        for number in count():
            if time.process_time() - self._began > self._limits.cpu_s * _SHARE:
                self.is_cut_short = True
                return
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    self._image.seek(number)
                    # What is shown for a moment only, is much like what comes before or after.
                    is_due = not is_sparing or self.duration_ms - last >= _APART_MS
                    grey = _grey(self._image) if is_due else None
                    lasting = float(self._image.info.get("duration") or 0)
                except EOFError:
                    return
                except MemoryError:
                    raise
                except Exception:  # noqa: BLE001 - as above: what is there stands
                    self.is_cut_short = True
                    return
            if grey is not None:
                last = self.duration_ms
                yield Shown(number, last, grey, is_studio=False)
            is_told = lasting >= _SHORTEST_MS
            self.duration_ms += int(min(lasting, _LONGEST_MS)) if is_told else _USUAL_MS

    def close(self) -> None:
        """Let go of it."""
        self._image.close()


def _grey(image: Image.Image) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Give the luminance of the frame at hand; what shows through is white."""
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(seen, mask=seen.getchannel("A"))
        return np.asarray(white.convert("L"))
    return np.asarray(image.convert("RGB").convert("L"))
