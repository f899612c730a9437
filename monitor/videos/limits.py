"""What is read of a video, what it may be, and what is said of one that can't be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

# What a file is, by its content.
MIMES: Final = (
    *("video/mp4", "video/webm", "video/x-matroska", "video/x-msvideo", "video/x-flv"),
    *("video/mp2t", "video/mpeg", "video/x-ms-wmv", "video/ogg"),
    *("image/gif", "image/png", "image/webp", "image/avif"),
)
# All that is said of what is refused.
NOT_A_VIDEO: Final = "not a picture or video of a known format"
SOUND_ONLY: Final = "sound only"
UNKNOWN_CODEC: Final = "a codec that is not known here (haechi doctor)"
ENCRYPTED: Final = "encrypted"
TOO_LARGE: Final = "too many pixels"
UNREADABLE: Final = "damaged or cut short"
NOT_TO_BE_HAD: Final = "its server gives no more of it"
REASONS: Final = (
    *(NOT_A_VIDEO, SOUND_ONLY, UNKNOWN_CODEC, ENCRYPTED, TOO_LARGE, UNREADABLE, NOT_TO_BE_HAD),
)


class Way(IntEnum):
    """How closely a video is looked at.

    POST: at keyframes, where these are near enough, and more where its scene changes.
    ENROLLED: four times a second: whatever keyframe a copy has, one of these is near.
    EVERY: each frame, also such as are like the one before.
    """

    POST = 0
    ENROLLED = 1
    EVERY = 2


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What is read at all.

    Attributes:
        cpu_s: Seconds on the processor after which the rest of a video is left out.
        max_rows: Hashes that are kept.
        still_area: The most pixels of a still.
        still_side: Its longest side, as of other pictures (`monitor.features.extract.MAX_SIDE`).
        step_ms: Between two frames, where every frame is asked for; 0: each of them.
    """

    way: int = Way.POST
    max_pixels: int = 50_000_000
    cpu_s: int = 90
    max_rows: int = 20_000
    still_area: int = 400_000
    still_side: int = 1_280
    step_ms: int = 0
