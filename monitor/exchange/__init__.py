"""Files of hashes that partners give and take, one format a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from monitor.discovery import discover
from monitor.errors import Misuse
from monitor.exchange._base import (
    START_BYTES,
    Format,
    Given,
    Kind,
    Taken,
    Told,
    case_of,
    hashes_in,
    reading,
    save,
    to_fingerprint,
)

FORMATS: Final[dict[str, Format]] = discover(sys.modules[__name__], "FORMAT", Format)


def format_of(path: Path) -> Format:
    """Tell of which format a file is, by how it begins.

    Raises:
        Misuse: It can't be read, or is of none.
    """
    if path.exists() and not path.is_file():
        # It is read more than once.
        raise Misuse(f"{path} is not a regular file: save it to one first")
    with reading(path), path.open("rb") as file:
        start = file.read(START_BYTES)
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    for one in FORMATS.values():
        if one.begins(start):
            return one
    known = ", ".join(one.title for one in FORMATS.values())
    raise Misuse(f"{path} is no file of hashes; what can be read: {known}")


__all__ = [
    "FORMATS",
    "Format",
    "Given",
    "Kind",
    "Taken",
    "Told",
    "case_of",
    "format_of",
    "hashes_in",
    "save",
    "to_fingerprint",
]
