from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import pytest

from monitor.cli.demo.pictures import mirrored, original, photograph
from monitor.errors import MediaError, NotAsked, SourceUnavailable, StoreError
from monitor.features.sealing import KEY_BYTES, Sealer
from monitor.models.finding import Finding, FindingStatus
from monitor.models.item import MediaItem
from monitor.models.match import Grade
from monitor.models.media import MediaStatus
from monitor.models.post import Batch, Coverage, MediaKind, MediaRef, Post
from monitor.models.run import Counts
from monitor.models.source import Source
from monitor.pictures import decode
from monitor.registry.bank import Registry
from monitor.registry.enrolment import fingerprint
from monitor.store import cases, findings, outbox, posts, runs, sources
from monitor.store.store import Store
from pipelines import chain
from pipelines.services import Services
from pipelines.streams import Parts
from tests.fixtures.pictures import encoded
from tests.fixtures.posted import photo
from tests.fixtures.stock import NOW, new_source

PICTURES = [photograph(number, (320, 240)) for number in (1, 2)]
ENROLLED, COPY = original(PICTURES[0]).data, mirrored(PICTURES[0]).data
STRANGER = original(PICTURES[1]).data


class Files(Protocol):
    files: dict[str, Any]
    asked: list[str]


def url(name: str) -> str:
    return f"https://cdn.example/{name}.jpg"


def post(number: int, text: str = "text", *names: str) -> Post:
    return Post(
        native_id=str(number),
        url=f"https://t.me/channel/{number}",
        text=text,
        posted=NOW,
        media=tuple(MediaRef(url(name), MediaKind.PHOTO) for name in names),
    )


@pytest.fixture
def run_id(store: Store, source: Source) -> str:
    with store.write() as db:
        return runs.start(db, source.id, NOW)


@pytest.fixture
def _enrolled(store: Store) -> None:
    enrol(store)


def enrol(store: Store) -> None:
    one = fingerprint(decode(ENROLLED), "case-1", NOW)
    with store.write() as db:
        cases.enrol(db, "case-1", [one], actor="x", now=NOW)


def go(services: Services, source: Source, run_id: str, *shown: Post, **batch: Any) -> Counts:
    page = Batch(url="https://t.me/s/channel", posts=shown, **batch)
    return asyncio.run(chain.process([page], source, run_id, services))


@pytest.mark.usefixtures("_enrolled")
def test_a_page_is_stored_matched_alerted_and_enqueued_with_its_checkpoint(
    services: Services, source: Source, run_id: str, files: Files
) -> None:
    files.files = {url("copy"): COPY, url("other"): STRANGER}
    counts = go(
        services,
        source,
        run_id,
        post(1, "a", "copy"),
        post(2, "b", "other"),
        checkpoint={"newest": 2},
    )
    assert counts == Counts(pages=1, posts_new=2, media_hashed=2, findings=1)
    with services.store.read() as db:
        (finding,) = findings.every(db)
        assert (finding.case_id, finding.match.transform) == ("case-1", "flip_y")
        assert len(findings.every_alert(db)) == 1
        assert [kind for _, kind, _ in outbox.head(db, 9)] == ["post", "post", "finding"]
        assert sources.load_checkpoint(db, source.id) == {"newest": 2}
        run = runs.get(db, run_id)
    assert run is not None
    assert run.counts == counts


@pytest.mark.usefixtures("_enrolled")
def test_the_same_page_again_changes_nothing_and_fetches_nothing(
    services: Services, source: Source, run_id: str, files: Files
) -> None:
    files.files = {url("copy"): COPY}
    go(services, source, run_id, post(1, "a", "copy"))
    files.asked.clear()
    assert go(services, source, run_id, post(1, "a", "copy")) == Counts(pages=1)
    assert files.asked == []
    with services.store.read() as db:
        assert len(findings.every_alert(db)) == len(findings.every(db)) == 1
        assert outbox.backlog(db)[0] == 2


@pytest.mark.usefixtures("_enrolled")
def test_a_picture_that_comes_by_an_edit_is_found(
    services: Services, source: Source, run_id: str, files: Files
) -> None:
    files.files = {url("copy"): COPY}
    go(services, source, run_id, post(1, "a"))
    assert go(services, source, run_id, post(1, "a", "copy")) == Counts(
        pages=1, posts_edited=1, media_hashed=1, findings=1
    )


