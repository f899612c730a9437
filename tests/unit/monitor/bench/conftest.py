"""Benchmarks with small pictures: what they count is tested here, not how fast they are."""

from __future__ import annotations

import pytest
from PIL import Image

from monitor.bench import Options
from monitor.cli.demo.pictures import photograph


def _painted(seed: int, size: tuple[int, int]) -> Image.Image:
    return photograph(seed, (size[0] // 3, size[1] // 3))


@pytest.fixture
def options() -> Options:
    return Options(paint=_painted)
