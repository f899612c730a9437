"""Takes all digests of a picture at once: what is stored of it, and its turns for enrolment."""

from __future__ import annotations

from monitor.hashes import HASHES, RECIPE
from monitor.hashes.pdq import pdq_and_dihedral
from monitor.models.media import MediaFacts
from monitor.pictures import Picture


def describe(picture: Picture) -> tuple[MediaFacts, tuple[str, ...]]:
    """Hash a picture.

    Returns:
        Its facts, and the PDQ of its 8 turns and mirrors, 64 hex digits each, in the order of
        `monitor.hashes.pdq.DIHEDRAL`.

    Raises:
        MediaError: It is too small to be hashed.
    """
    pdq, turns = pdq_and_dihedral(picture.rgb)
    facts = MediaFacts(
        sha256=HASHES["sha256"].compute(picture).digest.hex(),
        mime=picture.mime,
        size=len(picture.data),
        width=picture.width,
        height=picture.height,
        pdq=pdq.digest.hex(),
        pdq_quality=pdq.quality,
        phash=HASHES["phash"].compute(picture).digest.hex(),
        recipe=RECIPE,
    )
    return facts, tuple(turn.hex() for turn in turns)
