from __future__ import annotations

from datetime import timedelta

from monitor.store import outbox
from monitor.store.store import Store
from tests.fixtures.stock import NOW, found


def test_entries_come_out_in_the_order_they_went_in(store: Store) -> None:
    with store.write() as db:
        outbox.enqueue(db, outbox.POST, [], NOW)
        outbox.enqueue(db, outbox.POST, ["b", "a", "b"], NOW)
        outbox.enqueue(db, outbox.FINDING, ["c"], NOW + timedelta(seconds=1))
        head = outbox.head(db, 2)
        assert [one[1:] for one in head] == [("post", "b"), ("post", "a")]
        assert outbox.backlog(db) == (4, NOW)
        outbox.done(db, head[-1][0])
        assert [one[2] for one in outbox.head(db, 9)] == ["b", "c"]


def test_numbers_are_not_used_twice_so_that_done_forgets_no_newer_entry(store: Store) -> None:
    with store.write() as db:
        outbox.enqueue(db, outbox.POST, ["a"], NOW)
        (first, _, _) = outbox.head(db, 1)[0]
        outbox.done(db, first)
        outbox.enqueue(db, outbox.POST, ["b"], NOW)
        outbox.done(db, first)
        assert len(outbox.head(db, 9)) == 1
        assert outbox.backlog(db)[0] == 1


def test_an_empty_outbox_waits_since_never(store: Store) -> None:
    with store.read() as db:
        assert outbox.backlog(db) == (0, None)


def test_all_that_is_stored_can_be_enqueued_anew(store: Store) -> None:
    with store.write() as db:
        (finding,) = found(db)
        outbox.bury(db, outbox.POST, "x", "too long", NOW)
        outbox.enqueue(db, outbox.POST, ["stale"], NOW)
        assert outbox.enqueue_all(db, NOW) == 2
        assert outbox.dead(db) == []
        assert ("finding", finding) in [one[1:] for one in outbox.head(db, 9)]


def test_what_was_put_aside_is_tried_again_when_asked(store: Store) -> None:
    with store.write() as db:
        outbox.bury(db, outbox.POST, "x", "too long", NOW)
        outbox.bury(db, outbox.POST, "x", "still too long", NOW)
        assert outbox.dead(db) == [("post", "x", "still too long")]
        assert outbox.dig_up(db, NOW) == 1
        assert (outbox.dead(db), [one[1:] for one in outbox.head(db, 9)]) == ([], [("post", "x")])
