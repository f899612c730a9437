"""How long hashing takes from a JPEG's bytes, beside the reference where it is installed."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import islice
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from monitor.bench import _reference
from monitor.bench._album import painted, pictures_in
from monitor.bench._base import Bench, Options, Row
from monitor.bench._reference import pillow_rgb, reference_pdq
from monitor.bench._timing import medians
from monitor.compiled import START_S, kernels
from monitor.hashes._pdq_reference_order import KERNELS
from monitor.hashes.pdq import pdq, rough_pdq
from monitor.pictures import Picture, decode, decode_roughly
from monitor.registry.facts import facts_of

_ROUNDS: Final = 7
_MOST_PHOTOS: Final = 40
_PAINTED: Final = 4
# What Instagram makes of a portrait.
_SIZE: Final = (1080, 1350)
_PEER: Final = "Pillow + pdqhash"
_ROUGH: Final = "rough PDQ (scan --fast)"


def run(options: Options) -> list[Row]:
    """Time decoding and hashing of a folder's first 40 photos, or of painted ones.

    Each is fitted to 1080 x 1350 and saved as a JPEG.

    Returns:
        A row for each way: its name, the number of photos, milliseconds a photo (median of 7
        interleaved rounds), how many times faster than Pillow and pdqhash (None where these are
        not installed), and how many hashes or qualities differ from theirs; for the rough hash, a
        prefilter, how far the farthest is from the exact one. "All hashes" are those that a crawl
        takes of a picture, of its panels too.

    Raises:
        Misuse: The folder holds no picture.
    """
    if options.photos is None:
        pictures = [decode(painted(options.paint, seed)) for seed in range(_PAINTED)]
    else:
        pictures = [one for _, one in islice(pictures_in(options.photos), _MOST_PHOTOS)]
    pictures = [decode(_sent(one)) for one in pictures]
    ways: dict[str, Callable[[Picture], object]] = {
        "decode + PDQ": lambda picture: pdq(decode(picture.data).rgb),
        "PDQ alone": lambda picture: pdq(picture.rgb),
        "decode + all hashes": lambda picture: facts_of(decode(picture.data)),
        _ROUGH: lambda picture: _rough(picture.data),
    }
    if _reference.IS_THERE:
        ways = {_PEER: lambda picture: reference_pdq(pillow_rgb(picture.data)), **ways}
    # As in a crawl of many pictures: kernels are there.
    kernels(KERNELS, START_S)
    done = iter(range(1, _ROUNDS + 1))
    times = medians(ways, pictures, _ROUNDS, lambda: options.progress(next(done), _ROUNDS))
    peer = times.get(_PEER)
    rows: list[Row] = [
        {
            "way": name,
            "photos": len(pictures),
            "ms_a_photo": round(milliseconds, 2),
            "times_faster": None if peer is None else round(peer / milliseconds, 1),
            "differing": None if peer is None or name == _ROUGH else _differing(pictures),
            "bits_off": max(map(_bits_off, pictures)) if name == _ROUGH else None,
        }
        for name, milliseconds in times.items()
    ]
    if peer is None:
        rows.append({"way": f"{_PEER}: not installed (pip install pdqhash)"})
    return rows


def _sent(picture: Picture) -> bytes:
    out = io.BytesIO()
    fitted = ImageOps.fit(Image.fromarray(picture.rgb), _SIZE, Image.Resampling.LANCZOS)
    fitted.save(out, "JPEG", quality=85)
    return out.getvalue()


def _rough(data: bytes) -> bytes:
    """Take the rough hash of a JPEG."""
    rough = decode_roughly(data)
    return b"" if rough is None else rough_pdq(rough).digest


def _bits_off(picture: Picture) -> int:
    """Count the bits in which the rough hash is another one."""
    both = _rough(picture.data) + pdq(picture.rgb).digest
    rough, exact = np.frombuffer(both, np.uint64).reshape(2, -1)
    return int(np.bitwise_count(rough ^ exact).sum())


def _differing(pictures: list[Picture]) -> int:
    """Count the photos whose hash or quality is another by us, from the file on."""
    return sum(reference_pdq(pillow_rgb(one.data)) != pdq(one.rgb) for one in pictures)


BENCH: Final = Bench(
    name="hashing",
    help="Hashing a JPEG of 1080 x 1350, beside Pillow and pdqhash where these are installed.",
    run=run,
)
