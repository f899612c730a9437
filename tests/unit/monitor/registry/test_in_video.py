"""Photos and videos inside posted videos: found, and said when; what only begins alike is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from monitor.features.sealing import KEY_BYTES, Sealer
from monitor.models.match import Grade, Match
from monitor.pictures import decode
from monitor.registry.bank import Bank, Registry
from monitor.registry.enrolment import clip_fingerprint, fingerprint
from monitor.registry.facts import file_facts
from monitor.registry.look import look_up, look_up_video
from monitor.registry.moments import joined, parted
from monitor.store import cases
from monitor.store.store import Store
from monitor.streams import Held
from monitor.videos.limits import VideoLimits, Way
from monitor.videos.watch import Watched, watch
from tests.fixtures.pictures import Rgb, encoded
from tests.fixtures.posted import on_ground, photo, pixels
from tests.fixtures.stock import NOW, new_store
from tests.fixtures.videos import video

SEALER = Sealer(bytes(KEY_BYTES))
SIZE = (320, 240)
FPS = 10


@cache
def walk(seed: int, steps: int = 80) -> tuple[Rgb, ...]:
    """A camera moves along a photo."""
    wide = photo(seed, (960, 480))
    return tuple(pixels(wide.crop((4 * at, at, 320 + 4 * at, 240 + at))) for at in range(steps))


def mirrored(frames: Sequence[Rgb]) -> list[Rgb]:
    return [one[:, ::-1] for one in frames]


def barred(frames: Sequence[Rgb]) -> list[Rgb]:
    return [pixels(on_ground(Image.fromarray(one), (320, 480), (0, 120))) for one in frames]


def clip(frames: Sequence[Rgb]) -> bytes:
    return video(frames, 1 / FPS, gop_s=2.0, fps=FPS)


def seen(data: bytes, way: Way = Way.POST) -> Watched:
    return watch(Held(data), VideoLimits(way=way))


INTRO = walk(9, 20)
CLIP = video((*INTRO, *walk(1)), 1 / FPS, gop_s=1.0, fps=FPS)
PHOTO = photo(2, SIZE)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """Of a clip that begins with an intro, and of a photo."""
    folder: Path = tmp_path_factory.mktemp("bank")
    store: Store = new_store(folder)
    film = clip_fingerprint(
        seen(CLIP, Way.ENROLLED), file_facts(CLIP).sha256, "clip", NOW, sealer=SEALER
    )
    picture = decode(encoded(PHOTO, "PNG"))
    with store.write() as db:
        cases.enrol(db, "clip", [film], actor="x", now=NOW)
        one = fingerprint(picture, "photo", NOW, sealer=SEALER)
        cases.enrol(db, "photo", [one], actor="x", now=NOW)
    yield Registry(store, SEALER).bank()
    store.close()


def matches(bank: Bank, data: bytes) -> dict[str, Match]:
    return {one.case_id: one for one in look_up_video(bank, seen(data), file_facts(data))}


def test_a_photo_in_a_slideshow_is_found_with_its_time(bank: Bank) -> None:
    slides = [pixels(photo(7, SIZE)), pixels(PHOTO), pixels(photo(8, SIZE))]
    found = matches(bank, video(slides, 2.0, fps=FPS))
    assert list(found) == ["photo"]
    moment = found["photo"].moment
    assert moment is not None
    assert (found["photo"].method, found["photo"].grade) == ("pdq", Grade.STRONG)
    assert (moment.start_s, moment.end_s) == pytest.approx((2.0, 4.0), abs=0.3)
    assert moment.length_s == pytest.approx(6.0, abs=0.2)
    assert moment.clip_start_s is None


def test_a_photo_in_a_part_of_the_frame_is_found_by_its_windows(bank: Bank) -> None:
    page = on_ground(PHOTO.resize((280, 210)), (640, 480), (300, 200))
    slides = [pixels(photo(7, (640, 480))), pixels(page)]
    found = matches(bank, video(slides, 2.0, fps=FPS))["photo"]
    assert found.moment is not None
    assert found.region == pytest.approx((300 / 640, 200 / 480, 280 / 640, 210 / 480), abs=0.05)
    assert found.moment.start_s == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize(
    ("frames", "transform"),
    [
        ((*INTRO, *walk(1)), "none"),
        (walk(1)[20:45], "none"),
        (mirrored((*INTRO, *walk(1))), "flip_y"),
        (barred(walk(1)), "none"),
    ],
    ids=["again", "trimmed", "mirrored", "with bars"],
)
def test_a_video_is_found_however_it_was_edited(
    bank: Bank, frames: Sequence[Rgb], transform: str
) -> None:
    found = matches(bank, clip(frames))
    assert list(found) == ["clip"]
    assert (found["clip"].grade, found["clip"].transform) == (Grade.STRONG, transform)
    moment = found["clip"].moment
    assert moment is not None
    assert (moment.share or 0) >= 0.6


def test_a_video_in_a_longer_one_is_found_with_its_time(bank: Bank) -> None:
    found = matches(bank, clip((*walk(5), *walk(1), *walk(6))))
    moment = found["clip"].moment
    assert moment is not None
    assert (moment.start_s, moment.end_s) == pytest.approx((8.0, 16.0), abs=2.1)
    assert (moment.clip_start_s, moment.clip_end_s) == pytest.approx((2.0, 10.0), abs=1.5)
    assert (moment.clip_share or 0) >= 0.6 > (moment.share or 0)


def test_what_only_begins_with_the_same_intro_is_not_found(bank: Bank) -> None:
    assert matches(bank, clip((*INTRO, *walk(3)))) == {}


def test_strangers_are_not_found(bank: Bank) -> None:
    assert matches(bank, clip(walk(4))) == {}


def test_the_file_itself_is_told_as_such(bank: Bank) -> None:
    found = matches(bank, CLIP)["clip"]
    assert (found.method, found.grade) == ("sha256", Grade.EXACT)
    assert found.moment is not None
    assert (found.moment.share, found.moment.clip_share) == (1.0, 1.0)


def test_a_still_of_an_enrolled_video_is_found_in_a_picture(bank: Bank) -> None:
    post = decode(encoded(Image.fromarray(walk(1)[40]), "JPEG"))
    (found,) = look_up(bank, post)
    assert (found.case_id, found.method) == ("clip", "pdq")
    assert found.moment is not None
    assert found.moment.clip_start_s == pytest.approx(6.0, abs=0.5)
    assert found.moment.start_s is None


def test_what_is_withdrawn_is_not_found_any_more(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    registry = Registry(store, SEALER)
    one = clip_fingerprint(seen(CLIP, Way.ENROLLED), "0" * 64, "clip", NOW, sealer=SEALER)
    with store.write() as db:
        cases.enrol(db, "clip", [one], actor="x", now=NOW)
    post = clip(walk(1))
    assert list(matches(registry.bank(), post)) == ["clip"]
    stale = registry.bank()
    with store.write() as db:
        cases.withdraw(db, "clip", actor="x", now=NOW)
    assert matches(stale, post) == {}
    assert (len(registry.bank().clips), len(registry.bank().windows)) == (0, 0)
    store.close()


def test_parts_of_a_video_are_unpacked_with_their_times() -> None:
    parts = [(0, b"a"), (2_500, b""), (1 << 31, b"bcd")]
    packed = joined(parts)
    assert list(parted(packed)) == parts
    assert list(parted(b"\x01photo")) == [(None, b"\x01photo")]
    for cut in (packed[:-1], packed[:12]):
        with pytest.raises(ValueError, match="cut short"):
            list(parted(cut))
