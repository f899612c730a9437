from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.hashes.pdq import THRESHOLD
from monitor.models.case import Partner
from monitor.models.finding import AlertState, Finding, FindingStatus
from monitor.models.match import Grade, Match, Placing
from monitor.models.post import MediaKind
from monitor.store import audit, cases, findings, posts, quarantine, sources
from monitor.store.findings import Alerting
from monitor.store.store import Store
from tests.fixtures.stock import (
    ALERTING,
    NOW,
    StoppedClock,
    digest,
    facts,
    flipped,
    found,
    item,
    match,
    new_source,
    open_case,
    picture,
)

TWO = Alerting((("mail", "a@example.org"), ("mail", "b@example.org")), "example.org")


def states(store: Store) -> list[AlertState]:
    with store.read() as db:
        return [one.state for one in findings.every_alert(db)]


def test_a_finding_says_where_and_what_was_found(store: Store) -> None:
    with store.write() as db:
        (key,) = found(db)
    with store.read() as db:
        one = findings.get(db, key)
    assert one is not None
    assert (one.case_id, one.source, one.post_url) == (
        "case-1",
        "@channel",
        "https://t.me/channel/1",
    )
    assert one.match == match("case-1", "a")
    assert (one.status, one.found_at) == (FindingStatus.NEW, NOW)


def test_writing_a_match_twice_gives_one_finding_and_one_alert(store: Store) -> None:
    with store.write() as db:
        assert len(found(db)) == 1
        assert found(db) == []
    with store.read() as db:
        assert len(findings.every(db)) == 1
    assert states(store) == [AlertState.PENDING]


def test_each_recipient_is_told_once_of_the_same_picture_in_a_source(store: Store) -> None:
    with store.write() as db:
        for number in (1, 2, 3):
            found(db, number=number, alerting=TWO)
    with store.read() as db:
        told = [(one.recipient, one.message_id) for one in findings.every_alert(db)]
        assert len(findings.every(db)) == 3
    assert sorted(recipient for recipient, _ in told) == ["a@example.org", "b@example.org"]
    assert len({message for _, message in told}) == 2


@pytest.mark.parametrize("other", [{"address": "@elsewhere"}, {"name": "b"}, {"case_id": "case-2"}])
def test_another_source_picture_or_case_is_told_of(store: Store, other: dict[str, str]) -> None:
    with store.write() as db:
        found(db)
        found(db, number=2, **other)  # type: ignore[arg-type]  # one of the texts
    assert states(store) == [AlertState.PENDING] * 2


def test_what_is_to_be_reviewed_is_listed_and_not_mailed(store: Store) -> None:
    with store.write() as db:
        assert len(found(db, grade=Grade.REVIEW)) == 1
    assert states(store) == []


def test_a_match_of_a_withdrawn_case_is_dropped(store: Store) -> None:
    with store.write() as db:
        (key,) = found(db)
        cases.withdraw(db, "case-1", actor="x", now=NOW)
        one = findings.get(db, key)
        assert one is not None
        again = findings.add(
            db,
            source_id=one.source_id,
            post_id=one.post_id,
            matches=[match("case-1", "b"), match("case-none", "b")],
            alerting=ALERTING,
            now=NOW,
        )
    assert again == []


def test_a_withdrawal_deletes_the_hashes_and_calls_back_what_waits(store: Store) -> None:
    with store.write() as db:
        for number, state in enumerate((AlertState.FAILED, AlertState.SENT), start=1):
            found(db, number=number, name=str(number))
            (waiting,) = findings.due_alerts(db, NOW, 1)
            findings.set_alert(db, waiting.id, state)
        found(db, number=8, name="8")
        found(db, number=9, case_id="case-2")
        assert cases.withdraw(db, "case-1", actor="x", now=NOW) == 1
        assert cases.active_fingerprints(db, "case-1") == []
        assert len(cases.active_fingerprints(db)) == 1
        by_case = {
            case: {one.state for one in findings.every_alert(db) if one.case_id == case}
            for case in ("case-1", "case-2")
        }
        withdrawn, other = cases.every(db)
    assert by_case["case-1"] == {AlertState.CANCELLED, AlertState.SENT}
    assert by_case["case-2"] == {AlertState.PENDING}
    assert (withdrawn.status, withdrawn.withdrawn_at, withdrawn.fingerprints) == (
        "withdrawn",
        NOW,
        0,
    )
    assert (other.status, other.fingerprints) == ("active", 1)


def test_nothing_is_enrolled_under_a_withdrawn_case(store: Store) -> None:
    with store.write() as db:
        found(db)
        cases.withdraw(db, "case-1", actor="x", now=NOW)
        with pytest.raises(ValueError, match="withdrawn"):
            cases.enrol(db, "case-1", [], actor="x", now=NOW)


