from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from monitor.hashes.pdq import MIN_QUALITY
from monitor.models.match import inverted
from monitor.models.media import Panel
from monitor.models.source import Source
from monitor.store import cases, findings, outbox, posts
from monitor.store.store import Store
from pipelines import hunt as hunting
from pipelines.hunt import hunt
from tests.fixtures.stock import NOW, eight, facts, fingerprint, flipped, item, picture, settings_of

LOOK = eight("photo")


@pytest.fixture
def _crawled(store: Store, source: Source) -> None:
    """Two posts with the copy of a photo, one with another picture."""
    copy = picture("copy", facts=facts("copy", pdq=flipped(LOOK[5], 6)))
    with store.write() as db:
        posts.write(
            db,
            [
                item(source, 1, media=[copy]),
                item(source, 2, media=[picture("other"), copy]),
                item(source, 3, media=[picture("other")]),
            ],
            NOW,
        )


def enrol(store: Store, case_id: str) -> None:
    with store.write() as db:
        cases.enrol(db, case_id, [fingerprint(case_id, LOOK)], actor="x", now=NOW)


def test_a_hunt_in_an_empty_store_finds_nothing(store: Store, tmp_path: Path) -> None:
    assert hunt(store, settings_of(tmp_path)) == (0, 0)


@pytest.mark.usefixtures("_crawled")
def test_a_new_case_is_found_in_what_was_crawled_before_and_once(
    store: Store, tmp_path: Path
) -> None:
    enrol(store, "case-1")
    seen: list[tuple[int, int]] = []
    settings = settings_of(tmp_path)
    assert hunt(store, settings, progress=lambda *at: seen.append(at)) == (2, 2)
    assert seen == [(2, 2)]
    with store.read() as db:
        assert {one.match.transform for one in findings.every(db)} == {"flip_y"}
        assert all(one.historic for one in findings.every(db))
        assert len(findings.every_alert(db)) == 1
        waiting = {(kind, key) for _, kind, key in outbox.head(db, 9)}
        assert waiting >= {("finding", one.id) for one in findings.every(db)}
    assert hunt(store, settings) == (2, 0)


@pytest.mark.usefixtures("_crawled")
def test_a_hunt_for_one_case_finds_no_other(store: Store, tmp_path: Path) -> None:
    enrol(store, "case-1")
    enrol(store, "case-2")
    assert hunt(store, settings_of(tmp_path), case_id="case-2") == (2, 2)
    with store.read() as db:
        assert {one.case_id for one in findings.every(db)} == {"case-2"}


@pytest.mark.usefixtures("_crawled")
def test_the_store_is_free_while_a_hunt_matches(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(store, "case-1")
    real = hunting.match

    def busy(*given: Any) -> Any:
        # Would wait for the busy timeout, and fail, if the hunt held the store.
        with store.write() as db:
            outbox.enqueue(db, outbox.POST, ["meanwhile"], NOW)
        return real(*given)

    monkeypatch.setattr(hunting, "match", busy)
    assert hunt(store, settings_of(tmp_path)) == (2, 2)


@pytest.mark.usefixtures("_crawled")
def test_a_case_that_is_withdrawn_during_a_hunt_is_not_found(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(store, "case-1")
    real = hunting.match

    def withdrawing(*given: Any) -> Any:
        found = real(*given)
        with store.write() as db:
            cases.withdraw(db, "case-1", actor="x", now=NOW)
        return found

    monkeypatch.setattr(hunting, "match", withdrawing)
    assert hunt(store, settings_of(tmp_path)) == (2, 0)
    with store.read() as db:
        assert findings.every(db) == findings.every_alert(db) == []


@pytest.mark.usefixtures("_crawled")
def test_a_hunt_that_finds_nothing_new_has_nothing_indexed_anew(
    store: Store, tmp_path: Path
) -> None:
    enrol(store, "case-1")
    hunt(store, settings_of(tmp_path))
    with store.write() as db:
        outbox.done(db, outbox.head(db, 99)[-1][0])
    hunt(store, settings_of(tmp_path))
    with store.read() as db:
        assert outbox.head(db, 9) == []


@pytest.mark.usefixtures("_crawled")
def test_a_hunt_goes_by_hashes_and_says_nothing_of_a_key_that_it_does_not_need(
    store: Store, tmp_path: Path
) -> None:
    sealed = replace(fingerprint("case-1", LOOK), features=b"sealed")
    with store.write() as db:
        cases.enrol(db, "case-1", [sealed], actor="x", now=NOW)
    with capture_logs() as logged:
        assert hunt(store, settings_of(tmp_path)) == (2, 2)
    assert logged == []


def test_a_hunt_finds_by_panels_and_by_the_same_file_too(
    store: Store, source: Source, tmp_path: Path
) -> None:
    panel = Panel((0.1, 0.1, 0.5, 0.5), flipped(LOOK[0], 30), 80)
    inside = replace(facts("collage"), panels=(panel,))
    same = facts("same", quality=MIN_QUALITY - 1)
    one = replace(fingerprint("case-1", LOOK), sha256=same.sha256)
    with store.write() as db:
        media = [picture(str(i), facts=facts(str(i))) for i in range(20)]
        media[7:7] = [picture("x", facts=inside), picture("y", facts=same)]
        posts.write(db, [item(source, 1, media=media)], NOW)
        cases.enrol(db, "case-1", [one], actor="x", now=NOW)
    assert hunt(store, settings_of(tmp_path)) == (22, 2)
    with store.read() as db:
        found = {one.match.method: one.match for one in findings.every(db)}
    assert found["sha256"].media_sha256 == same.sha256
    assert found["pdq"].region == panel.region


def test_a_hunt_finds_whole_pictures_in_inverted_colours(
    store: Store, source: Source, tmp_path: Path
) -> None:
    negative = flipped(flipped(LOOK[5], 256), 6)
    panel = Panel((0.1, 0.1, 0.5, 0.5), negative, 80)
    looks = {f"post {number}": facts(f"post {number}") for number in range(20)}
    looks["post 7"] = facts("post 7", pdq=negative)
    looks["post 9"] = replace(looks["post 9"], panels=(panel,))
    with store.write() as db:
        media = [picture(name, facts=one) for name, one in looks.items()]
        posts.write(db, [item(source, 1, media=media)], NOW)
    enrol(store, "case-1")
    assert hunt(store, settings_of(tmp_path)) == (20, 1)
    with store.read() as db:
        (found,) = (one.match for one in findings.every(db))
    assert (found.media_sha256, found.distance) == (looks["post 7"].sha256, 6)
    assert found.transform == inverted("flip_y")


@pytest.mark.usefixtures("_crawled")
def test_a_hunt_goes_on_where_a_part_ended(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hunting, "AT_ONCE", 1)
    enrol(store, "case-1")
    seen: list[tuple[int, int]] = []
    assert hunt(store, settings_of(tmp_path), progress=lambda *at: seen.append(at)) == (2, 2)
    assert seen == [(1, 2), (2, 2)]


def test_a_picture_without_texture_is_not_found_by_its_look(
    store: Store, source: Source, tmp_path: Path
) -> None:
    flat = picture("flat", facts=facts("flat", pdq=LOOK[0], quality=MIN_QUALITY - 1))
    with store.write() as db:
        posts.write(db, [item(source, 1, media=[flat])], NOW)
    enrol(store, "case-1")
    assert hunt(store, settings_of(tmp_path)) == (1, 0)
