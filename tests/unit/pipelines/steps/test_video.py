"""Videos on their way: hashed once, found at their second, and again by those enrolled later."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from monitor.errors import MediaError, NotAsked, SourceUnavailable
from monitor.features.extract import POST_AREA, luma
from monitor.features.sealing import KEY_BYTES, Sealer
from monitor.models.finding import Finding
from monitor.models.item import MediaItem
from monitor.models.media import MediaStatus
from monitor.models.post import Batch, MediaKind, MediaRef, Post
from monitor.models.source import Source
from monitor.pictures import decode
from monitor.registry.bank import Registry
from monitor.registry.enrolment import clip_fingerprint, fingerprint
from monitor.registry.facts import file_facts
from monitor.store import cases, findings, runs
from monitor.store.store import Store
from monitor.streams import Held
from monitor.videos.limits import VideoLimits, Way
from monitor.videos.watch import watch
from pipelines import chain
from pipelines.hunt import hunt
from pipelines.look_back import Sought, look_back
from pipelines.services import Services
from pipelines.steps.hash_media import hash_media
from tests.fixtures.pictures import encoded
from tests.fixtures.posted import on_ground, photo, pixels
from tests.fixtures.stock import NOW, settings_of
from tests.fixtures.videos import video

SIZE = (320, 240)
URL = "https://cdn.example/film.mp4"
REF = MediaRef(URL, MediaKind.VIDEO)
SEALER = Sealer(bytes(KEY_BYTES))
PHOTO = photo(2, SIZE)
SLIDES = [pixels(photo(7, SIZE)), pixels(PHOTO), pixels(photo(8, SIZE))]
FILM = video(SLIDES, 2.0)


class Files(Protocol):
    files: dict[str, Any]


@pytest.fixture
def keeping(services: Services) -> Services:
    registry = Registry(services.store, SEALER)
    return replace(services, seal=SEALER.seal, registry=registry)


def hashed(services: Services, data: bytes, **changes: Any) -> MediaItem:
    return hash_media(MediaItem(REF, data=data, **changes), services)


def enrol_photo(store: Store) -> str:
    one = fingerprint(decode(encoded(PHOTO, "PNG")), "case-1", NOW, sealer=SEALER)
    with store.write() as db:
        cases.enrol(db, "case-1", [one], actor="x", now=NOW)
    return cases.content_key(one)


def enrol_film(store: Store) -> None:
    seen = watch(Held(FILM), VideoLimits(way=Way.ENROLLED))
    one = clip_fingerprint(seen, "0" * 64, "case-2", NOW, sealer=SEALER)
    with store.write() as db:
        cases.enrol(db, "case-2", [one], actor="x", now=NOW)


def crawl(services: Services, source: Source, files: Files, data: bytes) -> None:
    files.files = {URL: data}
    post = Post(native_id="1", url="https://t.me/channel/1", media=(REF,))
    with services.store.write() as db:
        run_id = runs.start(db, source.id, NOW)
    batch = Batch(url="https://t.me/s/channel", posts=(post,))
    asyncio.run(chain.process([batch], source, run_id, services))


def found(store: Store) -> list[Finding]:
    with store.read() as db:
        return findings.every(db)


def test_a_video_becomes_hashes_of_its_frames(keeping: Services) -> None:
    one = hashed(keeping, FILM)
    assert (one.status, one.data, one.reason) == (MediaStatus.HASHED, None, "")
    assert one.facts is not None
    assert one.facts.frames is not None
    assert (one.facts.mime, one.facts.width, one.facts.partial) == ("video/mp4", 320, False)
    assert one.facts.sha256 == file_facts(FILM).sha256
    assert one.windows is not None


def test_a_video_that_is_a_strip_of_pixels_is_looked_through(keeping: Services) -> None:
    # As a stream: what is held is looked at as a picture first, and refused for its length.
    enrol_photo(keeping.store)
    strips = [pixels(photo(seed, (70_000, 4))) for seed in (1, 2)]
    one = hash_media(MediaItem(REF, stream=Held(video(strips, 1.0, kind="apng"))), keeping)
    assert one.status is MediaStatus.HASHED
    assert one.windows is not None


@pytest.mark.parametrize("kind", ["gif", "apng", "webp"])
def test_a_picture_that_moves_is_looked_through(keeping: Services, kind: str) -> None:
    enrol_photo(keeping.store)
    one = hashed(keeping, video(SLIDES, 1.0, kind=kind))
    assert one.look is not None
    (match,) = one.look.matches(keeping.registry.bank())
    assert match.moment is not None
    assert match.moment.start_s == pytest.approx(1.0, abs=0.1)


def test_a_photo_in_a_posted_video_is_a_finding_with_its_second(
    keeping: Services, source: Source, files: Files
) -> None:
    enrol_photo(keeping.store)
    crawl(keeping, source, files, FILM)
    (one,) = found(keeping.store)
    assert one.match.moment is not None
    assert one.match.moment.start_s == pytest.approx(2.0, abs=0.3)
    with keeping.store.read() as db:
        assert len(findings.every_alert(db)) == 1


def test_what_is_enrolled_later_is_found_in_the_videos_of_before(
    keeping: Services, source: Source, files: Files, tmp_path: Path
) -> None:
    crawl(keeping, source, files, FILM)
    assert found(keeping.store) == []
    enrol_photo(keeping.store)
    enrol_film(keeping.store)
    assert hunt(keeping.store, settings_of(tmp_path)) == (1, 2)
    moments = {one.case_id: one.match.moment for one in found(keeping.store)}
    assert moments["case-1"] is not None
    assert moments["case-1"].start_s == pytest.approx(2.0, abs=0.3)
    assert moments["case-2"] is not None
    assert moments["case-2"].clip_share == 1.0


def test_a_part_of_a_video_of_before_is_found_by_who_is_enrolled_now(
    keeping: Services, source: Source, files: Files, tmp_path: Path
) -> None:
    page = on_ground(PHOTO.resize((560, 420)), (640, 480), (60, 40))
    film = video([pixels(photo(7, (640, 480))), pixels(page)], 2.0)
    crawl(keeping, source, files, film)
    content = enrol_photo(keeping.store)
    sought = Sought(content, luma(pixels(PHOTO), POST_AREA))
    assert look_back(keeping.store, settings_of(tmp_path), SEALER, [sought]) == 1
    (one,) = found(keeping.store)
    assert one.historic
    assert one.match.moment is not None
    assert one.match.moment.start_s == pytest.approx(2.0, abs=0.3)


def test_the_same_video_is_looked_through_once(
    keeping: Services, source: Source, files: Files
) -> None:
    crawl(keeping, source, files, FILM)
    asked: list[object] = []

    def never(stream: object) -> None:
        asked.append(stream)

    one = hashed(replace(keeping, watch=never), FILM)
    assert (one.status, one.known, asked) == (MediaStatus.HASHED, True, [])


class Far:
    """A file that is read in parts."""

    step = 4_096

    def __init__(self, data: bytes = FILM, failure: Exception | None = None) -> None:
        self.data = data
        self.size = len(data)
        self.budget = len(data)
        self.failure = failure

    def read_at(self, start: int, size: int) -> bytes:
        if self.failure is not None and start > 0:
            raise self.failure
        return self.data[start : start + size]


def test_a_video_that_is_read_in_parts_is_named_by_its_ends(keeping: Services) -> None:
    one = hash_media(MediaItem(REF, stream=Far()), keeping)
    again = hash_media(MediaItem(REF, stream=Far()), keeping)
    other = hash_media(MediaItem(REF, stream=Far(FILM + b"\0" * 100)), keeping)
    assert one.facts is not None
    assert again.facts is not None
    assert other.facts is not None
    assert one.facts.sha256 == again.facts.sha256 != other.facts.sha256
    assert (one.facts.partial, one.facts.md5) == (True, None)
    assert one.facts.sha256 != file_facts(FILM).sha256
    assert one.stream is None


@pytest.mark.parametrize(
    ("failure", "status", "is_put_off"),
    [
        (MediaError("larger than the limit"), MediaStatus.SKIPPED, False),
        (SourceUnavailable("no answer in time", url=URL), MediaStatus.FAILED, False),
        (NotAsked("the crawl was stopped", url=URL), MediaStatus.FAILED, True),
    ],
)
def test_what_of_a_video_can_not_be_had_is_told(
    keeping: Services, failure: Exception, status: MediaStatus, is_put_off: bool
) -> None:
    one = hash_media(MediaItem(REF, stream=Far(failure=failure)), keeping)
    assert (one.status, one.reason, one.is_put_off) == (status, str(failure), is_put_off)
    assert one.stream is None


@pytest.mark.parametrize(
    ("data", "cut", "reason"),
    [
        (video(SLIDES, 2.0, layout="moov_last")[:-2_000], True, "larger than the limit"),
        (b"404, not found", False, "not a picture or video of a known format"),
        (b"GIF89a", False, "damaged or cut short"),
        (b"\0\0\0\x20ftypisom" + bytes(1_000), False, "damaged or cut short"),
    ],
)
def test_what_is_no_video_says_why(keeping: Services, data: bytes, cut: bool, reason: str) -> None:
    one = hashed(keeping, data, is_cut=cut)
    assert (one.status, one.reason) == (MediaStatus.SKIPPED, reason)


def test_a_video_whose_beginning_alone_was_had_is_looked_through_as_far(
    keeping: Services,
) -> None:
    film = video(SLIDES, 2.0, layout="moov_first")
    one = hashed(keeping, film[: len(film) * 2 // 3], is_cut=True)
    assert (one.status, one.reason) == (MediaStatus.HASHED, "looked through in part")
    assert one.facts is not None
    assert one.facts.partial


def test_without_memory_a_video_is_skipped_or_keeps_its_hashes(
    keeping: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(*_: object, **__: object) -> Any:
        raise MemoryError

    one = hashed(replace(keeping, watch=too_much), FILM)
    assert "crawl.memory_mb" in one.reason
    enrol_photo(keeping.store)
    monkeypatch.setattr("monitor.registry.look.post_windows", too_much)
    one = hashed(keeping, FILM)
    assert (one.status, one.look) == (MediaStatus.HASHED, None)
