from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from monitor.models.finding import FindingStatus
from monitor.models.match import Grade
from monitor.models.media import MediaFacts
from monitor.store import audit, cases, findings, posts, quarantine, sources
from monitor.store.quarantine import Rule
from monitor.store.store import Store
from tests.fixtures.stock import (
    ALERTING,
    NOW,
    facts,
    flipped,
    item,
    match,
    new_source,
    open_case,
    picture,
)

MOST = 3
DAY = timedelta(days=1)
TOLD = replace(ALERTING, too_much=Rule(unlike=MOST, within=DAY))


@pytest.fixture
def photo(store: Store) -> str:
    """The one photo of a case."""
    with store.write() as db:
        open_case(db)
        new_source(db)
        return cases.active_fingerprints(db)[0].id


def seen(
    db: Connection,
    photo: str,
    number: int,
    *,
    media: MediaFacts | None = None,
    grade: Grade = Grade.STRONG,
    now: datetime = NOW,
) -> list[str]:
    """A photo is found in a picture, which is unlike all others unless it is given."""
    media = media or facts(f"unlike {number}")
    source = sources.find(db, "@channel")
    assert source is not None
    posts.write(db, [item(source, number, media=[picture(str(number), facts=media)])], now)
    one = replace(match("case-1", "", grade=grade), fingerprint_id=photo, media_sha256=media.sha256)
    key = posts.post_id(source.id, str(number))
    return findings.add(db, source_id=source.id, post_id=key, matches=[one], alerting=TOLD, now=now)


def grades(db: Connection) -> list[str]:
    """By post."""
    return [
        one.match.grade.value for one in sorted(findings.every(db), key=lambda one: one.post_url)
    ]


def test_a_photo_that_matches_too_much_is_held_back_from_then_on(store: Store, photo: str) -> None:
    with store.write() as db:
        version = audit.version(db)
        for number in range(1, MOST + 3):
            seen(db, photo, number)
        assert grades(db) == ["strong"] * MOST + ["review"] * 2
        assert len(findings.every_alert(db)) == MOST
        (held,) = quarantine.every(db)
        assert audit.version(db) > version
    assert (held.fingerprint_id, held.case_id, held.since) == (photo, "case-1", NOW)
    assert held.findings >= 2


def test_the_rule_is_decided_with_the_findings_or_not_at_all(store: Store, photo: str) -> None:
    def killed() -> None:
        with store.write() as db:
            for number in range(1, MOST + 2):
                seen(db, photo, number)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    with store.read() as db:
        assert (findings.every(db), quarantine.every(db)) == ([], [])


def test_a_finding_that_is_there_already_counts_once(store: Store, photo: str) -> None:
    with store.write() as db:
        for _ in range(3):
            for number in range(1, MOST + 1):
                seen(db, photo, number)
        assert quarantine.every(db) == []
        assert grades(db) == ["strong"] * MOST


def test_near_copies_of_one_picture_are_one(store: Store, photo: str) -> None:
    one = facts("viral")
    with store.write() as db:
        for number in range(1, 20):
            copy = facts(f"copy {number}", pdq=flipped(one.pdq, number))
            seen(db, photo, number, media=copy)
            seen(db, photo, 100 + number, media=copy)
        assert quarantine.every(db) == []
        for number in range(201, 201 + MOST):
            blank = facts(f"blank {number}", pdq=one.pdq, quality=0)
            seen(db, photo, number, media=blank)
        assert len(quarantine.every(db)) == 1


def test_what_was_long_ago_does_not_count(store: Store, photo: str) -> None:
    with store.write() as db:
        for number in range(1, 3 * MOST):
            seen(db, photo, number, now=NOW + number * DAY / MOST)
        assert quarantine.every(db) == []


def test_what_a_person_confirmed_does_not_count(store: Store, photo: str) -> None:
    with store.write() as db:
        for number in range(1, 3 * MOST):
            (key,) = seen(db, photo, number)
            findings.decide(db, key, FindingStatus.CONFIRMED, actor="test", now=NOW)
        assert quarantine.every(db) == []


def test_the_enrolled_file_itself_is_mailed_all_the_same(store: Store, photo: str) -> None:
    with store.write() as db:
        for number in range(1, MOST + 2):
            seen(db, photo, number)
        seen(db, photo, 50, grade=Grade.EXACT)
        assert grades(db)[-1] == "exact"


def test_another_photo_is_not_held_back(store: Store, photo: str) -> None:
    with store.write() as db:
        for number in range(1, MOST + 2):
            seen(db, photo, number)
        seen(db, "another", 50)
        assert grades(db)[-1] == "strong"


def test_a_released_photo_alerts_again_and_what_it_matched_before_is_forgotten(
    store: Store, photo: str
) -> None:
    later = NOW + timedelta(hours=1)
    with store.write() as db:
        for number in range(1, MOST + 2):
            seen(db, photo, number)
        assert quarantine.release(db, photo, actor="test", now=later)
        assert not quarantine.release(db, photo, actor="test", now=later)
        assert quarantine.every(db) == []
        for number in range(50, 50 + MOST):
            seen(db, photo, number, now=later + timedelta(minutes=1))
        assert quarantine.every(db) == []
        assert len(findings.every_alert(db)) == 2 * MOST
        seen(db, photo, 99, now=later + timedelta(minutes=2))
        assert [one.since for one in quarantine.every(db)] == [later + timedelta(minutes=2)]


def test_a_withdrawal_ends_quarantine(store: Store, photo: str) -> None:
    with store.write() as db:
        for number in range(1, MOST + 2):
            seen(db, photo, number)
        cases.withdraw(db, "case-1", actor="test", now=NOW)
        assert quarantine.every(db) == []
        assert not quarantine.release(db, photo, actor="test", now=NOW)
