from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from monitor.store import audit, cases
from monitor.store.store import Store
from monitor.store.tables import audit as audit_table
from monitor.store.tables import cases as cases_table
from monitor.store.tables import local_features
from tests.fixtures.stock import NOW, eight, fingerprint

LATER = NOW + timedelta(days=1)


def enrol(store: Store, case_id: str, word: str, features: bytes | None = None) -> None:
    one = replace(fingerprint(case_id, eight(word)), features=features)
    with store.write() as db:
        cases.enrol(db, case_id, [one], actor="kim", now=NOW)


def kept(store: Store) -> int:
    with store.read() as db:
        return db.scalar(select(func.count()).select_from(local_features)) or 0


def test_consent_is_recorded_once_with_its_time_and_who_recorded_it(store: Store) -> None:
    enrol(store, "case-1", "a")
    with store.write() as db:
        assert not cases.has_consent(db, "case-1")
        cases.give_consent(db, "case-1", actor="kim", now=NOW)
        version = audit.version(db)
        cases.give_consent(db, "case-1", actor="lee", now=LATER)
        assert cases.has_consent(db, "case-1")
        row = db.execute(select(cases_table.c.consent_at, cases_table.c.consent_by)).one()
        assert tuple(row) == (NOW, "kim")
        assert audit.version(db) == version
        (one,) = cases.every(db)
        last = db.execute(select(audit_table).order_by(audit_table.c.seq.desc())).first()
    assert one.has_consent
    assert last is not None
    assert (last.actor, last.action, last.subject) == ("kim", "local features agreed", "case-1")


def test_consent_that_is_revoked_deletes_the_features_of_that_case_only(store: Store) -> None:
    enrol(store, "case-1", "a", b"sealed a")
    enrol(store, "case-1", "b", b"sealed b")
    enrol(store, "case-1", "c")
    enrol(store, "case-2", "a", b"sealed 2")
    with store.write() as db:
        for case_id in ("case-1", "case-2"):
            cases.give_consent(db, case_id, actor="kim", now=NOW)
        assert cases.revoke_consent(db, "case-1", actor="lee", now=LATER) == 2
        assert not cases.has_consent(db, "case-1")
        assert cases.has_consent(db, "case-2")
        left = {one.case_id: one.features for one in cases.active_fingerprints(db)}
        assert len(cases.active_fingerprints(db, "case-1")) == 3
    assert left == {"case-1": None, "case-2": b"sealed 2"}
    assert kept(store) == 1
    with store.write() as db:
        cases.give_consent(db, "case-1", actor="lee", now=LATER)
        assert cases.has_consent(db, "case-1")


def test_a_withdrawal_deletes_the_features(store: Store) -> None:
    enrol(store, "case-1", "a", b"sealed a")
    enrol(store, "case-2", "a", b"sealed 2")
    with store.write() as db:
        assert cases.withdraw(db, "case-1", actor="kim", now=NOW) == 1
    assert kept(store) == 1


@pytest.mark.parametrize("anew", [False, True])
def test_features_of_a_photo_that_is_enrolled_again_replace_the_old_ones(
    store: Store, anew: bool
) -> None:
    for sealed in (b"one", b"two"):
        one = replace(fingerprint("case-1", eight("a")), features=sealed)
        with store.write() as db:
            cases.enrol(db, "case-1", [one], actor="kim", now=NOW, anew=anew)
    with store.read() as db:
        (found,) = cases.active_fingerprints(db)
    assert found.features == b"two"


def test_no_consent_is_given_or_revoked_for_a_case_that_does_not_exist(store: Store) -> None:
    with store.write() as db:
        cases.give_consent(db, "none", actor="kim", now=NOW)
        assert not cases.has_consent(db, "none")
        assert audit.version(db) == 0
        assert cases.revoke_consent(db, "none", actor="kim", now=NOW) == 0


def test_each_change_of_a_fingerprint_has_a_number_that_was_never_given(store: Store) -> None:
    seen: list[int] = []
    for word, case_id, anew in (("a", "1", False), ("b", "2", False), ("b", "2", True)):
        with store.write() as db:
            one = fingerprint(case_id, eight(word))
            cases.enrol(db, case_id, [one], actor="x", now=NOW, anew=anew)
            seen.append(max(cases.seqs_between(db, 1, 99)))
    with store.write() as db:
        cases.withdraw(db, "2", actor="x", now=NOW)
        assert cases.seqs_between(db, 1, 99) == seen[:1]
        cases.enrol(db, "3", [fingerprint("3", eight("c"))], actor="x", now=NOW)
        seen.append(max(cases.seqs_between(db, 1, 99)))
    assert seen == sorted(set(seen))


def test_an_import_of_what_is_there_uses_no_numbers_up(store: Store) -> None:
    prints = [fingerprint("1", [f"{number:064x}"]) for number in range(600)]
    with store.write() as db:
        assert cases.enrol(db, "1", [*prints, *prints[-9:]], actor="x", now=NOW) == 600
        assert cases.enrol(db, "1", prints, actor="x", now=NOW) == 0
        assert cases.latest_seq(db) == 600
        more = fingerprint("1", [f"{600:064x}"])
        assert cases.enrol(db, "1", [*prints[:5], more, more], actor="x", now=NOW) == 1
        assert cases.latest_seq(db) == 601
        found = cases.of_seqs(db, range(1, 602))
    assert [one.id for one in found.values()] == [one.id for one in (*prints, more)]


def test_many_fingerprints_are_written_and_found_by_their_numbers(store: Store) -> None:
    prints = [fingerprint("1", [f"{number:064x}"]) for number in range(1_200)]
    with store.write() as db:
        assert cases.enrol(db, "1", prints, actor="x", now=NOW) == 1_200
        again = [fingerprint("1", one.pdq) for one in prints]
        assert cases.enrol(db, "1", again, actor="x", now=NOW) == 0
        found = cases.of_seqs(db, range(1, 5_000))
        assert [one.pdq for one in found.values()] == [one.pdq for one in prints]
        rows = list(cases.hashes_between(db, 700, 701))
        assert rows == [(n, 100, list(prints[n - 1].pdq)) for n in (700, 701)]
        assert cases.count_between(db, 1, 1_000) == 1_000
