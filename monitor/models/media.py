"""What is kept of a picture: digests and measures, never its bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class MediaStatus(StrEnum):
    """What became of a media reference."""

    HASHED = "hashed"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle of straight edges in a picture, with its hash.

    Attributes:
        region: x, y, width, height as shares of the picture, 0-1.
        pdq: 64 hex digits.
        quality: 0-100.
    """

    region: tuple[float, float, float, float]
    pdq: str
    quality: int


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """Digests of one stored file.

    Attributes:
        sha256: 64 hex digits, of the bytes as fetched.
        mime: From the content, not from the server's word.
        size: Bytes.
        width: Pixels, as stored (orientation tags are ignored).
        pdq: 64 hex digits.
        pdq_quality: 0-100; below 50 the hash is not matched on.
        phash: 16 hex digits, for older hash lists.
        recipe: Version of the decoding and hashing recipe.
        panels: What a page or a collage was put from; those with enough texture.
        md5: 32 hex digits, of the same bytes, which partners and imageboards go by; None: seen
            before it was taken, or only a part was had.
        frames: Of a video, the hashes of its frames (`monitor.models.frames.dump`); the other
            hashes are then of one of its pictures.
        partial: It was not had as a whole: `sha256` names it, and is of parts of it.
    """

    sha256: str
    mime: str
    size: int
    width: int
    height: int
    pdq: str
    pdq_quality: int
    phash: str
    recipe: int
    panels: tuple[Panel, ...] = ()
    md5: str | None = None
    frames: bytes | None = field(default=None, repr=False)
    partial: bool = False
