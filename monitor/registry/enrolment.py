"""Makes fingerprints of photos; the photo and its name are forgotten at once."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image

from monitor.errors import MediaError, Misuse
from monitor.features.codec import pack
from monitor.features.crop import photo_within
from monitor.features.index import enrolled_features, features_in
from monitor.features.sealing import Sealer
from monitor.hashes import RECIPE
from monitor.hashes.pdq import MIN_QUALITY
from monitor.models.case import Fingerprint
from monitor.models.frames import dump as dump_frames
from monitor.models.media import MediaFacts
from monitor.pictures import Picture, PictureLimits
from monitor.registry.facts import describe, phash_of
from monitor.registry.moments import joined
from monitor.store.cases import content_key, new_fingerprint_id
from monitor.videos.watch import Watched
from monitor.windows.photo import dump, enrolled_windows, windows_in

MIN_CROP = 64

# x, y, width, height as shares of a picture, 0-1.
Region = tuple[float, float, float, float]

CASE_ID = re.compile(r"[A-Za-z0-9가-힣][A-Za-z0-9가-힣._-]{0,63}")


def check_case_id(case_id: str) -> str:
    """Check a case id; it goes into mails and file names, so it is kept simple.

    Raises:
        Misuse: Says what is allowed.
    """
    if not CASE_ID.fullmatch(case_id):
        raise Misuse(
            f"case id {case_id!r}: use 1 to 64 letters, digits, dots, hyphens or underscores "
            "(and no person's name)"
        )
    return case_id


def read_photo(path: Path, limits: PictureLimits) -> bytes:
    """Read a photo's file.

    Raises:
        MediaError: It can't be read.
    """
    try:
        if not path.is_file():
            raise MediaError("not a regular file" if path.exists() else "no such file")
        if path.stat().st_size > limits.max_bytes:
            raise MediaError(f"larger than {limits.max_bytes >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise MediaError(f"can't be read: {(error.strerror or 'error').lower()}") from error


def find_photo(picture: Picture) -> Region | None:
    """Find the photo within a screenshot or a frame; a guess, for a person to confirm.

    Returns:
        Its place as shares of the picture; None where the picture is a photo itself.
    """
    box = photo_within(np.asarray(Image.fromarray(picture.rgb).convert("L")))
    if box is None:
        return None
    across, down = picture.width, picture.height
    return (
        box.left / across,
        box.top / down,
        (box.right - box.left) / across,
        (box.bottom - box.top) / down,
    )


def cut(picture: Picture, region: Region) -> Picture:
    """Cut a part out of a picture.

    Raises:
        MediaError: Next to nothing is left.
    """
    left, top = round(region[0] * picture.width), round(region[1] * picture.height)
    right = round((region[0] + region[2]) * picture.width)
    bottom = round((region[1] + region[3]) * picture.height)
    part = np.ascontiguousarray(picture.rgb[top:bottom, left:right])
    if min(part.shape[:2]) < MIN_CROP:
        raise MediaError("the crop is too small")
    part.flags.writeable = False
    return replace(picture, rgb=part)


def fingerprint(
    picture: Picture,
    case_id: str,
    now: datetime,
    *,
    crop: Region | None = None,
    sealer: Sealer | None = None,
    features: bool = False,
) -> Fingerprint:
    """Make a photo's fingerprint.

    Args:
        case_id: Empty for a fingerprint that is not enrolled yet.
        crop: Where the photo is in the picture; None: it is all of it.
        sealer: Makes hashes of the photo's parts too, which are kept encrypted only.
        features: Makes local features too, which need the consent of the photo's owner.

    Raises:
        MediaError: It is too small to be hashed, or its file was cut short.
    """
    if picture.is_cut_short:
        raise MediaError("truncated; enrol the whole file")
    facts, turns = describe(picture)
    quality, photo = facts.pdq_quality, picture
    if crop is not None:
        # What is posted may be the screenshot or the photo: both are watched for.
        photo = cut(picture, crop)
        inner, more = describe(photo)
        if has_texture(inner):
            turns = turns + more if has_texture(facts) else more
            quality = inner.pdq_quality
    one = Fingerprint(
        id=new_fingerprint_id(),
        case_id=case_id,
        sha256=facts.sha256,
        pdq=turns,
        quality=quality,
        phash=facts.phash,
        recipe=RECIPE,
        created_at=now,
    )
    if sealer is None:
        return one
    key = content_key(one)
    windows = enrolled_windows(photo.rgb)
    if len(windows.codes):
        one = replace(one, windows=sealer.seal(dump(windows), key))
    if not features:
        return one
    return replace(one, features=sealer.seal(pack(enrolled_features(photo.rgb)), key))


def clip_fingerprint(
    seen: Watched,
    sha256: str,
    case_id: str,
    now: datetime,
    *,
    sealer: Sealer | None = None,
    features: bool = False,
) -> Fingerprint:
    """Make a video's fingerprint: hashes of its frames, and what is kept of some pictures of it.

    Args:
        seen: By the way of enrolled videos.
        sha256: Of the file.
        sealer, features: As with photos.

    Raises:
        MediaError: Its file was cut short.
    """
    if seen.is_cut_short:
        raise MediaError("cut short, or longer than can be looked through; enrol a part of it")
    best = max(seen.stills, key=lambda one: one.quality)
    rows = seen.frames.rows
    one = Fingerprint(
        id=new_fingerprint_id(),
        case_id=case_id,
        sha256=sha256,
        pdq=(),
        quality=int(rows["quality"].max(initial=0)),
        # Of no use to match a video by, and told apart by it from what partners give.
        phash=phash_of(best.grey),
        recipe=RECIPE,
        created_at=now,
        frames=dump_frames(seen.frames),
    )
    if sealer is None:
        return one
    key = content_key(one)
    pictures = [(still.ms, still.grey) for still in seen.stills]
    windows = [(ms, windows_in(grey)) for ms, grey in pictures]
    kept = [(ms, dump(made)) for ms, made in windows if len(made.codes)]
    if kept:
        one = replace(one, windows=sealer.seal(joined(kept), key))
    if not features:
        return one
    local = [(ms, pack(features_in(grey))) for ms, grey in pictures]
    return replace(one, features=sealer.seal(joined(local), key))


def has_texture(one: Fingerprint | MediaFacts) -> bool:
    """Tell whether a photo can be found by its look; one of too little texture can't."""
    if isinstance(one, Fingerprint):
        return one.quality >= MIN_QUALITY or one.windows is not None
    return one.pdq_quality >= MIN_QUALITY
