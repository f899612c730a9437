"""What every hash declares, and the distance that they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from monitor.pictures import Picture

# Raised when decoding or hashing gives other bits for the same file; kept with every hash, so
# that those of an older recipe can be told.
RECIPE: Final = 1


@dataclass(frozen=True, slots=True)
class HashValue:
    """What a hash makes of a picture.

    Attributes:
        digest: Big-endian; its hex form is the one that others publish.
        quality: 0-100, how much texture the digest rests on; None where the hash has no measure.
    """

    digest: bytes
    quality: int | None = None


def hamming(a: bytes, b: bytes) -> int:
    """Count the bits that differ.

    Raises:
        ValueError: The digests are not of one length.
    """
    if len(a) != len(b):
        raise ValueError("digests of different lengths have no distance")
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


@dataclass(frozen=True, slots=True)
class MediaHash:
    """A fingerprint of a picture.

    Attributes:
        name: As it is stored beside the digests.
        bits: Length of a digest, a multiple of 8.
        threshold: The largest distance that is a match.
        compute: Deterministic; takes any decoded picture.
        distance: Differing bits, a metric.
    """

    name: str
    bits: int
    threshold: int
    compute: Callable[[Picture], HashValue]
    distance: Callable[[bytes, bytes], int] = hamming
