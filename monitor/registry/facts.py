"""Takes all digests of a picture at once: what is stored of it, and its turns for enrolment."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.features.panels import panels
from monitor.hashes import HASHES, RECIPE
from monitor.hashes.pdq import MIN_QUALITY, PdqHash, grey_pdq, pdq, pdq_and_dihedral
from monitor.models.frames import Rows, dump, row_type
from monitor.models.media import MediaFacts, Panel
from monitor.pictures import Picture
from monitor.videos.watch import Watched


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What names a file.

    Attributes:
        sha256: Of the file, or of what was had of it.
        size: Bytes of all of it.
        partial: Not all of it was had.
    """

    sha256: str
    size: int
    md5: str | None
    partial: bool = False


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


def video_facts(seen: Watched, file: FileFacts) -> MediaFacts:
    """Sum up a video: its frames' hashes, and those of the picture that has most texture."""
    best = max(seen.stills, key=lambda one: one.quality)
    return MediaFacts(
        sha256=file.sha256,
        mime=seen.mime,
        size=file.size,
        width=seen.width,
        height=seen.height,
        pdq=best.digest.hex(),
        pdq_quality=best.quality,
        phash=phash_of(best.grey),
        recipe=RECIPE,
        md5=file.md5,
        frames=dump(seen.frames.with_rows(_panel_rows(seen))),
        partial=file.partial,
    )


def phash_of(grey: NDArray[np.uint8]) -> str:
    """Hash a picture of a video, H x W, as older hash lists do; 16 hex digits."""
    rgb = np.ascontiguousarray(np.broadcast_to(grey[:, :, None], (*grey.shape, 3)))
    return HASHES["phash"].compute(Picture(b"", rgb, "")).digest.hex()


def file_facts(data: bytes, *, is_cut: bool = False) -> FileFacts:
    """Digest a file, or the beginning of one."""
    digest = hashlib.sha256(data).hexdigest()
    return FileFacts(digest, len(data), None if is_cut else md5_of(data), is_cut)


def _panel_rows(seen: Watched) -> Rows:
    """Hash the rectangles of straight edges in the stills of a video."""
    made = []
    for still in (one for one in seen.stills if one.is_main):
        height, width = still.grey.shape
        for box in panels(still.grey):
            part = still.grey[box.top : box.bottom, box.left : box.right]
            hashed, turns = grey_pdq(part, is_studio=False)
            if hashed.quality < MIN_QUALITY:
                continue
            shares = (
                box.left / width,
                box.top / height,
                (box.right - box.left) / width,
                (box.bottom - box.top) / height,
            )
            region = tuple(round(65_535 * one) for one in shares)
            made.append((still.ms, hashed.quality, region, turns[: seen.frames.turns]))
    rows = np.zeros(len(made), row_type(seen.frames.turns))
    for at, (ms, quality, region, digests) in enumerate(made):
        rows[at] = (0, ms, quality, region, np.frombuffer(b"".join(digests), "<u8").reshape(-1, 4))
    return rows


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
