"""What local features cost a post that shows no enrolled photo, beside what hashing it costs."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Final

import numpy as np
from PIL import Image

from monitor.bench import _reference
from monitor.bench._album import painted, pictures_in
from monitor.bench._base import Bench, Options, Row
from monitor.bench._reference import pillow_rgb, reference_pdq
from monitor.bench._timing import medians
from monitor.errors import Misuse
from monitor.features.codec import pack, unpack
from monitor.features.index import EnrolledFeatures, LocalIndex, Probe, enrolled_features, probe_of
from monitor.hashes.pdq import pdq
from monitor.pictures import Picture, decode

_ROUNDS: Final = 5
_POSTS: Final = 3
_STRANGERS: Final = 12
_LONGEST: Final = 1_280
_BANKS: Final = (100, 1_000)
_LARGE: Final = 10_000
_WITHOUT_REFERENCE: Final = "decode + hash (pdqhash is not installed)"


@dataclass(frozen=True, slots=True)
class _Post:
    """A post's picture at each stage."""

    picture: Picture
    probe: Probe


def run(options: Options) -> list[Row]:
    """Time extraction, and search in banks of photos that the post does not show, on one core.

    The banks' photos are made of features of real pictures, some bits of each changed: random
    codes would be unlike any picture's, and nothing would be looked at closely.

    Returns:
        A row for each way: its name, the number of enrolled photos (0 where there is no bank),
        milliseconds a post of 1280 pixels (median of 5 interleaved rounds), and that in units
        of the first row: what Pillow and pdqhash take to decode and hash the same file.

    Raises:
        Misuse: The folder has too few pictures.
    """
    pictures = _pictures(options)
    posts = [_Post(one, probe_of(one.rgb)) for one in pictures[:_POSTS]]
    strangers = [enrolled_features(one.rgb) for one in pictures[_POSTS:]]
    peer = "Pillow + pdqhash" if _reference.IS_THERE else _WITHOUT_REFERENCE
    ways: dict[str, Callable[[_Post], object]] = {
        peer: _by_reference if _reference.IS_THERE else _by_us,
        "features": lambda post: probe_of(post.picture.rgb),
    }
    banks = (*_BANKS, _LARGE) if options.large else _BANKS
    sizes = dict.fromkeys(ways, 0)
    for size in banks:
        name = f"search in {size}"
        index = LocalIndex(_bank(strangers, size))
        ways[name] = partial(_search, index)
        sizes[name] = size
    done = iter(range(1, _ROUNDS + 1))
    times = medians(ways, posts, _ROUNDS, lambda: options.progress(next(done), _ROUNDS))
    return [
        {
            "way": name,
            "photos": sizes[name],
            "ms_a_post": round(milliseconds, 2),
            "times_peer": round(milliseconds / times[peer], 2),
        }
        for name, milliseconds in times.items()
    ]


def _by_reference(post: _Post) -> object:
    return reference_pdq(pillow_rgb(post.picture.data))


def _by_us(post: _Post) -> object:
    return pdq(decode(post.picture.data).rgb)


def _search(index: LocalIndex, post: _Post) -> object:
    return index.search(post.probe)


def _pictures(options: Options) -> list[Picture]:
    """Give posts and strangers' photos, as messengers send them."""
    most = _POSTS + _STRANGERS
    if options.photos is None:
        pictures = [decode(painted(options.paint, seed)) for seed in range(most)]
    else:
        pictures = [one for _, one in islice(pictures_in(options.photos), most)]
    if len(pictures) < _POSTS + 2:
        raise Misuse(f"needs {_POSTS + 2} pictures or more, {options.photos} has {len(pictures)}")
    return [decode(_sent(one)) for one in pictures]


def _sent(picture: Picture) -> bytes:
    scale = _LONGEST / max(picture.width, picture.height)
    size = (round(picture.width * scale), round(picture.height * scale))
    out = io.BytesIO()
    image = Image.fromarray(picture.rgb).resize(size, Image.Resampling.LANCZOS)
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def _bank(strangers: list[EnrolledFeatures], size: int) -> list[EnrolledFeatures]:
    """Make photos: codes of all strangers' at places of one of them."""
    rng = np.random.default_rng(size)
    codes = np.concatenate([one.features.codes for one in strangers])
    photos = []
    for number in range(size):
        like = strangers[number % len(strangers)]
        shape = like.features.codes.shape
        # Four random bytes and-ed: one bit of 16 is changed.
        changed = np.bitwise_and.reduce(rng.integers(0, 256, (4, *shape), dtype=np.uint8))
        made = replace(
            like.features, codes=codes[rng.integers(len(codes), size=len(changed))] ^ changed
        )
        photos.append(unpack(pack(replace(like, features=made))))
    return photos


BENCH: Final = Bench(
    name="matching",
    help="Local features' time a post, beside decoding and hashing it; --large: 10,000 photos too.",
    run=run,
    takes=frozenset({"large"}),
)
