"""What is found of photos that were taken right after an enrolled one: near-duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monitor.bench._album import owned, painted, pictures_in
from monitor.bench._banks import banks, looked_up, named
from monitor.bench._base import Bench, Options, Row
from monitor.errors import Misuse
from monitor.pictures import Picture, decode

_PAINTED: Final = 12
_SHOTS: Final = 5
# Of its sides, by which the camera moves from one shot to the next.
_MOVE: Final = 0.02
# Of its sides, what moves within the picture.
_THING: Final = 0.2
_NOISE: Final = 3.0


def run(options: Options) -> list[Row]:
    """Enrol the first photo of each burst, and look up the others.

    Args:
        options: `photos` is a folder with a folder for each burst, its photos in the order of
            their names; None: painted ones, where the camera and a thing in the picture move.

    Returns:
        A row for each place in a burst: how many photos there are, the share that is found by
        hashes alone and with local features, as strong and at all, and how many were taken for
        another burst's, as strong.

    Raises:
        Misuse: The folder has no two bursts of two photos or more.
    """
    bursts = _painted(options) if options.photos is None else _read(options.photos)
    by_hashes, by_all, names = banks({name: shots[0] for name, shots in bursts.items()}, 0)
    rows: list[Row] = []
    longest = max(map(len, bursts.values()))
    for place in range(1, longest):
        found: list[tuple[str, dict[str, bool], dict[str, bool]]] = []
        for name, shots in bursts.items():
            if place < len(shots):
                data = shots[place].data
                hashed = named(looked_up(by_hashes, data)[0], names)
                found.append((name, hashed, named(looked_up(by_all, data)[0], names)))
        rows.append(_row(place, found))
        options.progress(place, longest - 1)
    return rows


def _row(place: int, found: Sequence[tuple[str, dict[str, bool], dict[str, bool]]]) -> Row:
    """Make the row of one place in the bursts."""
    hashed = [one.get(name) for name, one, _ in found]
    every = [one.get(name) for name, _, one in found]
    return {
        "shots_later": place,
        "photos": len(found),
        "hash_strong": _share(one is True for one in hashed),
        "hash_any": _share(one is not None for one in hashed),
        "strong": _share(one is True for one in every),
        "any": _share(one is not None for one in every),
        "wrong": sum(
            any(strong for other, strong in one.items() if other != name) for name, _, one in found
        ),
    }


def _share(said: Iterator[bool]) -> float:
    told = list(said)
    return round(sum(told) / len(told), 4)


def _read(folder: Path) -> dict[str, list[Picture]]:
    """Read the bursts of a folder."""
    bursts = {}
    for path in sorted(folder.iterdir()):
        shots = [one for _, one in pictures_in(path)] if path.is_dir() else []
        if len(shots) > 1:
            bursts[path.name] = shots
    if len(bursts) < 2:
        raise Misuse(f"{folder} has no two folders with two photos or more of a burst each")
    return bursts


def _painted(options: Options) -> dict[str, list[Picture]]:
    """Paint bursts."""
    bursts = {}
    for number in range(_PAINTED):
        rng = np.random.default_rng([options.seed, number])
        scene = decode(painted(options.paint, 1_000 * options.seed + number)).rgb
        shots = [_shot(scene, place, rng) for place in range(_SHOTS)]
        bursts[f"burst-{number:02d}"] = [decode(owned(Image.fromarray(shot))) for shot in shots]
    return bursts


def _shot(scene: NDArray[np.uint8], place: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take a photo of a scene: after some moves of the camera and of a thing, with new noise."""
    height, width = scene.shape[:2]
    shown = scene.copy()
    down, across = round(_THING * height), round(_THING * width)
    left = round((0.3 + _MOVE * place) * width)
    thing = scene[height // 2 : height // 2 + down, :across]
    shown[height // 2 : height // 2 + down, left : left + across] = thing
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    sides = np.array([width, height])
    moved = corners + rng.uniform(-1, 1, (4, 2)) * sides * _MOVE * place
    # Inwards, so that no edge of the scene comes into the picture.
    moved += np.sign(sides / 2 - corners) * sides * _MOVE * _SHOTS
    onto = cv2.getPerspectiveTransform(moved.astype(np.float32), corners)
    seen = cv2.warpPerspective(shown, onto, (width, height), flags=cv2.INTER_LINEAR)
    noisy = seen * rng.uniform(0.9, 1.1) + rng.normal(0, _NOISE, seen.shape)
    return np.asarray(noisy.clip(0, 255), np.uint8)


BENCH: Final = Bench(
    name="bursts",
    help="Near-duplicates: what is found of photos taken right after an enrolled one.",
    run=run,
    takes=frozenset({"seed"}),
)
