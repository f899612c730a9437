"""Takes all digests of a picture at once: what is stored of it, and its turns for enrolment."""

from __future__ import annotations

from monitor.features.extract import luma
from monitor.features.panels import panels
from monitor.hashes import HASHES, RECIPE
from monitor.hashes.pdq import MIN_QUALITY, pdq, pdq_and_dihedral
from monitor.models.media import MediaFacts, Panel
from monitor.pictures import Picture


def describe(picture: Picture) -> tuple[MediaFacts, tuple[str, ...]]:
    """Hash a picture.

    Returns:
        Its facts, and the PDQ of its 8 turns and mirrors, 64 hex digits each, in the order of
        `monitor.hashes.pdq.DIHEDRAL`.

    Raises:
        MediaError: It is too small to be hashed.
    """
    plain, turns = pdq_and_dihedral(picture.rgb)
    facts = MediaFacts(
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
    )
    return facts, tuple(turn.hex() for turn in turns)


def _panels(picture: Picture) -> tuple[Panel, ...]:
    """Hash the rectangles of straight edges in a picture."""
    grey = luma(picture.rgb)
    down, across = picture.height / grey.shape[0], picture.width / grey.shape[1]
    found = []
    for box in panels(grey):
        left, right = round(box.left * across), round(box.right * across)
        top, bottom = round(box.top * down), round(box.bottom * down)
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
