"""What a post that shows no enrolled photo costs at each stage, beside what hashing it costs."""

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
from monitor.bench._crowd import crowd, window_crowd
from monitor.bench._reference import pillow_rgb, reference_pdq
from monitor.bench._timing import medians
from monitor.compiled import START_S, kernels
from monitor.errors import Misuse
from monitor.features import lookup as features_lookup
from monitor.features import tiles
from monitor.features.extract import POST_AREA, luma
from monitor.features.index import LocalIndex, Probe, enrolled_features, probe_in, probe_of
from monitor.hashes.pdq import pdq
from monitor.pictures import Picture, decode
from monitor.registry.bank import BOTH_UP_TO
from monitor.registry.facts import facts_of
from monitor.windows import lookup as windows_lookup
from monitor.windows import post as windows_post
from monitor.windows import refine
from monitor.windows.index import WindowIndex
from monitor.windows.photo import enrolled_windows
from monitor.windows.post import PostWindows, post_windows
from monitor.windows.pyramid import Pyramid

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
    windows: PostWindows
    probe: Probe


@dataclass(frozen=True, slots=True)
class _Bank:
    """A bank of generated photos."""

    windows: WindowIndex
    local: LocalIndex


def run(options: Options) -> list[Row]:
    """Time each stage for posts that show no photo of the bank, on one core.

    Returns:
        A row for each way: its name, the number of enrolled photos (0 where there is no bank),
        milliseconds a post of 1280 pixels (median of 5 interleaved rounds), that in units of the
        first row (what Pillow and pdqhash take to decode and hash the same file), and megabytes
        of the bank in memory. "By hashes" is all that a picture takes where no photo has local
        features: decoding, hashes, panels, windows and their search; "all" is where each has:
        with windows in a bank of up to `BOTH_UP_TO`, without them in a larger one.

    Raises:
        Misuse: The folder has too few pictures.
    """
    pictures = _pictures(options)
    posts = [_Post(one, _windows(one), probe_of(one.rgb)) for one in pictures[:_POSTS]]
    strangers = [one.rgb for one in pictures[_POSTS:]]
    peer = "Pillow + pdqhash" if _reference.IS_THERE else _WITHOUT_REFERENCE
    ways: dict[str, Callable[[_Post], object]] = {
        peer: _by_reference if _reference.IS_THERE else _by_us,
        "exact, PDQ, panels": lambda post: facts_of(decode(post.picture.data)),
        "windows": lambda post: _windows(post.picture),
        "features": lambda post: probe_of(post.picture.rgb),
    }
    sizes: dict[str, tuple[int, int]] = {}
    for size in (*_BANKS, _LARGE) if options.large else _BANKS:
        bank = _Bank(
            WindowIndex(window_crowd([enrolled_windows(one) for one in strangers], size)),
            LocalIndex(crowd([enrolled_features(one) for one in strangers], size)),
        )
        for name, way, megabytes in (
            ("windows", _search_windows, bank.windows.bytes),
            ("features", _search_features, bank.local.bytes),
            ("by hashes", _by_hashes, bank.windows.bytes),
            ("all", _all, bank.local.bytes + (bank.windows.bytes if size <= BOTH_UP_TO else 0)),
        ):
            ways[f"{name} in {size}"] = partial(way, bank)
            sizes[f"{name} in {size}"] = size, round(megabytes / 1e6)
    # As in a crawl of many posts: kernels are there.
    for module in (
        features_lookup.KERNELS,
        tiles.KERNELS,
        windows_lookup.KERNELS,
        windows_post.KERNELS,
        refine.KERNELS,
    ):
        kernels(module, START_S)
    done = iter(range(1, _ROUNDS + 1))
    times = medians(ways, posts, _ROUNDS, lambda: options.progress(next(done), _ROUNDS))
    rows: list[Row] = []
    for name, milliseconds in times.items():
        size, megabytes = sizes.get(name, (0, 0))
        rows.append(
            {
                "way": name,
                "photos": size,
                "ms_a_post": round(milliseconds, 2),
                "times_peer": round(milliseconds / times[peer], 2),
                "bank_mb": megabytes,
            }
        )
    return rows


def _windows(picture: Picture) -> PostWindows:
    return post_windows(Pyramid(luma(picture.rgb, POST_AREA)))


def _by_reference(post: _Post) -> object:
    return reference_pdq(pillow_rgb(post.picture.data))


def _by_us(post: _Post) -> object:
    return pdq(decode(post.picture.data).rgb)


def _search_windows(bank: _Bank, post: _Post) -> object:
    return bank.windows.search(post.windows)


def _search_features(bank: _Bank, post: _Post) -> object:
    return bank.local.search(post.probe)


def _by_hashes(bank: _Bank, post: _Post) -> object:
    picture = decode(post.picture.data)
    return facts_of(picture), bank.windows.search(_windows(picture))


def _all(bank: _Bank, post: _Post) -> object:
    picture = decode(post.picture.data)
    grey = luma(picture.rgb, POST_AREA)
    parts = (
        bank.windows.search(post_windows(Pyramid(grey))) if len(bank.local) <= BOTH_UP_TO else ()
    )
    return facts_of(picture), parts, bank.local.search(probe_in(grey))


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
