from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update
from structlog.testing import capture_logs

from monitor.features.index import probe_of
from monitor.features.sealing import KEY_BYTES, Sealer
from monitor.pictures import decode
from monitor.registry.bank import Bank, Registry, build, open_registry
from monitor.registry.enrolment import fingerprint as enrolled
from monitor.registry.facts import describe
from monitor.registry.matcher import match
from monitor.registry.placed import local_matches
from monitor.store import cases
from monitor.store.store import Store
from monitor.store.tables import local_features
from tests.fixtures.pictures import encoded
from tests.fixtures.posted import photo
from tests.fixtures.stock import NOW, digest, eight, facts, fingerprint, flipped, settings_of


def cases_near(bank: Bank, word: str = "a") -> set[str]:
    """Tell in which cases a photo is found by its look."""
    return {one.case_id for one in match(bank, facts("post", pdq=flipped(eight(word)[3], 8)))}


def enrol(store: Store, case_id: str, word: str = "a") -> None:
    with store.write() as db:
        cases.enrol(db, case_id, [fingerprint(case_id, eight(word))], actor="x", now=NOW)


def withdraw(store: Store, case_id: str) -> None:
    with store.write() as db:
        cases.withdraw(db, case_id, actor="x", now=NOW)


def test_a_bank_of_nothing_has_nothing() -> None:
    bank = build(())
    assert (len(bank.nearest), len(bank.local), dict(bank.local_prints)) == (0, 0, {})


def test_enrolments_and_withdrawals_count_at_once(store: Store) -> None:
    registry = Registry(store)
    assert cases_near(registry.bank()) == set()
    enrol(store, "case-1")
    first = registry.bank()
    assert cases_near(first) == {"case-1"}
    assert registry.bank() is first
    enrol(store, "case-2")
    assert cases_near(registry.bank()) == {"case-1", "case-2"}
    withdraw(store, "case-1")
    assert cases_near(registry.bank()) == {"case-2"}


def test_a_withdrawal_is_in_force_in_a_bank_that_was_taken_before_it(store: Store) -> None:
    with store.write() as db:
        one = fingerprint("case-1", eight("a"), sha256=digest("a"))
        cases.enrol(db, "case-1", [one], actor="x", now=NOW)
    bank = Registry(store).bank()
    assert match(bank, facts("a"))
    withdraw(store, "case-1")
    assert cases_near(bank) == set()
    assert match(bank, facts("a")) == []
    assert bank.prints.watched([one.id]) == set()


def test_an_enrolment_costs_the_reading_of_what_is_new(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(store)
    for number in range(5):
        enrol(store, f"case-{number}", str(number))
    registry.bank()
    read: list[tuple[int, int]] = []
    real = cases.hashes_between

    def noted(db: Connection, first: int, last: int) -> Iterator[cases.HashRow]:
        read.append((first, last))
        return real(db, first, last)

    monkeypatch.setattr(cases, "hashes_between", noted)
    enrol(store, "case-5", "5")
    withdraw(store, "case-2")
    assert cases_near(registry.bank(), "5") == {"case-5"}
    assert read == [(6, 6)]


def test_a_photo_that_is_cropped_anew_is_found_by_its_new_hashes_only(store: Store) -> None:
    registry = Registry(store)
    one = fingerprint("case-1", [*eight("a"), *eight("inner")])
    again = replace(one, pdq=(one.pdq[0], *eight("other")[1:]))
    for given in (one, again):
        with store.write() as db:
            cases.enrol(db, "case-1", [given], actor="x", now=NOW, anew=True)
        bank = registry.bank()
    assert cases_near(bank, "other") == {"case-1"}
    assert cases_near(bank, "inner") == set()


def test_an_enrolment_that_was_not_committed_does_not_count(store: Store) -> None:
    registry = Registry(store)
    with store.write() as db:
        cases.enrol(db, "case-1", [fingerprint("case-1", eight("a"))], actor="x", now=NOW)
        assert cases_near(registry.bank()) == set()
    assert cases_near(registry.bank()) == {"case-1"}


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
    assert (len(bank.nearest), len(bank.local)) == (16, 1)
    (owner,) = bank.local_prints.values()
    assert owner.case_id == "case-1"
    (found,) = local_matches(bank, facts("post"), probe_of(PHOTO.rgb))
    assert found.fingerprint_id == owner.id


@pytest.mark.parametrize("key", [None, OTHER], ids=["no key", "another key"])
def test_without_the_right_key_hashes_still_match_and_the_log_says_so(
    store: Store, key: Sealer | None
) -> None:
    enrol_with_features(store, "case-1")
    with capture_logs() as logged:
        bank = Registry(store, key).bank()
    assert (len(bank.local), len(bank.nearest)) == (0, 8)
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
        assert len(registry.bank().nearest) == 8
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
    assert [one.case_id for one in bank.local_prints.values()] == ["case-2"]
    assert len(bank.local) == 1
    with store.write() as db:
        cases.withdraw(db, "case-2", actor="x", now=NOW)
    assert len(registry.bank().local) == 0


def test_a_reading_that_fails_halfway_is_made_up_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(store, KEY)
    other = enrolled(decode(encoded(photo(2), "PNG")), "case-2", NOW, sealer=KEY, features=True)
    enrol_with_features(store, "case-1")
    with store.write() as db:
        cases.enrol(db, "case-2", [other], actor="x", now=NOW)
    real = cases.with_sealed

    def failing(*given: Any) -> Iterator[Any]:
        yield from islice(real(*given), 1)
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(cases, "with_sealed", failing)
        with pytest.raises(MemoryError):
            registry.bank()
    bank = registry.bank()
    assert len(bank.local) == len(bank.local_prints) == 2
    (found,) = local_matches(bank, facts("post"), probe_of(PHOTO.rgb))
    assert found.case_id == "case-1"


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


def test_photos_of_a_large_bank_are_looked_for_by_features_or_by_windows(store: Store) -> None:
    enrol_with_features(store, "case-1")
    with store.write() as db:
        one = enrolled(PHOTO, "case-2", NOW, sealer=KEY)
        cases.enrol(db, "case-2", [one], actor="x", now=NOW)
    both = Registry(store, KEY).bank()
    assert (len(both.local), len(both.windows)) == (1, 2)
    registry = Registry(store, KEY, both_up_to=0)
    bank = registry.bank()
    assert {one.case_id for one in bank.local_prints.values()} == {"case-1"}
    assert {one.case_id for one in bank.window_prints.values()} == {"case-2"}
    with store.write() as db:
        cases.revoke_consent(db, "case-1", actor="x", now=NOW)
    assert (len(registry.bank().local), len(registry.bank().windows)) == (0, 2)
    assert len(Registry(store, KEY, windows=False).bank().windows) == 0
