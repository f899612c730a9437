"""What is kept of a picture: digests and measures, never its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MediaStatus(StrEnum):
    """What became of a media reference."""

    HASHED = "hashed"
    SKIPPED = "skipped"
    FAILED = "failed"


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
