"""How long a PDQ hash takes, beside the reference implementation where it is installed."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monitor.bench._base import Bench, Row
from monitor.errors import MediaError, Misuse
from monitor.hashes.pdq import PdqHash, pdq
from monitor.pictures import Picture, PictureLimits, decode

try:
    import pdqhash
except ImportError:
    pdqhash = None

_ROUNDS: Final = 7
_MOST_PHOTOS: Final = 100
_MADE: Final = ((1350, 1080), (1080, 1350), (1440, 2560), (960, 1280))

Lane = Callable[[Picture], object]


def run(photos: Path | None) -> list[Row]:
    """Time decoding and hashing, the ways taken in turn so that a busy moment hits all alike.

    Args:
        photos: A folder; its first 100 pictures are taken.

    Returns:
        A row for each way: its name, the number of photos, milliseconds a photo (median of 7
        rounds), how many times faster than the reference doing the same (0 without one), and
        how many hashes or qualities differ from the reference's.

    Raises:
        Misuse: The folder holds no picture.
    """
    pictures = _made() if photos is None else _read(photos)
    lanes: dict[str, Lane] = {
        "decode + hash": lambda picture: pdq(decode(picture.data).rgb),
        "hash": lambda picture: pdq(picture.rgb),
    }
    if pdqhash is not None:
        lanes["Pillow + pdqhash"] = lambda picture: _reference(_pillow(picture.data))
        lanes["pdqhash"] = lambda picture: _reference(picture.rgb)
    times = _times(lanes, pictures)
    beside = {"decode + hash": "Pillow + pdqhash", "hash": "pdqhash"}
    rows: list[Row] = []
    for name in lanes:
        milliseconds = statistics.median(times[name])
        reference = beside.get(name, name)
        base = statistics.median(times[reference]) if reference in times else 0.0
        rows.append(
            {
                "way": name,
                "photos": len(pictures),
                "ms_a_photo": round(milliseconds, 2),
                "times_faster": round(base / milliseconds, 1),
                "differing": _differing(pictures) if name in beside and base else 0,
            }
        )
    return rows


def _times(lanes: dict[str, Lane], pictures: list[Picture]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in lanes}
    for lane in lanes.values():
        lane(pictures[0])
    for _ in range(_ROUNDS):
        spent = dict.fromkeys(lanes, 0.0)
        for picture in pictures:
            for name, lane in lanes.items():
                start = time.perf_counter()
                lane(picture)
                spent[name] += time.perf_counter() - start
        for name, seconds in spent.items():
            times[name].append(1000 * seconds / len(pictures))
    return times


def _differing(pictures: list[Picture]) -> int:
    return sum(_reference(picture.rgb) != pdq(picture.rgb) for picture in pictures)


def _reference(rgb: NDArray[np.uint8]) -> PdqHash:
    vector, quality = pdqhash.compute(rgb)
    return PdqHash(np.packbits(vector.astype(np.uint8)).tobytes(), quality)


def _pillow(data: bytes) -> NDArray[Any]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def _read(folder: Path) -> list[Picture]:
    pictures: list[Picture] = []
    limits = PictureLimits()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.stat().st_size > limits.max_bytes or len(pictures) == _MOST_PHOTOS:
            continue
        try:
            pictures.append(decode(path.read_bytes(), limits))
        except MediaError:
            continue
    if not pictures:
        raise Misuse(f"no picture in {folder}")
    return pictures


def _made() -> list[Picture]:
    """Make pictures with the detail of photos at sizes that sites and messengers serve."""
    random = np.random.default_rng(20_240_601)
    pictures = []
    for height, width in _MADE:
        layers = np.zeros((height, width, 3))
        for cells in (4, 9, 20, 45, 100, 300):
            grid = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
            layer = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
            layers += np.asarray(layer) * (1.0 / cells**0.5)
        scaled = (layers - layers.min()) * (255 / np.ptp(layers))
        out = io.BytesIO()
        Image.fromarray(scaled.astype(np.uint8)).save(out, "JPEG", quality=88)
        pictures.append(decode(out.getvalue()))
    return pictures


BENCH: Final = Bench(
    name="pdq",
    help="PDQ hashes a second, beside pdqhash where it is installed.",
    run=run,
)
