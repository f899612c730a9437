"""The enrolled photos and clips of a trial, and the videos that are posted then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Final

import numpy as np

from monitor.bench._album import SIZES, owned, photos_in, shrunk
from monitor.bench._base import Options
from monitor.bench._clips import clip, plan
from monitor.bench._edits import Photo, pick
from monitor.bench._films import Coding, Film, encoded, film_of
from monitor.bench._photo_videos import PHOTO_EDITS, slideshow
from monitor.bench._video_edits import VIDEO_EDITS, Edited, Strangers, as_posted, labels
from monitor.errors import Misuse
from monitor.pictures import Picture, decode

UNRELATED: Final = "unrelated"
SHARING: Final = "unrelated, same intro or logo"

# Pixels: the longer side of a photo that is enrolled, or put into a video.
_KEPT: Final = 1_350
_FEWEST_STRANGERS: Final = 8
_MOST_STRANGERS: Final = 120
_STRANGERS_FILMS: Final = 6
_STRANGERS_SIZE: Final = (640, 360)
# Reposts of each edit and posts that show nothing enrolled, in an ordinary trial and a large one.
_EACH: Final = (2, 20)
_UNRELATED: Final = (8, 200)
# One enrolled clip in so many begins with a title sequence, one in so many has logo and captions,
# and so does one unrelated clip in so many, from an enrolled one.
_INTRO: Final = 3
_LABELS: Final = 4
_SHARING: Final = 4
# Each draws by its own numbers: one more of a kind changes nothing of another.
_CLIP, _FILM, _OTHER, _WORDS, _EDIT = range(5)


@dataclass(frozen=True, slots=True)
class VideoPost:
    """A post's video.

    Attributes:
        of: The enrolled photo or clip that it shows; None: of none.
        start_s, end_s: When it shows it.
    """

    edit: str
    of: str | None
    data: bytes = field(repr=False)
    start_s: float = 0.0
    end_s: float = 0.0


@dataclass(frozen=True, slots=True)
class VideoTrial:
    """What is enrolled, and what is posted then.

    Attributes:
        photos, clips: Enrolled, with their names; made or read one after the other.
        posts: Made one after the other.
        count: How many photos, clips and posts there will be.
    """

    photos: Iterator[tuple[str, Picture]]
    clips: Iterator[tuple[str, bytes]]
    posts: Iterator[VideoPost]
    count: int


def video_trial(options: Options) -> VideoTrial:
    """Make a trial of a folder's photos, or of painted ones.

    Of these, some are enrolled, as many are what is seen in enrolled clips, half as many, and the
    others are strangers'.

    Raises:
        Misuse: The folder has too few photos.
    """
    stage = _Stage(options)
    each = _EACH[options.large]
    posts = each * (len(VIDEO_EDITS) + len(PHOTO_EDITS)) + _UNRELATED[options.large]
    return VideoTrial(
        photos=((f"photo-{at:04d}", decode(owned(stage.photo(at)))) for at in range(options.enrol)),
        clips=((_name(at), stage.enrolled(at)) for at in range(stage.clips)),
        posts=stage.posts(each, _UNRELATED[options.large]),
        count=options.enrol + stage.clips + posts,
    )


def _name(number: int) -> str:
    """Name an enrolled clip."""
    return f"clip-{number:04d}"


class _Stage:
    """Makes what a trial needs, when it is needed.

    Attributes:
        clips: How many are enrolled.
        photo: Gives a photo, by its number.
        enrolled: Gives the file of an enrolled clip, by its number.
    """

    def __init__(self, options: Options) -> None:
        self._seed, self._enrol = options.seed, options.enrol
        read, count = _sources(options)
        self.clips = -(-options.enrol // 2)
        self._strangers = range(options.enrol + 2 * self.clips, count)
        self.photo = lru_cache(maxsize=64)(lambda number: read(int(number)))
        self.enrolled = cache(self._enrolled)
        self._film_of = lru_cache(maxsize=_STRANGERS_FILMS)(self._strangers_film)

    def _rng(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, *numbers])

    def _enrolled(self, number: int) -> bytes:
        """Film a clip as its owner has it."""
        film = clip(
            plan((self._seed, _CLIP, number), intro=self._intro(number)),
            [self.photo(self._enrol + 2 * number + one) for one in range(2)],
        )
        if number % _LABELS == 1:
            film = self._labelled(film, number)
        gop = pick(self._rng(_CLIP, number, 0), (film.fps, 2 * film.fps, None))
        return encoded(
            film.start(), film.fps, Coding(crf=23, gop=None if gop is None else int(gop))
        )

    def _intro(self, number: int) -> int | None:
        """Number the title sequence of an enrolled clip."""
        return number // _INTRO if number % _INTRO == 0 else None

    def _labelled(self, film: Film, number: int) -> Film:
        """Lay the logo and the captions of an enrolled clip over a film."""
        return replace(film, start=lambda: labels(film, self._rng(_WORDS, number)))

    def _strangers_film(self, number: int) -> Film:
        """Film something that is nobody's clip."""
        rng = self._rng(_FILM, number)
        shown = [self.photo(one) for one in rng.choice(self._strangers, 3, replace=False)]
        film = clip(replace(plan((self._seed, _FILM, number)), size=_STRANGERS_SIZE), shown)
        return film_of(encoded(film.start(), film.fps))

    def _others(self, rng: np.random.Generator) -> Strangers:
        """Let strangers' photos and films be drawn."""
        films = rng.permutation(_STRANGERS_FILMS).tolist()
        return Strangers(
            lambda: self.photo(int(rng.choice(self._strangers))),
            lambda: self._film_of(films[int(rng.integers(len(films)))]),
        )

    def posts(self, each: int, unrelated: int) -> Iterator[VideoPost]:
        """Make all posts: of each edit, and those that show nothing enrolled."""
        for kind, (name, edit) in enumerate(VIDEO_EDITS.items()):
            for turn, number in enumerate(self._drawn(kind, each, self.clips)):
                rng = self._rng(_EDIT, kind, turn)
                film = film_of(self.enrolled(number))
                yield _post(name, _name(number), edit(film, self._others(rng), rng), rng)
        for kind, (name, make) in enumerate(PHOTO_EDITS.items(), len(VIDEO_EDITS)):
            for turn, number in enumerate(self._drawn(kind, each, self._enrol)):
                rng = self._rng(_EDIT, kind, turn)
                made = make(self.photo(number), self._others(rng), rng)
                yield _post(name, f"photo-{number:04d}", made, rng)
        for number in range(unrelated):
            yield self._unrelated(number)

    def _drawn(self, kind: int, each: int, many: int) -> list[int]:
        """Draw on which of so many an edit is tried; all come before one comes twice."""
        order = self._rng(_EDIT, kind).permutation(many)
        return [int(order[turn % many]) for turn in range(each)]

    def _unrelated(self, number: int) -> VideoPost:
        """Make a post that shows nothing enrolled."""
        rng = self._rng(_OTHER, number)
        others = self._others(rng)
        chosen = [self.photo(one) for one in rng.choice(self._strangers, 3, replace=False)]
        way, turn = number % _SHARING, number // _SHARING
        if way == 1:
            return _post(UNRELATED, None, slideshow(chosen[0], others, rng), rng)
        with_labels = range(1, self.clips, _LABELS)
        is_labelled = way == 0 and turn % 2 == 1 and len(with_labels) > 0
        with_intro = range(0, self.clips, _INTRO)
        intro = None
        if way == 0 and not is_labelled:
            intro = self._intro(with_intro[turn // 2 % len(with_intro)])
        film = clip(plan((self._seed, _OTHER, number), intro=intro), chosen)
        if is_labelled:
            film = self._labelled(film, with_labels[turn // 2 % len(with_labels)])
        made = Edited(film.start(), film.fps, 0, film.seconds)
        if way == 2:
            # Not with the logo that some enrolled clips have, and not for minutes.
            names = [name for name in VIDEO_EDITS if name not in ("labelled", "within_longer")]
            made = VIDEO_EDITS[pick(rng, names)](film, others, rng)
        return _post(SHARING if way == 0 else UNRELATED, None, made, rng)


def _post(edit: str, of: str | None, made: Edited, rng: np.random.Generator) -> VideoPost:
    """Post a video."""
    return VideoPost(edit, of, as_posted(made, rng), made.start_s, made.end_s)


def _sources(options: Options) -> tuple[Callable[[int], Photo], int]:
    """Give what reads or paints photos by number, and how many there are."""
    needed = options.enrol + 2 * -(-options.enrol // 2)
    if options.photos is None:
        first = 1_000 * options.seed

        def painted(number: int) -> Photo:
            return options.paint(first + number, SIZES[number % len(SIZES)])

        return painted, needed + _MOST_STRANGERS
    rng = np.random.default_rng(options.seed)
    chosen: Sequence[Callable[[], bytes]] = photos_in(options.photos, needed + _MOST_STRANGERS, rng)
    if len(chosen) < needed + _FEWEST_STRANGERS:
        raise Misuse(
            f"--enrol {options.enrol} needs {needed + _FEWEST_STRANGERS} photos or more, "
            f"{options.photos} has {len(chosen)}"
        )
    return lambda number: shrunk(decode(chosen[number]()), _KEPT), len(chosen)
