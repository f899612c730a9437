"""Haechi's own files of fingerprints: all turns of photos and videos, between Haechis."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from monitor.clock import utc_now
from monitor.errors import Misuse
from monitor.exchange._base import Format, Given, Kind
from monitor.models.case import Fingerprint
from monitor.models.frames import load
from monitor.store.cases import new_fingerprint_id

NAME: Final = "haechi-fingerprints"
VERSION: Final = 1
MAX_BYTES: Final = 64 << 20
# A partner's frames are as they are, ours in all turns.
_TURNS: Final = (1, 8)

_Hex256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Entry(BaseModel):
    """One fingerprint in a file; a partner's bare hash has one PDQ, ours have 8 or 16.

    A video has frames in their place: base64 of what `monitor.models.frames.dump` wrote.
    """

    model_config = ConfigDict(extra="ignore", strict=True)

    pdq: Annotated[list[_Hex256], Field(max_length=16)]
    quality: Annotated[int, Field(ge=0, le=100)]
    sha256: _Hex256 | None = None
    md5: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None
    phash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = None
    recipe: Annotated[int, Field(ge=1, le=1_000_000)]
    frames: str | None = None

    @model_validator(mode="after")
    def _has_something_to_match(self) -> Self:
        if not self.pdq and self.sha256 is None and self.md5 is None and self.frames is None:
            raise ValueError("no hash")
        return self

    def packed_frames(self) -> bytes | None:
        """Give the hashes of a video's frames as they are kept.

        Raises:
            ValueError: They are none.
        """
        if self.frames is None:
            return None
        data = b64decode(self.frames, validate=True)
        frames = load(data)
        times, qualities = frames.rows["ms"].astype(np.int64), frames.rows["quality"]
        is_good = len(times) and (np.diff(times) >= 0).all() and (qualities <= 100).all()
        if frames.turns not in _TURNS or not is_good:
            raise ValueError("no frames of a video")
        return data


def _begins(start: bytes) -> bool:
    return start.startswith(b"{") and f'"{NAME}"'.encode() in start


def _read(path: Path, kind: Kind) -> Iterator[Given]:
    """Read a file; its fingerprints are of no case yet.

    Raises:
        Misuse: It is no such file.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Misuse(f"{path} is larger than {MAX_BYTES >> 20} MiB")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misuse(f"can't read {path}: {(error.strerror or 'error').lower()}") from error
    except (ValueError, RecursionError) as error:
        raise Misuse(f"{path} is not a file made by `haechi fingerprint`") from error
    if not isinstance(content, dict) or content.get("format") != NAME:
        raise Misuse(f"{path} is not a file made by `haechi fingerprint`")
    if content.get("version") != VERSION:
        raise Misuse(f"{path} is of another version; this Haechi reads version {VERSION}")
    entries = content.get("fingerprints")
    if not isinstance(entries, list):
        raise Misuse(f"{path} has no list of fingerprints")
    now = utc_now()
    for number, entry in enumerate(entries, 1):
        place = f"fingerprint {number}"
        try:
            one = _Entry.model_validate(entry)
            frames = one.packed_frames()
        except ValueError:
            yield Given(place, fault="is not valid")
            continue
        known = one.model_dump() | {"pdq": tuple(one.pdq), "frames": frames}
        made = Fingerprint(id=new_fingerprint_id(), case_id="", created_at=now, **known)
        yield Given(place, whole=made)


def _write(fingerprints: Iterable[Fingerprint], kind: Kind, now: datetime) -> Iterator[str]:
    """Write fingerprints for handing over: hashes only, no case, no name."""
    yield f'{{\n "format": "{NAME}",\n "version": {VERSION},\n "fingerprints": ['
    for number, one in enumerate(fingerprints):
        entry = {
            "pdq": list(one.pdq),
            "quality": one.quality,
            "sha256": one.sha256,
            "md5": one.md5,
            "phash": one.phash,
            "recipe": one.recipe,
        }
        if one.frames is not None:
            entry["frames"] = b64encode(one.frames).decode()
        yield (",\n  " if number else "\n  ") + json.dumps(entry)
    yield "\n ]\n}\n"


FORMAT: Final = Format(
    title="file made by `haechi fingerprint`",
    begins=_begins,
    read=_read,
    write=_write,
    has_frames=True,
)
