from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from PIL import Image

from monitor.features.extract import POST_AREA, luma
from monitor.features.sealing import KEY_BYTES, Sealer
from monitor.models.finding import Finding
from monitor.models.match import Grade
from monitor.models.post import Batch, MediaKind, MediaRef, Post
from monitor.models.source import Source
from monitor.pictures import decode
from monitor.registry.enrolment import fingerprint
from monitor.store import cases, findings, runs, seen
from monitor.store.store import Store
from pipelines import chain
from pipelines.look_back import Sought, look_back
from pipelines.services import Services
from tests.fixtures.pictures import encoded
from tests.fixtures.posted import on_ground, overlap, photo, pixels
from tests.fixtures.stock import NOW, settings_of

SEALER, OTHER = Sealer(bytes(KEY_BYTES)), Sealer(b"o" * KEY_BYTES)
SHOWN = {
    "crop": photo(1).crop((256, 0, 640, 480)),
    "mirrored": photo(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((0, 60, 500, 480)),
    "framed": on_ground(photo(1).resize((480, 360)), (540, 700), (30, 200)),
    "stranger": photo(2),
}


class Files(Protocol):
    files: dict[str, Any]


def url(name: str) -> str:
    return f"https://cdn.example/{name}.jpg"


@pytest.fixture
def crawled(services: Services, source: Source, files: Files) -> Services:
    """A store with a post of each picture, crawled before anybody was enrolled."""
    files.files = {url(name): encoded(one, "JPEG", quality=85) for name, one in SHOWN.items()}
    keeping = replace(services, seal=SEALER.seal)
    with services.store.write() as db:
        run = runs.start(db, source.id, NOW)
    media = [MediaRef(url(name), MediaKind.PHOTO) for name in SHOWN]
    shown = [
        Post(native_id=str(number), url=f"https://t.me/c/{number}", posted=NOW, media=(one,))
        for number, one in enumerate(media, 1)
    ]
    page = Batch(url="https://t.me/s/c", posts=tuple(shown))
    asyncio.run(chain.process([page], source, run, keeping))
    return keeping


def enrolled(store: Store) -> Sought:
    one = fingerprint(decode(encoded(photo(1), "PNG")), "case-1", NOW, sealer=SEALER)
    with store.write() as db:
        cases.enrol(db, "case-1", [one], actor="x", now=NOW)
    return Sought(cases.content_key(one), luma(pixels(photo(1)), POST_AREA))


def found_in(store: Store) -> dict[str, Finding]:
    with store.read() as db:
        return {one.post_url[-1]: one for one in findings.every(db)}


def test_what_was_crawled_before_an_enrolment_is_looked_through_once(
    crawled: Services, tmp_path: Path
) -> None:
    sought, settings = [enrolled(crawled.store)], settings_of(tmp_path)
    assert look_back(crawled.store, settings, SEALER, sought, clock=crawled.clock) == 3
    found = found_in(crawled.store)
    assert set(found) == {"1", "2", "3"}
    assert {(one.historic, one.match.grade, one.match.method) for one in found.values()} == {
        (True, Grade.STRONG, "windows")
    }
    assert found["2"].match.transform == "flip_y"
    framed = found["3"].match
    assert overlap(framed.region, (30 / 540, 200 / 700, 480 / 540, 360 / 700)) > 0.9
    assert framed.placing is not None
    assert framed.placing.scale == pytest.approx(0.75, rel=0.05)
    crop = found["1"].match.placing
    assert crop is not None
    assert crop.shown == pytest.approx(0.6, abs=0.05)
    assert look_back(crawled.store, settings, SEALER, sought, clock=crawled.clock) == 0


@pytest.mark.parametrize("days", [0, 3])
def test_what_was_seen_too_long_ago_is_not_looked_through_and_forgotten(
    crawled: Services, tmp_path: Path, days: int
) -> None:
    settings = settings_of(tmp_path, matching={"look_back_days": days})
    sought = [enrolled(crawled.store)]

    def later() -> datetime:
        return NOW + timedelta(days=4)

    assert look_back(crawled.store, settings, SEALER, sought, clock=later) == 0
    with crawled.store.write() as db:
        assert len(seen.since(db, NOW)) == 4
        seen.forget(db, NOW + timedelta(days=1))
        assert seen.since(db, NOW) == []


def test_what_was_sealed_by_another_key_is_passed_over(crawled: Services, tmp_path: Path) -> None:
    sought = [enrolled(crawled.store)]
    assert look_back(crawled.store, settings_of(tmp_path), OTHER, sought, clock=crawled.clock) == 0


def test_nothing_is_kept_of_parts_where_nothing_seals_it(
    services: Services, source: Source, files: Files
) -> None:
    files.files = {url("crop"): encoded(SHOWN["crop"], "JPEG")}
    with services.store.write() as db:
        run = runs.start(db, source.id, NOW)
    one = Post("1", "https://t.me/c/1", posted=NOW, media=(MediaRef(url("crop"), MediaKind.PHOTO),))
    page = Batch(url="https://t.me/s/c", posts=(one,))
    asyncio.run(chain.process([page], source, run, services))
    with services.store.read() as db:
        assert seen.since(db, NOW) == []
