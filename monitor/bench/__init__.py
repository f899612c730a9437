"""Measurements, one file each; not tests."""

from __future__ import annotations

import sys
from typing import Final

from monitor.bench._base import Bench, Options, Row
from monitor.discovery import discover

BENCHES: Final[dict[str, Bench]] = discover(sys.modules[__name__], "BENCH", Bench)

__all__ = ["BENCHES", "Bench", "Options", "Row"]
