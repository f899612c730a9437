from __future__ import annotations

from monitor.registry.bank import Registry, build, to_words
from monitor.store import cases
from monitor.store.store import Store
from tests.fixtures.stock import NOW, digest, eight, fingerprint


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