def test_a_dismissal_calls_back_every_alert_of_these_media(store: Store) -> None:
    with store.write() as db:
        (key,) = found(db)
        found(db, address="@elsewhere")
        found(db, name="b", number=2)
        findings.decide(db, key, FindingStatus.DISMISSED, actor="kim", now=NOW)
    assert sorted(states(store)) == ["cancelled", "cancelled", "pending"]
    with store.read() as db:
        one = findings.get(db, key)
    assert one is not None
    assert (one.status, one.decided_by, one.decided_at) == ("dismissed", "kim", NOW)


def test_dismissed_media_are_never_told_of_again(store: Store) -> None:
    with store.write() as db:
        (key,) = found(db)
        findings.decide(db, key, FindingStatus.DISMISSED, actor="kim", now=NOW)
        assert len(found(db, address="@elsewhere")) == 1
        assert len(found(db, case_id="case-2", number=5)) == 1
    with store.read() as db:
        alerts = findings.every_alert(db)
    assert sorted((one.case_id, one.state.value) for one in alerts) == [
        ("case-1", "cancelled"),
        ("case-2", "pending"),
    ]


@pytest.mark.parametrize(
    ("bits", "quality", "frames", "told"),
    [
        (THRESHOLD, 90, None, 0),
        (THRESHOLD + 1, 90, None, 1),
        (0, 10, None, 1),
        # A video that has a picture in common may show somebody else.
        (0, 90, b"frames", 1),
    ],
)
def test_near_copies_of_dismissed_pictures_are_not_told_of_either(
    store: Store, bits: int, quality: int, frames: bytes | None, told: int
) -> None:
    with store.write() as db:
        (key,) = found(db)
        findings.decide(db, key, FindingStatus.DISMISSED, actor="kim", now=NOW)
        source = sources.find(db, "@channel")
        assert source is not None
        near = facts("b", pdq=flipped(facts("a").pdq, bits), quality=quality)
        near = replace(near, frames=frames)
        posts.write(db, [item(source, 2, media=[picture("b", facts=near)])], NOW)
        new = findings.add(
            db,
            source_id=source.id,
            post_id=posts.post_id(source.id, "2"),
            matches=[match("case-1", "b")],
            alerting=ALERTING,
            now=NOW,
        )
        assert len(new) == 1
        waiting = findings.due_alerts(db, NOW, 9)
    assert len(waiting) == told


def test_a_confirmation_leaves_alerts_alone_and_is_in_the_audit(store: Store) -> None:
    with store.write() as db:
        (key,) = found(db)
        before = audit.version(db)
        findings.decide(db, key, FindingStatus.CONFIRMED, actor="kim", now=NOW)
        assert audit.version(db) == before + 1
        assert findings.count_by_status(db) == {"confirmed": 1}
    assert states(store) == [AlertState.PENDING]


def test_a_confirmation_lets_go_what_a_dismissal_of_the_same_media_called_back(
    store: Store,
) -> None:
    with store.write() as db:
        (key,) = found(db)
        (other,) = found(db, address="@elsewhere")
        (third,) = found(db, name="b", number=2)
        for one in (key, third):
            findings.decide(db, one, FindingStatus.DISMISSED, actor="kim", now=NOW)
        later = NOW + timedelta(hours=1)
        findings.decide(db, other, FindingStatus.CONFIRMED, actor="lee", now=later)
        alerts = findings.every_alert(db)
    waiting = [one for one in alerts if one.state is AlertState.PENDING]
    assert {one.finding_id for one in waiting} == {key, other}
    assert {(one.next_try_at, one.error) for one in waiting} == {(later, "")}
    assert [one.finding_id for one in alerts if one.state is AlertState.CANCELLED] == [third]


def test_a_confirmation_sends_nothing_twice_and_nothing_of_a_withdrawn_case(store: Store) -> None:
    with store.write() as db:
        (sent,) = found(db)
        (alert,) = findings.every_alert(db)
        findings.set_alert(db, alert.id, AlertState.SENT)
        findings.decide(db, sent, FindingStatus.CONFIRMED, actor="kim", now=NOW)
        assert findings.count_alerts(db) == {"sent": 1}
        (gone,) = found(db, case_id="case-2", number=2, name="b")
        cases.withdraw(db, "case-2", actor="kim", now=NOW)
        findings.decide(db, gone, FindingStatus.CONFIRMED, actor="kim", now=NOW)
        assert findings.count_alerts(db) == {"sent": 1, "cancelled": 1}