@pytest.mark.usefixtures("_enrolled")
def test_a_picture_that_fails_is_tried_again_and_then_found(
    services: Services, source: Source, run_id: str, files: Files
) -> None:
    assert go(services, source, run_id, post(1, "a", "copy")).media_failed == 1
    files.files = {url("copy"): COPY}
    counts = go(services, source, run_id, post(1, "a", "copy"))
    assert counts == Counts(pages=1, media_hashed=1, findings=1)


@pytest.mark.usefixtures("_enrolled")
def test_one_bad_picture_does_not_keep_the_others_from_being_found(
    services: Services, source: Source, run_id: str, files: Files
) -> None:
    files.files = {
        url("bad"): b"no picture",
        url("gone"): MediaError("the server answers 404"),
        url("late"): SourceUnavailable("no answer in time", url="x"),
        url("copy"): COPY,
    }
    counts = go(services, source, run_id, post(1, "a", "bad", "gone", "late", "copy"))
    assert counts == Counts(
        pages=1, posts_new=1, media_hashed=1, media_skipped=2, media_failed=1, findings=1
    )


def test_posts_that_a_page_accounts_for_and_lacks_are_gone(
    services: Services, source: Source, run_id: str
) -> None:
    go(services, source, run_id, post(1), post(2), post(3))
    counts = go(services, source, run_id, post(1), post(3), coverage=Coverage(1, 3))
    assert counts == Counts(pages=1, posts_deleted=1)
    with services.store.read() as db:
        assert outbox.backlog(db)[0] == 4


