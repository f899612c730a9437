"""Fingerprints of pictures, one file each."""

from __future__ import annotations

import sys
from typing import Final

from monitor.discovery import discover
from monitor.hashes._base import RECIPE, HashValue, MediaHash, hamming

HASHES: Final[dict[str, MediaHash]] = discover(sys.modules[__name__], "HASH", MediaHash)

__all__ = ["HASHES", "RECIPE", "HashValue", "MediaHash", "hamming"]