def test_findings_are_listed_by_case_status_and_post(store: Store) -> None:
    with store.write() as db:
        (first,) = found(db)
        (second,) = found(db, case_id="case-2", number=2)
        findings.decide(db, second, FindingStatus.CONFIRMED, actor="kim", now=NOW)
        assert [one.id for one in findings.every(db, case_id="case-1")] == [first]
        assert [one.id for one in findings.every(db, status=FindingStatus.CONFIRMED)] == [second]
        post = findings.every(db, case_id="case-2")[0].post_id
        assert [one.id for one in findings.every(db, post_id=post)] == [second]
        assert findings.get(db, "d-none") is None


def test_alerts_are_due_from_their_time_on_and_retry_makes_all_due(store: Store) -> None:
    clock = StoppedClock()
    with store.write() as db:
        found(db)
        (alert,) = findings.due_alerts(db, clock(), 10)
        clock.move(minutes=5)
        later = {"next_try_at": clock(), "attempts": 4, "refusals": 3}
        findings.set_alert(db, alert.id, AlertState.PENDING, **later)
        assert findings.due_alerts(db, NOW, 10) == []
        assert findings.retry_alerts(db, NOW) == 1
        (due,) = findings.due_alerts(db, NOW, 10)
        assert (due.attempts, due.refusals) == (0, 0)
        findings.set_alert(db, alert.id, AlertState.SENT)
        assert findings.retry_alerts(db, NOW) == 0
        assert findings.count_alerts(db) == {"sent": 1}


PLACING = Placing(inliers=40, agreement=0.9, shown=0.6, scale=0.5, angle=-3.5)


def placed(name: str = "a", *, grade: Grade = Grade.STRONG, case_id: str = "case-1") -> Match:
    """A match by local features."""
    return replace(
        match(case_id, name, grade=grade),
        method="features",
        distance=None,
        region=(0.1, 0.2, 0.3, 0.4),
        placing=PLACING,
    )


def placed_in(store: Store, number: int, one: Match, address: str = "@channel") -> list[str]:
    with store.write() as db:
        if not cases.is_active(db, one.case_id):
            open_case(db, one.case_id)
        source = sources.find(db, address) or new_source(db, address)
        posts.write(db, [item(source, number, media=[picture("a")])], NOW)
        return findings.add(
            db,
            source_id=source.id,
            post_id=posts.post_id(source.id, str(number)),
            matches=[one],
            alerting=ALERTING,
            now=NOW,
        )


def test_where_features_placed_a_photo_is_kept(store: Store) -> None:
    (key,) = placed_in(store, 1, placed())
    with store.read() as db:
        one = findings.get(db, key)
        assert one is not None
        assert one.match == placed()
        assert findings.by_features(db, digest("a")) == [placed()]
        assert findings.by_features(db, digest("b")) == []
    assert states(store) == [AlertState.PENDING]


def test_what_was_held_back_is_as_sure_as_it_was_once_the_photo_is_released(store: Store) -> None:
    given = [placed(), placed(grade=Grade.REVIEW)]
    with store.write() as db:
        quarantine.hold(db, given[0].fingerprint_id, "case-1", NOW)
    for number, one in enumerate(given, 1):
        placed_in(store, number, one)
    with store.read() as db:
        assert {one.match.grade for one in findings.every(db)} == {Grade.REVIEW}
        assert sorted(one.grade for one in findings.by_features(db, digest("a"))) == [
            Grade.REVIEW,
            Grade.STRONG,
        ]


def test_what_hashes_found_is_not_taken_for_what_features_found(store: Store) -> None:
    with store.write() as db:
        found(db)
        assert findings.by_features(db, digest("a")) == []


def test_features_that_are_to_be_reviewed_are_listed_and_not_mailed(store: Store) -> None:
    assert len(placed_in(store, 1, placed(grade=Grade.REVIEW))) == 1
    assert states(store) == []


def test_media_that_were_dismissed_do_not_alert_again_when_features_find_them(
    store: Store,
) -> None:
    (key,) = placed_in(store, 1, placed())
    with store.write() as db:
        findings.decide(db, key, FindingStatus.DISMISSED, actor="kim", now=NOW)
    assert len(placed_in(store, 2, placed(), "@elsewhere")) == 1
    assert states(store) == [AlertState.CANCELLED]


