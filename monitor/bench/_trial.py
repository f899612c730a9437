"""The enrolled photos and the posts of a trial: made here, or by somebody else's script."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from monitor.bench._album import owned, painted, photos_in, pictures_in, shrunk
from monitor.bench._base import Options
from monitor.bench._edits import EDITS, Edit, Photo, Random, as_posted
from monitor.bench._frames import ENROLLED_AS, FRAMES
from monitor.errors import Misuse
from monitor.pictures import Picture, decode

# Pixels: the longer side that photo apps keep.
_KEPT: Final = 1_350
# Of somebody else's photo in a collage or below a post.
_BESIDE: Final = 800
_MOST_STRANGERS: Final = 120
# Each edit is tried on so many enrolled photos, and on so many of strangers.
_MOST_EACH: Final = 20


@dataclass(frozen=True, slots=True)
class Post:
    """A post's picture.

    Attributes:
        of: The enrolled photo that it shows; None: of none.
    """

    edit: str
    of: str | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Trial:
    """What is enrolled, and what is posted then.

    Attributes:
        enrolled: By name.
        posts: Made or read one after the other.
        count: How many posts there will be.
    """

    enrolled: dict[str, Picture]
    posts: Iterator[Post]
    count: int


class _Truth(BaseModel):
    """What somebody else's script says of a post."""

    model_config = ConfigDict(extra="ignore", strict=True)

    of: str | None
    edit: str


def trial(options: Options) -> Trial:
    """Give the trial of a folder that has one, or make one of its photos.

    Raises:
        Misuse: The folder has too few photos, or its trial can't be read.
    """
    if options.photos is not None and (options.photos / "truth.json").is_file():
        return _given(options.photos)
    return _made(options)


def _given(folder: Path) -> Trial:
    """Read a trial: enrol/, posts/ and truth.json, {post: {"of": stem or null, "edit": name}}."""
    file = folder / "truth.json"
    try:
        truth = TypeAdapter(dict[str, _Truth]).validate_json(file.read_bytes())
    except OSError as error:
        raise Misuse(f"can't read {file}: {error.strerror}") from error
    except ValidationError:
        raise Misuse(f'{file}: not {{post: {{"of": name or null, "edit": name}}}}') from None
    if not truth:
        raise Misuse(f"{file} names no post")
    enrolled = {path.stem: one for path, one in pictures_in(folder / "enrol")}
    for name, said in truth.items():
        if said.of is not None and said.of not in enrolled:
            raise Misuse(f"{file}: {json.dumps(said.of)} is not in enrol/")
        if not (folder / "posts" / name).is_file():
            raise Misuse(f"{file}: {json.dumps(name)} is not in posts/")
    posts = (
        Post(said.edit, said.of, (folder / "posts" / name).read_bytes())
        for name, said in truth.items()
    )
    return Trial(enrolled, posts, len(truth))


def _made(options: Options) -> Trial:
    """Make a trial: each edit of enrolled photos, and of photos that never were."""
    rng = np.random.default_rng(options.seed)
    sources = _painted(options) if options.photos is None else _read(options, rng)
    own, strangers = sources[: options.enrol], sources[options.enrol :]

    @lru_cache(maxsize=32)
    def photo(number: int) -> Photo:
        return shrunk(decode(sources[number]()), _KEPT)

    @lru_cache(maxsize=2 * _MOST_EACH)
    def beside(number: int) -> Photo:
        return shrunk(decode(sources[number]()), _BESIDE)

    def stranger(chosen: Random) -> Photo:
        return beside(len(own) + int(chosen.integers(len(strangers))))

    def posts() -> Iterator[Post]:
        for name, edit in edits.items():
            order = np.random.default_rng([options.seed, _number(name)])
            shown = order.permutation(len(own))[:each]
            others = len(own) + order.permutation(max(each, len(strangers)))[:each] % len(strangers)
            for number in (*shown, *others):
                # By its name and photo: another edit more or less changes nothing for this one.
                chosen = np.random.default_rng([options.seed, _number(name), int(number)])
                made = edit(photo(int(number)), partial(stranger, chosen), chosen)
                of = _name(number) if number < len(own) else None
                yield Post(name, of, as_posted(made, chosen))

    edits: dict[str, Edit] = EDITS | FRAMES
    each = min(len(own), _MOST_EACH)
    captured = rng.permutation(len(own))[: round(options.screenshots * len(own))].tolist()
    enrolled = {}
    for number in range(len(own)):
        one = photo(number)
        if number in captured:
            capture = ENROLLED_AS[captured.index(number) % len(ENROLLED_AS)]
            one = capture(one, partial(stranger, rng), rng)
        enrolled[_name(number)] = decode(owned(one))
    return Trial(enrolled, posts(), 2 * each * len(edits))


def _name(number: int) -> str:
    """Name an enrolled photo."""
    return f"photo-{number:04d}"


def _number(name: str) -> int:
    """Give an edit's own number, the same in every run."""
    return zlib.crc32(name.encode())


def _painted(options: Options) -> list[Callable[[], bytes]]:
    """Paint as many strangers' photos as enrolled ones."""
    many = options.enrol + max(12, min(options.enrol, _MOST_STRANGERS))
    files = [painted(options.paint, 1_000 * options.seed + number) for number in range(many)]
    return [partial(bytes, file) for file in files]


def _read(options: Options, rng: Random) -> list[Callable[[], bytes]]:
    """Choose photos of a folder."""
    folder = options.photos or Path()
    chosen = photos_in(folder, options.enrol + _MOST_STRANGERS, rng)
    if len(chosen) < options.enrol + 2:
        raise Misuse(
            f"--enrol {options.enrol} needs {options.enrol + 2} photos or more, "
            f"{folder} has {len(chosen)}"
        )
    return chosen
