"""Fetching and hashing: what is fetched at all, and what becomes of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn, Protocol

import pytest
from PIL import Image
from structlog.testing import capture_logs

from monitor.cli.demo.pictures import original, photograph
from monitor.errors import MediaError, SourceUnavailable
from monitor.features.sealing import KEY_BYTES, Sealer
from monitor.models.item import MediaItem
from monitor.models.media import MediaStatus
from monitor.models.post import MediaKind, MediaRef
from monitor.models.source import Source
from monitor.pictures import PictureLimits, decode
from monitor.registry.bank import Registry
from monitor.registry.enrolment import fingerprint
from monitor.store import cases, posts
from pipelines.services import Services
from pipelines.steps import hash_media as hashing
from pipelines.steps.fetch_media import fetch_media
from pipelines.steps.hash_media import hash_media
from pipelines.streams import Cut, Parts
from tests.fixtures.pictures import encoded, made
from tests.fixtures.stock import NOW, facts, item, picture

URL = "https://cdn.example/a.jpg"
PHOTO = original(photograph(1, (320, 240))).data


class Files(Protocol):
    files: dict[str, Any]
    asked: list[str]
    asked_as_video: list[str]


def fetched(services: Services, kind: MediaKind = MediaKind.PHOTO, **ref: Any) -> MediaItem:
    return asyncio.run(fetch_media(MediaItem(MediaRef(URL, kind, **ref)), services))


def test_a_picture_is_fetched(services: Services, files: Files) -> None:
    files.files[URL] = PHOTO
    one = fetched(services)
    assert (one.data, one.status) == (PHOTO, None)


@pytest.mark.parametrize(
    "kind", [MediaKind.PHOTO, MediaKind.VIDEO_THUMB, MediaKind.LINK_PREVIEW, MediaKind.STICKER]
)
def test_all_that_is_shown_as_a_picture_is_fetched(
    services: Services, files: Files, kind: MediaKind
) -> None:
    files.files[URL] = PHOTO
    assert fetched(services, kind).data == PHOTO


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (MediaKind.VIDEO, None),
        (MediaKind.VIDEO, "a.jpg"),
        (MediaKind.STICKER, None),
        (MediaKind.PHOTO, "a.mp4"),
        *((MediaKind.FILE, name) for name in ("a.mp4", "A.MOV", "영상.webm", "b.jpg.mkv", "a.ts")),
        *((MediaKind.FILE, name) for name in (None, "", "사진", ".jpg", "a\0")),
    ],
)
def test_what_may_be_a_video_is_fetched_as_one(
    services: Services, files: Files, kind: MediaKind, name: str | None
) -> None:
    files.files[URL] = PHOTO
    assert fetched(services, kind, name=name).data == PHOTO
    assert (files.asked, files.asked_as_video) == ([], [URL])


@pytest.mark.parametrize("kind", [MediaKind.PHOTO, MediaKind.FILE])
def test_what_its_address_calls_a_video_is_fetched_as_one(
    services: Services, files: Files, kind: MediaKind
) -> None:
    url = "https://cdn.example/up/1.MP4?x=.jpg"
    files.files[url] = PHOTO
    item = MediaItem(MediaRef(url, kind, name="watch v1.2"))
    assert asyncio.run(fetch_media(item, services)).data == PHOTO
    assert files.asked_as_video == [url]


@pytest.mark.parametrize("name", ["a.jpg", "A.JPEG", "b.tar.png", "사진.webp"])
def test_an_attachment_is_fetched_as_a_picture_when_its_name_says_so(
    services: Services, files: Files, name: str
) -> None:
    files.files[URL] = PHOTO
    assert fetched(services, MediaKind.FILE, name=name).data == PHOTO
    assert (files.asked, files.asked_as_video) == ([URL], [])


@pytest.mark.parametrize("name", ["a.exe", "a.jpg.exe", "a.mp4.zip", "보고서.hwp"])
def test_another_attachment_is_not_fetched(services: Services, files: Files, name: str) -> None:
    one = fetched(services, MediaKind.FILE, name=name)
    assert one.status is MediaStatus.SKIPPED
    assert files.asked == files.asked_as_video == []


def test_of_a_large_video_its_beginning_is_had_or_parts_of_it(
    services: Services, files: Files
) -> None:
    files.files[URL] = Cut(b"beginning")
    one = fetched(services, MediaKind.VIDEO)
    assert (one.data, one.is_cut, one.stream, one.status) == (b"beginning", True, None, None)

    async def read(start: int, size: int) -> bytes:
        return b"x" * size

    async def go() -> tuple[MediaItem, bytes]:
        item = MediaItem(MediaRef(URL, MediaKind.VIDEO))
        one = await fetch_media(item, replace(services, max_video_bytes=2 << 20))
        assert one.stream is not None
        return one, await asyncio.to_thread(one.stream.read_at, 3, 5)

    files.files[URL] = Parts(100 << 20, b"", read)
    one, got = asyncio.run(go())
    assert (one.data, one.status, got) == (None, None, b"x" * 5)
    assert one.stream is not None
    assert (one.stream.size, one.stream.budget) == (100 << 20, 2 << 20)


def test_what_was_cut_off_has_no_digest_of_the_file(services: Services) -> None:
    one = hash_media(MediaItem(MediaRef(URL, MediaKind.VIDEO), data=PHOTO, is_cut=True), services)
    assert one.facts is not None
    assert (one.status, one.facts.partial, one.facts.md5) == (MediaStatus.HASHED, True, None)
    assert one.data is None


def test_a_file_that_is_known_by_its_sites_id_is_not_fetched_again(
    services: Services, source: Source, files: Files
) -> None:
    known = picture("a", ref=MediaRef(URL, MediaKind.PHOTO, origin_id="tg:1"))
    with services.store.write() as db:
        posts.write(db, [item(source, 1, media=[known])], NOW)
    one = fetched(services, origin_id="tg:1")
    assert (one.facts, one.known, one.status) == (facts("a"), True, MediaStatus.HASHED)
    assert files.asked == []
    fetched(services, origin_id="tg:2")
    assert files.asked == [URL]


def test_what_can_not_be_had_for_good_is_skipped_and_what_fails_for_now_failed(
    services: Services, files: Files
) -> None:
    files.files[URL] = MediaError("larger than the limit")
    one = fetched(services)
    assert (one.status, one.reason) == (MediaStatus.SKIPPED, "larger than the limit")
    files.files[URL] = SourceUnavailable("no answer in time", url=URL)
    one = fetched(services)
    assert (one.status, one.reason) == (MediaStatus.FAILED, "no answer in time")


def hashed(services: Services, data: bytes | None) -> MediaItem:
    one = hash_media(MediaItem(MediaRef(URL, MediaKind.PHOTO), data=data), services)
    assert one.data is None
    return one


def test_a_picture_becomes_facts_and_its_bytes_are_let_go(services: Services) -> None:
    one = hashed(services, PHOTO)
    assert one.status is MediaStatus.HASHED
    assert one.facts is not None
    assert (one.facts.mime, one.facts.width, one.facts.height) == ("image/jpeg", 320, 240)
    assert one.facts.size == len(PHOTO)
    assert not one.known


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "empty file"),
        (b"", "empty file"),
        (b"404, not found", "not a picture or video of a known format"),
        (PHOTO[: len(PHOTO) // 4], "truncated"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, None),
        (PHOTO + b"\0" * (1 << 20), "file too large"),
    ],
)
def test_what_is_no_picture_says_why(
    services: Services, data: bytes | None, reason: str | None
) -> None:
    one = hashed(services, data)
    assert one.status is MediaStatus.SKIPPED
    assert one.facts is None
    assert one.reason == (reason or one.reason)
    assert one.reason


@pytest.mark.parametrize(
    "data", [b"<html>404</html>", b"\n <!doctype html>", b"<?xml?><Error/>", b"<" * 5_000]
)
def test_a_page_in_a_pictures_place_is_tried_again_another_day(
    services: Services, data: bytes
) -> None:
    one = hashed(services, data)
    assert (one.status, one.reason) == (MediaStatus.FAILED, "the server answers with a page")


def test_what_was_settled_before_is_not_fetched(services: Services, files: Files) -> None:
    settled = picture("a")
    assert asyncio.run(fetch_media(settled, services)) == settled
    assert files.asked == []


def test_a_picture_of_too_many_pixels_is_skipped(services: Services) -> None:
    small = replace(services, decode=partial(decode, limits=PictureLimits(max_pixels=1_000)))
    assert hashed(small, PHOTO).reason == "too many pixels"


def test_the_same_bytes_are_not_hashed_again(services: Services, source: Source) -> None:
    first = hashed(services, PHOTO)
    with services.store.write() as db:
        posts.write(db, [item(source, 1, media=[first])], NOW)
    again = hashed(replace(services, decode=lambda _: pytest.fail("decoded again")), PHOTO)
    assert (again.facts, again.known) == (first.facts, True)


def test_a_picture_that_does_not_fit_into_memory_is_skipped(services: Services) -> None:
    def too_much(_: bytes) -> NoReturn:
        raise MemoryError

    assert "crawl.memory_mb" in hashed(replace(services, decode=too_much), PHOTO).reason


SEALER = Sealer(bytes(KEY_BYTES))


@pytest.fixture
def with_features(services: Services) -> Services:
    """A bank that has the photo with its local features."""
    one = fingerprint(decode(PHOTO), "case-1", NOW, sealer=SEALER, features=True)
    with services.store.write() as db:
        cases.enrol(db, "case-1", [one], actor="x", now=NOW)
    return replace(services, registry=Registry(services.store, SEALER))


def test_a_new_picture_is_looked_at_also_for_who_is_enrolled_before_its_page_is_committed(
    services: Services, with_features: Services
) -> None:
    # Without a key, the bank has none.
    early = hashed(services, PHOTO)
    assert early.look is not None
    assert early.look.matches(services.registry.bank()) == []
    assert early.look.matches(with_features.registry.bank())
    one = hashed(with_features, PHOTO)
    assert one.look is not None
    (found,) = one.look.matches(with_features.registry.bank())
    assert (found.case_id, found.method) == ("case-1", "features")


def test_the_same_bytes_are_looked_at_again_but_not_hashed(
    with_features: Services, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hashed(with_features, PHOTO)
    with with_features.store.write() as db:
        posts.write(db, [item(source, 1, media=[first])], NOW)
    monkeypatch.setattr(hashing, "facts_of", lambda *_: pytest.fail("hashed again"))
    again = hashed(with_features, PHOTO)
    assert (again.facts, again.known) == (first.facts, True)
    assert again.look is not None


def test_a_picture_that_can_not_be_looked_at_for_lack_of_memory_keeps_its_hashes(
    with_features: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("monitor.registry.look.post_windows", too_much)
    with capture_logs() as logged:
        one = hashed(with_features, PHOTO)
    assert (one.status, one.look) == (MediaStatus.HASHED, None)
    assert one.facts is not None
    assert [line["event"] for line in logged] == ["features.no_memory"]


@pytest.mark.parametrize("size", [(1, 1), (6, 2_000), (2_000, 6), (31, 33)])
def test_an_odd_shape_is_hashed_and_looked_at_without_harm(
    with_features: Services, size: tuple[int, int]
) -> None:
    one = hashed(with_features, encoded(Image.fromarray(made("grain", *size)), "PNG"))
    assert one.status is MediaStatus.HASHED
    assert one.look is not None
    assert one.look.matches(with_features.registry.bank()) == []