def test_a_finding_names_the_message_of_an_album_and_where_it_was_forwarded_from(
    store: Store,
) -> None:
    with store.write() as db:
        open_case(db)
        source = new_source(db)
        kinds = {"v": MediaKind.VIDEO_THUMB, "w": MediaKind.VIDEO}
        album = [
            replace(one, ref=replace(one.ref, kind=kinds.get(name, one.ref.kind)))
            for name in "vwab"
            if (one := picture(name))
        ]
        origin = "https://t.me/origin/9"
        given = item(source, 80, media=album, member_ids=("81", "83"), forwarded_from=origin)
        posts.write(db, [given], NOW)
        (key,) = findings.add(
            db,
            source_id=source.id,
            post_id=posts.post_id(source.id, "80"),
            matches=[match("case-1", "b")],
            alerting=ALERTING,
            now=NOW,
        )
        one = findings.get(db, key)
    assert one is not None
    assert (one.picture, one.pictures, one.forwarded_from) == (3, 3, origin)
    assert one.member_url == "https://t.me/channel/83"


@pytest.mark.parametrize(
    ("kinds", "number", "of"),
    [
        ("thumb video photo", 1, 2),
        ("photo thumb video photo", 2, 3),
        ("thumb video thumb video", 1, 2),
        ("video photo", 1, 2),
        ("photo video video", 2, 3),
    ],
)
def test_a_video_has_the_number_of_its_small_picture(
    store: Store, kinds: str, number: int, of: int
) -> None:
    named = {
        "thumb": MediaKind.VIDEO_THUMB,
        "video": MediaKind.VIDEO,
        "photo": MediaKind.PHOTO,
    }
    words = kinds.split()
    with store.write() as db:
        open_case(db)
        source = new_source(db)
        album = [
            replace(one, ref=replace(one.ref, kind=named[word]))
            for at, word in enumerate(words)
            if (one := picture(str(at)))
        ]
        members = tuple(str(81 + at) for at in range(of - 1))
        posts.write(db, [item(source, 80, media=album, member_ids=members)], NOW)
        (key,) = findings.add(
            db,
            source_id=source.id,
            post_id=posts.post_id(source.id, "80"),
            matches=[match("case-1", str(words.index("video")))],
            alerting=ALERTING,
            now=NOW,
        )
        one = findings.get(db, key)
    assert one is not None
    assert (one.picture, one.pictures) == (number, of)
    assert one.member_url == f"https://t.me/channel/{79 + number}"


def test_a_sticker_that_moves_is_one_with_its_small_picture(store: Store) -> None:
    with store.write() as db:
        open_case(db)
        source = new_source(db)
        origins = ("tg:document:1:thumb", "tg:document:1", "tg:document:2")
        stickers = [
            replace(one, ref=replace(one.ref, kind=MediaKind.STICKER, origin_id=origin))
            for origin in origins
            if (one := picture(origin))
        ]
        posts.write(db, [item(source, 80, media=stickers)], NOW)
        for origin, number in zip(origins, (1, 1, 2), strict=True):
            (key,) = findings.add(
                db,
                source_id=source.id,
                post_id=posts.post_id(source.id, "80"),
                matches=[match("case-1", origin)],
                alerting=ALERTING,
                now=NOW,
            )
            one = findings.get(db, key)
            assert one is not None
            assert (one.picture, one.pictures) == (number, 2)


def of_partner(photo: str, distance: int) -> Match:
    """A match by a partner's bare hash of somebody's photo."""
    one = match("case-1", "a", distance=distance)
    return replace(one, fingerprint_id=photo, partner=Partner("StopNCII", photo))


def partner_finds(store: Store, number: int) -> Finding:
    """A picture near to two people's photos of a partner's case is posted."""
    with store.write() as db:
        if not cases.is_active(db, "case-1"):
            open_case(db)
        source = sources.find(db, "@channel") or new_source(db)
        posts.write(db, [item(source, number, media=[picture("a")])], NOW)
        (key,) = findings.add(
            db,
            source_id=source.id,
            post_id=posts.post_id(source.id, str(number)),
            matches=[of_partner("f-one", 2), of_partner("f-two", 5)],
            alerting=ALERTING,
            now=NOW,
        )
        found = findings.get(db, key)
    assert found is not None
    return found


def test_in_a_partners_case_a_dismissal_silences_that_photo_only(store: Store) -> None:
    first = partner_finds(store, 1)
    with store.write() as db:
        findings.decide(db, first.id, FindingStatus.DISMISSED, actor="kim", now=NOW)
    second = partner_finds(store, 2)
    assert (first.match.fingerprint_id, second.match.fingerprint_id) == ("f-one", "f-two")
    assert sorted(states(store)) == [AlertState.CANCELLED, AlertState.PENDING]


def test_in_a_partners_case_a_quarantine_holds_that_photo_only(store: Store) -> None:
    with store.write() as db:
        open_case(db)
        quarantine.hold(db, "f-one", "case-1", NOW)
    found = partner_finds(store, 1)
    assert (found.match.fingerprint_id, found.match.grade) == ("f-two", Grade.STRONG)
    assert states(store) == [AlertState.PENDING]
