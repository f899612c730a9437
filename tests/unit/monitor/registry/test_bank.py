from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from monitor.features.index import probe_of
from monitor.features.sealing import KEY_BYTES, Sealer
from monitor.pictures import decode
from monitor.registry.bank import Registry, build, open_registry, to_words
from monitor.registry.enrolment import fingerprint as enrolled
from monitor.registry.facts import describe
from monitor.registry.matcher import match
from monitor.registry.placed import local_matches
from monitor.store import cases
from monitor.store.store import Store
from monitor.store.tables import local_features
from tests.fixtures.pictures import encoded
from tests.fixtures.posted import photo
from tests.fixtures.stock import NOW, digest, eight, facts, fingerprint, settings_of


def test_no_hashes_are_an_empty_table_of_the_right_shape() -> None:
    assert to_words([]).shape == (0, 4)
    bank = build(())
    assert (bank.words.shape, bank.owners.shape, bank.by_sha256) == ((0, 4), (0,), {})


def test_each_row_knows_its_photo_and_its_turn() -> None:
    bank = build([fingerprint("a", eight("a")), fingerprint("b", [digest("b")])])
    assert bank.words.shape == (9, 4)
    assert bank.owners.tolist() == [0] * 8 + [1]
    assert bank.variants.tolist() == [*range(8), 0]
    assert bank.words[8].tobytes().hex() == digest("b")


def test_equal_fingerprints_are_kept_apart() -> None:
    twice = [fingerprint(case, eight("a"), sha256=digest("a")) for case in ("a", "b")]
    bank = build(twice)
    assert bank.by_sha256 == {digest("a"): (0, 1)}
    assert len(bank.words) == 16


def test_enrolments_and_withdrawals_count_at_once(store: Store) -> None:
    registry = Registry(store)
    assert registry.bank().fingerprints == ()
    with store.write() as db:
        cases.enrol(db, "case-1", [fingerprint("case-1", eight("a"))], actor="x", now=NOW)
    first = registry.bank()
    assert [one.case_id for one in first.fingerprints] == ["case-1"]
    assert registry.bank() is first
    with store.write() as db:
        cases.withdraw(db, "case-1", actor="x", now=NOW)
    assert registry.bank().fingerprints == ()


def test_an_enrolment_that_was_not_committed_does_not_count(store: Store) -> None:
    registry = Registry(store)
    with store.write() as db:
        cases.enrol(db, "case-1", [fingerprint("case-1", eight("a"))], actor="x", now=NOW)
        assert registry.bank().fingerprints == ()
    assert len(registry.bank().fingerprints) == 1


KEY, OTHER = Sealer(bytes(KEY_BYTES)), Sealer(b"o" * KEY_BYTES)
PHOTO = decode(encoded(photo(1), "PNG"))


def enrol_with_features(store: Store, case_id: str, key: Sealer = KEY) -> None:
    one = enrolled(PHOTO, case_id, NOW, sealer=key, features=True)
    with store.write() as db:
        cases.enrol(db, case_id, [one], actor="x", now=NOW)


def test_local_features_are_opened_and_belong_to_their_photo(store: Store) -> None:
    with store.write() as db:
        cases.enrol(db, "case-0", [fingerprint("case-0", eight("a"))], actor="x", now=NOW)
    enrol_with_features(store, "case-1")
    bank = Registry(store, KEY).bank()
    assert (len(bank.fingerprints), len(bank.local)) == (2, 1)
    (owner,) = bank.local_owners
    assert bank.fingerprints[owner].case_id == "case-1"
    (found,) = local_matches(bank, facts("post"), probe_of(PHOTO.rgb))
    assert found.fingerprint_id == bank.fingerprints[owner].id


@pytest.mark.parametrize("key", [None, OTHER], ids=["no key", "another key"])
def test_without_the_right_key_hashes_still_match_and_the_log_says_so(
    store: Store, key: Sealer | None
) -> None:
    enrol_with_features(store, "case-1")
    with capture_logs() as logged:
        bank = Registry(store, key).bank()
    assert (len(bank.local), len(bank.words)) == (0, 8)
    (found,) = match(bank, describe(PHOTO)[0])
    assert found.case_id == "case-1"
    assert [(one["event"], one["photos"]) for one in logged] == [("features.unreadable", 1)]


def test_a_bad_key_leaves_the_hashes_and_is_logged_without_the_key(
    store: Store, tmp_path: Path
) -> None:
    enrol_with_features(store, "case-1")
    (tmp_path / "features.key").write_text("hardly a secret\n")
    with capture_logs() as logged:
        registry = open_registry(store, settings_of(tmp_path))
        assert len(registry.bank().words) == 8
    assert [one["event"] for one in logged] == ["features.no_key", "features.unreadable"]
    assert "hardly" not in str(logged)


def test_features_that_were_given_to_another_photo_are_refused(store: Store) -> None:
    enrol_with_features(store, "case-1")
    enrol_with_features(store, "case-2")
    with store.write() as db:
        sealed = db.scalars(select(local_features.c.sealed)).all()
        db.execute(update(local_features).values(sealed=sealed[0]))
    with capture_logs():
        assert len(Registry(store, KEY).bank().local) == 1


def test_features_come_and_go_with_their_case_and_consent(store: Store) -> None:
    registry = Registry(store, KEY)
    enrol_with_features(store, "case-1")
    assert len(registry.bank().local) == 1
    enrol_with_features(store, "case-2")
    assert len(registry.bank().local) == 2
    with store.write() as db:
        cases.revoke_consent(db, "case-1", actor="x", now=NOW)
    bank = registry.bank()
    assert (len(bank.fingerprints), len(bank.local)) == (2, 1)
    assert bank.fingerprints[bank.local_owners[0]].case_id == "case-2"
    with store.write() as db:
        cases.withdraw(db, "case-2", actor="x", now=NOW)
    assert len(registry.bank().local) == 0


def test_each_change_of_a_case_is_another_version(store: Store) -> None:
    registry = Registry(store, KEY)
    seen = [registry.bank().version]
    enrol_with_features(store, "case-1")
    seen.append(registry.bank().version)
    assert registry.bank().version == seen[-1]
    with store.write() as db:
        cases.revoke_consent(db, "case-1", actor="x", now=NOW)
    seen.append(registry.bank().version)
    assert len(set(seen)) == 3
