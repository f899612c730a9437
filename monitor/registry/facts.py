"""Takes all digests of a picture at once: what is stored of it, and its turns for enrolment."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from monitor.features.panels import panels
from monitor.hashes import HASHES, RECIPE
from monitor.hashes.pdq import MIN_QUALITY, PdqHash, pdq, pdq_and_dihedral
from monitor.models.media import MediaFacts, Panel
from monitor.pictures import Picture


def describe(picture: Picture) -> tuple[MediaFacts, tuple[str, ...]]:
    """Hash a picture and its turns.

    Returns:
        Its facts, and the PDQ of its 8 turns and mirrors, 64 hex digits each, in the order of
        `monitor.hashes.pdq.DIHEDRAL`.
    """
    plain, turns = pdq_and_dihedral(picture.rgb)
    return _facts(picture, plain), tuple(turn.hex() for turn in turns)


def facts_of(picture: Picture) -> MediaFacts:
    """Hash a picture as it is: what a post's picture needs."""
    return _facts(picture, pdq(picture.rgb))


def md5_of(data: bytes) -> str:
    """Digest a file as partners and imageboards do, 32 hex digits."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _facts(picture: Picture, plain: PdqHash) -> MediaFacts:
    """Take what is stored of a picture, with its PDQ."""
    return MediaFacts(
        sha256=HASHES["sha256"].compute(picture).digest.hex(),
        mime=picture.mime,
        size=len(picture.data),
        width=picture.width,
        height=picture.height,
        pdq=plain.digest.hex(),
        pdq_quality=plain.quality,
        phash=HASHES["phash"].compute(picture).digest.hex(),
        recipe=RECIPE,
        panels=_panels(picture),
        md5=md5_of(picture.data),
    )


def _panels(picture: Picture) -> tuple[Panel, ...]:
    """Hash the rectangles of straight edges in a picture."""
    # Not made smaller before: edges are looked for at a size of their own.
    grey = np.asarray(cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    found = []
    for box in panels(grey):
        left, top, right, bottom = box.left, box.top, box.right, box.bottom
        hashed = pdq(picture.rgb[top:bottom, left:right])
        if hashed.quality < MIN_QUALITY:
            continue
        region = (
            round(left / picture.width, 4),
            round(top / picture.height, 4),
            round((right - left) / picture.width, 4),
            round((bottom - top) / picture.height, 4),
        )
        found.append(Panel(region, hashed.digest.hex(), hashed.quality))
    return tuple(found)