def test_a_page_that_can_not_be_committed_leaves_nothing(
    services: Services, source: Source, run_id: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    files.files = {url("copy"): COPY}
    monkeypatch.setattr(runs, "add_counts", fail)
    with pytest.raises(StoreError):
        go(services, source, run_id, post(1, "a", "copy"), checkpoint={"newest": 1})
    with services.store.read() as db:
        assert set(posts.count(db).values()) == {0}
        assert outbox.backlog(db)[0] == 0
        assert sources.load_checkpoint(db, source.id) == {}


@pytest.mark.usefixtures("_enrolled")
def test_a_case_that_was_withdrawn_during_the_page_is_not_found(
    services: Services, source: Source, run_id: str, files: Files
) -> None:
    class Withdrawing:
        async def __call__(self, _: str) -> bytes:
            with services.store.write() as db:
                cases.withdraw(db, "case-1", actor="x", now=NOW)
            return COPY

    counts = go(replace(services, fetch=Withdrawing()), source, run_id, post(1, "a", "copy"))
    assert counts.findings == 0


@pytest.mark.usefixtures("_enrolled")
def test_an_edit_neither_fetches_again_nor_loses_what_was_hashed(
    services: Services, source: Source, run_id: str, files: Files
) -> None:
    files.files = {url("copy"): COPY}
    go(services, source, run_id, post(1, "a", "copy"))
    files.files = {url("new"): STRANGER}
    files.asked.clear()
    counts = go(services, source, run_id, post(1, "b", "copy", "new"))
    assert files.asked == [url("new")]
    assert (counts.posts_edited, counts.media_hashed, counts.media_failed) == (1, 1, 0)
    with services.store.read() as db:
        key = posts.post_id(source.id, "1")
        assert [row.status for row in posts.media_of(db, key)] == ["hashed", "hashed"]
        assert len(findings.every(db)) == 1


@pytest.mark.usefixtures("_enrolled")
def test_a_retry_fetches_what_failed_only_and_loses_no_hash(
    services: Services, source: Source, run_id: str, files: Files
) -> None:
    files.files = {url("copy"): COPY}
    shown = post(1, "a", "copy", "late")
    go(services, source, run_id, shown)
    # The good one is not there any more; the other one still isn't.
    files.files = {}
    files.asked.clear()
    assert go(services, source, run_id, shown).media_failed == 1
    assert files.asked == [url("late")]
    with services.store.read() as db:
        rows = posts.media_of(db, posts.post_id(source.id, "1"))
    assert [(row.status, row.attempts) for row in rows] == [("hashed", 2), ("failed", 2)]


def test_pictures_that_a_pages_time_does_not_allow_are_left_to_a_later_crawl(
    services: Services, source: Source, run_id: str, files: Files
) -> None:
    files.files = {url("a"): COPY, url("b"): STRANGER}
    hurried = replace(services, media_budget_s=-1.0)
    shown = post(1, "text", "a", "b")
    counts = go(hurried, source, run_id, shown, checkpoint={"newest": 1})
    assert counts == Counts(pages=1, posts_new=1, media_failed=2)
    assert files.asked == []
    with services.store.read() as db:
        rows = posts.media_of(db, posts.post_id(source.id, "1"))
        assert {row.reason for row in rows} == {"the page took too long"}
        assert sources.load_checkpoint(db, source.id) == {"newest": 1}
    assert go(services, source, run_id, shown).media_hashed == 2


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_video_is_read_no_longer_than_its_pages_time_and_the_crawl_go(
    services: Services,
    source: Source,
    run_id: str,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
    is_stopped: bool,
) -> None:
    asked: list[int] = []
    told: list[SourceUnavailable] = []

    async def drip(start: int, size: int) -> bytes:
        asked.append(start)
        await asyncio.sleep(60)
        return b"x" * size

    def read(item: MediaItem, _: Services) -> MediaItem:
        assert item.stream is not None
        with pytest.raises(SourceUnavailable) as caught:
            item.stream.read_at(0, 1)
        told.append(caught.value)
        return replace(item, status=MediaStatus.FAILED, stream=None)

    monkeypatch.setattr(chain, "hash_media", read)
    files.files = {url("a"): Parts(100 << 20, b"", drip)}
    shown = replace(post(1, "text"), media=(MediaRef(url("a"), MediaKind.VIDEO),))
    hurried = replace(
        services,
        media_budget_s=60 if is_stopped else 0.3,
        stopping=lambda: bool(asked) and is_stopped,
    )
    began = time.monotonic()
    assert go(hurried, source, run_id, shown).media_failed == 1
    assert time.monotonic() - began < 10
    assert [isinstance(error, NotAsked) for error in told] == [is_stopped]
    assert asked == [0]


SEALER = Sealer(bytes(KEY_BYTES))
PAINTED = [photo(number) for number in (1, 2)]
CROPS = [encoded(one.crop((256, 0, 640, 480)), "JPEG", quality=85) for one in PAINTED]


def enrol_with_features(store: Store, number: int) -> None:
    case_id = f"case-{number}"
    made = decode(encoded(PAINTED[number - 1], "PNG"))
    one = fingerprint(made, case_id, NOW, sealer=SEALER, features=True)
    with store.write() as db:
        cases.enrol(db, case_id, [one], actor="x", now=NOW)


@pytest.fixture
def looking(services: Services) -> Services:
    """Services with a key, and case-1 with local features."""
    enrol_with_features(services.store, 1)
    return replace(services, registry=Registry(services.store, SEALER))


def found_in(services: Services) -> list[Finding]:
    with services.store.read() as db:
        return findings.every(db)


def alert_states(services: Services) -> dict[str, int]:
    with services.store.read() as db:
        return findings.count_alerts(db)


def test_a_part_of_a_photo_is_found_placed_and_alerted(
    looking: Services, source: Source, run_id: str, files: Files
) -> None:
    files.files = {url("crop"): CROPS[0], url("other"): CROPS[1]}
    assert go(looking, source, run_id, post(1, "a", "crop", "other")).findings == 1
    (one,) = found_in(looking)
    assert (one.case_id, one.match.method, one.match.grade) == ("case-1", "features", Grade.STRONG)
    assert one.match.placing is not None
    assert 0.4 < one.match.placing.shown <= 0.65
    assert alert_states(looking) == {"pending": 1}


def test_the_same_part_in_two_threads_is_two_findings_and_one_alert(
    looking: Services, source: Source, run_id: str, files: Files
) -> None:
    files.files = {url("crop"): CROPS[0], url("again"): CROPS[0]}
    assert go(looking, source, run_id, post(1, "a", "crop"), post(2, "b", "again")).findings == 2
    files.files = {url("third"): CROPS[0]}
    assert go(looking, source, run_id, post(3, "c", "third")).findings == 1
    assert {one.match.method for one in found_in(looking)} == {"features"}
    assert alert_states(looking) == {"pending": 1}


def test_a_file_that_is_known_by_its_sites_id_is_found_again_without_being_fetched(
    looking: Services, source: Source, run_id: str, files: Files
) -> None:
    def shown(number: int) -> Post:
        ref = MediaRef(url("crop"), MediaKind.PHOTO, origin_id="tg:1")
        return replace(post(number), media=(ref,))

    files.files = {url("crop"): CROPS[0]}
    go(looking, source, run_id, shown(1))
    files.files = {}
    files.asked.clear()
    assert go(looking, source, run_id, shown(2)).findings == 1
    assert files.asked == []
    first, second = found_in(looking)
    assert first.match == second.match
    with looking.store.write() as db:
        cases.withdraw(db, "case-1", actor="x", now=NOW)
    assert go(looking, source, run_id, shown(3)).findings == 0


def test_a_file_that_a_page_shows_twice_by_its_sites_id_is_fetched_once_and_found_twice(
    looking: Services, source: Source, run_id: str, files: Files
) -> None:
    ref = MediaRef(url("crop"), MediaKind.PHOTO, origin_id="tg:1")
    files.files = {url("crop"): CROPS[0]}
    shown = [replace(post(number), media=(ref,)) for number in (1, 2)]
    counts = go(looking, source, run_id, *shown)
    assert (counts.findings, counts.media_hashed, counts.media_known) == (2, 1, 1)
    assert files.asked == [url("crop")]


class Meanwhile:
    """A fetcher that does something while it fetches one file."""

    def __init__(self, files: dict[str, bytes], at: str, act: Callable[[], None]) -> None:
        self._files, self._at, self._act = files, at, act

    async def __call__(self, asked: str) -> bytes:
        if asked == self._at:
            self._act()
        return self._files[asked]


def test_a_case_that_is_enrolled_after_the_hashing_is_matched_with_the_commit(
    looking: Services, source: Source, run_id: str
) -> None:
    given = {url("crop"): CROPS[1], url("last"): STRANGER}
    fetch = Meanwhile(given, url("last"), lambda: enrol_with_features(looking.store, 2))
    counts = go(replace(looking, fetch=fetch), source, run_id, post(1, "a", "crop", "last"))
    assert counts.findings == 1
    (one,) = found_in(looking)
    assert (one.case_id, one.match.method) == ("case-2", "features")


def test_a_case_whose_features_are_deleted_after_the_hashing_is_not_found_by_them(
    looking: Services, source: Source, run_id: str
) -> None:
    def revoke() -> None:
        with looking.store.write() as db:
            cases.revoke_consent(db, "case-1", actor="x", now=NOW)

    fetch = Meanwhile({url("crop"): CROPS[0], url("last"): STRANGER}, url("last"), revoke)
    counts = go(replace(looking, fetch=fetch), source, run_id, post(1, "a", "crop", "last"))
    assert counts.findings == 1
    assert {one.match.method for one in found_in(looking)} == {"windows"}


def test_without_a_key_whole_pictures_are_still_found(
    looking: Services, services: Services, source: Source, run_id: str, files: Files
) -> None:
    whole = encoded(PAINTED[0].resize((320, 240)), "JPEG")
    files.files = {url("crop"): CROPS[0], url("whole"): whole}
    assert go(services, source, run_id, post(1, "a", "crop", "whole")).findings == 1
    assert [one.match.method for one in found_in(looking)] == ["pdq"]


def test_media_that_a_person_dismissed_are_found_elsewhere_and_not_alerted(
    looking: Services, source: Source, run_id: str, files: Files
) -> None:
    files.files = {url("crop"): CROPS[0]}
    go(looking, source, run_id, post(1, "a", "crop"))
    (one,) = found_in(looking)
    with looking.store.write() as db:
        findings.decide(db, one.id, FindingStatus.DISMISSED, actor="kim", now=NOW)
        other = new_source(db, "@elsewhere")
        run = runs.start(db, other.id, NOW)
    assert go(looking, other, run, post(1, "a", "crop")).findings == 1
    assert alert_states(looking) == {"cancelled": 1}
