"""Makes fingerprints of photos; the photo and its name are forgotten at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from monitor.errors import MediaError, Misuse
from monitor.features.codec import pack
from monitor.features.crop import photo_within
from monitor.features.index import enrolled_features
from monitor.features.sealing import Sealer
from monitor.hashes import RECIPE
from monitor.hashes.pdq import MIN_QUALITY
from monitor.ids import make_id
from monitor.models.case import Fingerprint
from monitor.models.media import MediaFacts
from monitor.pictures import Picture, PictureLimits
from monitor.registry.facts import describe
from monitor.store.cases import content_key, new_fingerprint_id
from monitor.windows.photo import dump, enrolled_windows

FORMAT = "haechi-fingerprints"
VERSION = 1
MAX_FILE_BYTES = 64 << 20
MIN_CROP = 64

# x, y, width, height as shares of a picture, 0-1.
Region = tuple[float, float, float, float]

CASE_ID = re.compile(r"[A-Za-z0-9가-힣][A-Za-z0-9가-힣._-]{0,63}")
_Hex256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Entry(BaseModel):
    """One fingerprint in a file; a partner's bare hash has one PDQ, ours have 8 or 16."""

    model_config = ConfigDict(extra="ignore", strict=True)

    pdq: Annotated[list[_Hex256], Field(min_length=1, max_length=16)]
    quality: Annotated[int, Field(ge=0, le=100)]
    sha256: _Hex256 | None = None
    phash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = None
    recipe: Annotated[int, Field(ge=1, le=1_000_000)]


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
        MediaError: It is too small to be hashed.
    """
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


def has_texture(one: Fingerprint | MediaFacts) -> bool:
    """Tell whether a photo can be found by its look; one of too little texture can't."""
    if isinstance(one, Fingerprint):
        return one.quality >= MIN_QUALITY or one.windows is not None
    return one.pdq_quality >= MIN_QUALITY


def to_file(fingerprints: Iterable[Fingerprint], path: Path) -> None:
    """Write fingerprints for handing over: hashes only, no case, no name.

    Raises:
        Misuse: The file can't be written.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "fingerprints": [
            {
                "pdq": list(one.pdq),
                "quality": one.quality,
                "sha256": one.sha256,
                "phash": one.phash,
                "recipe": one.recipe,
            }
            for one in fingerprints
        ],
    }
    try:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        path.chmod(0o600)
    except OSError as error:
        raise Misuse(f"can't write {path}: {error.strerror}") from error


def case_of_file(path: Path) -> str:
    """Make a case id from a file's content: the same file is the same case.

    Raises:
        Misuse: It can't be read.
    """
    try:
        with path.open("rb") as file:
            return make_id("case-", file.read(MAX_FILE_BYTES).hex())[:17]
    except OSError as error:
        raise Misuse(f"can't read {path}: {(error.strerror or 'error').lower()}") from error


def from_file(path: Path, case_id: str, now: datetime) -> tuple[list[Fingerprint], list[str]]:
    """Read a file of fingerprints; good entries are kept, bad ones reported by number.

    Raises:
        Misuse: It is no such file.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Misuse(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misuse(f"can't read {path}: {(error.strerror or 'error').lower()}") from error
    except (ValueError, RecursionError) as error:
        raise Misuse(f"{path} is not a file made by `haechi fingerprint`") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise Misuse(f"{path} is not a file made by `haechi fingerprint`")
    if content.get("version") != VERSION:
        raise Misuse(f"{path} is of another version; this Haechi reads version {VERSION}")
    entries = content.get("fingerprints")
    if not isinstance(entries, list):
        raise Misuse(f"{path} has no list of fingerprints")
    good: list[Fingerprint] = []
    bad: list[str] = []
    for number, entry in enumerate(entries, 1):
        try:
            one = _Entry.model_validate(entry)
        except ValidationError:
            bad.append(f"fingerprint {number} is not valid; it was left out")
            continue
        known = one.model_dump() | {"pdq": tuple(one.pdq)}
        good.append(Fingerprint(id=new_fingerprint_id(), case_id=case_id, created_at=now, **known))
    return good, bad
