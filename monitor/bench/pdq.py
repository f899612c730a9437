"""How long a PDQ hash takes, beside the reference implementation where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final

from monitor.bench import _reference
from monitor.bench._album import SIZES, painted, pictures_in
from monitor.bench._base import Bench, Options, Row
from monitor.bench._reference import pillow_rgb, reference_pdq
from monitor.bench._timing import medians
from monitor.hashes.pdq import pdq
from monitor.pictures import Picture, decode

_ROUNDS: Final = 7
_MOST_PHOTOS: Final = 100


def run(options: Options) -> list[Row]:
    """Time decoding and hashing of a folder's first 100 pictures, or of painted ones.

    Returns:
        A row for each way: its name, the number of photos, milliseconds a photo (median of 7
        rounds), how many times faster than the reference doing the same (0 without one), and
        how many hashes or qualities differ from the reference's.

    Raises:
        Misuse: The folder holds no picture.
    """
    if options.photos is None:
        pictures = [decode(painted(options.paint, seed)) for seed in range(len(SIZES))]
    else:
        pictures = [one for _, one in islice(pictures_in(options.photos), _MOST_PHOTOS)]
    ways: dict[str, Callable[[Picture], object]] = {
        "decode + hash": lambda picture: pdq(decode(picture.data).rgb),
        "hash": lambda picture: pdq(picture.rgb),
    }
    if _reference.IS_THERE:
        ways["Pillow + pdqhash"] = lambda picture: reference_pdq(pillow_rgb(picture.data))
        ways["pdqhash"] = lambda picture: reference_pdq(picture.rgb)
    times = medians(ways, pictures, _ROUNDS)
    beside = {"decode + hash": "Pillow + pdqhash", "hash": "pdqhash"}
    rows: list[Row] = []
    for name, milliseconds in times.items():
        base = times.get(beside.get(name, name), 0.0)
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


def _differing(pictures: list[Picture]) -> int:
    return sum(reference_pdq(picture.rgb) != pdq(picture.rgb) for picture in pictures)


BENCH: Final = Bench(
    name="pdq",
    help="PDQ hashes a second, beside pdqhash where it is installed.",
    run=run,
)
