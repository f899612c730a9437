"""The photos of a benchmark: those of a folder, or painted ones."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from monitor.bench._base import Painter
from monitor.errors import MediaError, Misuse
from monitor.pictures import Picture, PictureLimits, decode
from monitor.registry.enrolment import read_photo

# Portrait, square and landscape, as phones and messengers give them.
SIZES: Final = ((1080, 1350), (1280, 960), (1080, 1080), (960, 1280))


def painted(paint: Painter, seed: int) -> bytes:
    """Paint a picture like a photo, as the JPEG that its owner has."""
    return owned(paint(seed, SIZES[seed % len(SIZES)]))


def owned(photo: Image.Image) -> bytes:
    """Encode as the file that a photo's owner has."""
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=92)
    return out.getvalue()


def pictures_in(folder: Path) -> Iterator[tuple[Path, Picture]]:
    """Read the pictures of a folder by name, one after the other; other files are passed over.

    Raises:
        Misuse: There is none.
    """
    limits = PictureLimits()
    found = False
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            picture = decode(read_photo(path, limits), limits)
        except MediaError:
            continue
        found = True
        yield path, picture
    if not found:
        raise Misuse(f"no picture in {folder}")


def photos_in(folder: Path, most: int, rng: np.random.Generator) -> list[Callable[[], bytes]]:
    """Choose photos of a folder, and give what reads each; fewer where there are no more."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    limits = PictureLimits()
    chosen: list[Callable[[], bytes]] = []
    for number in rng.permutation(len(paths)):
        read = partial(read_photo, paths[number], limits)
        try:
            decode(read())
        except MediaError:
            continue
        chosen.append(read)
        if len(chosen) == most:
            break
    return chosen


def shrunk(picture: Picture, longest: int) -> Image.Image:
    """Give a picture at most so many pixels a side."""
    image = Image.fromarray(picture.rgb)
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return image
