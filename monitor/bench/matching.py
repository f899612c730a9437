"""What local features cost a post that shows no enrolled photo, beside what hashing it costs."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

from PIL import Image

from monitor.bench import _reference
from monitor.bench._album import painted, pictures_in
from monitor.bench._base import Bench, Options, Row
from monitor.bench._crowd import crowd
from monitor.bench._reference import pillow_rgb, reference_pdq
from monitor.bench._timing import medians
from monitor.compiled import START_S, kernels
from monitor.errors import Misuse
from monitor.features.index import LocalIndex, Probe, enrolled_features, probe_of
from monitor.features.lookup import KERNELS
from monitor.hashes.pdq import pdq
from monitor.pictures import Picture, decode
from monitor.registry.facts import describe

_ROUNDS: Final = 5
_POSTS: Final = 3
_STRANGERS: Final = 12
_LONGEST: Final = 1_280
_BANKS: Final = (100, 1_000, 10_000)
_LARGE: Final = 100_000
_WITHOUT_REFERENCE: Final = "decode + hash (pdqhash is not installed)"


@dataclass(frozen=True, slots=True)
class _Post:
    """A post's picture at each stage."""

    picture: Picture
    probe: Probe


def run(options: Options) -> list[Row]:
    """Time extraction, and search in banks of photos that the post does not show, on one core.

    Returns:
        A row for each way: its name, the number of enrolled photos (0 where there is no bank),
        milliseconds a post of 1280 pixels (median of 5 interleaved rounds), that in units of the
        first row (what Pillow and pdqhash take to decode and hash the same file), and megabytes
        of the bank in memory. The "whole scan" is all that a picture takes: decoding, hashes,
        panels, features and their search.

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
    banks: dict[str, LocalIndex] = {}
    for size in (*_BANKS, _LARGE) if options.large else _BANKS:
        index = LocalIndex(crowd(strangers, size))
        for name, way in (("search", _search), ("whole scan", _scan)):
            ways[f"{name} in {size}"] = partial(way, index)
            banks[f"{name} in {size}"] = index
    # As in a crawl of many posts: kernels are there.
    kernels(KERNELS, START_S)
    done = iter(range(1, _ROUNDS + 1))
    times = medians(ways, posts, _ROUNDS, lambda: options.progress(next(done), _ROUNDS))
    return [
        {
            "way": name,
            "photos": len(banks.get(name, ())),
            "ms_a_post": round(milliseconds, 2),
            "times_peer": round(milliseconds / times[peer], 2),
            "bank_mb": round(banks[name].bytes / 1e6) if name in banks else 0,
        }
        for name, milliseconds in times.items()
    ]


def _by_reference(post: _Post) -> object:
    return reference_pdq(pillow_rgb(post.picture.data))


def _by_us(post: _Post) -> object:
    return pdq(decode(post.picture.data).rgb)


def _search(index: LocalIndex, post: _Post) -> object:
    return index.search(post.probe)


def _scan(index: LocalIndex, post: _Post) -> object:
    picture = decode(post.picture.data)
    return describe(picture), index.search(probe_of(picture.rgb))


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


BENCH: Final = Bench(
    name="matching",
    help="A post's time, beside decoding and hashing it; --large: 100,000 enrolled photos too.",
    run=run,
    takes=frozenset({"large"}),
)
