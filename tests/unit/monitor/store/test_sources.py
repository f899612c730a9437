from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.models.post import Json
from monitor.models.run import Counts, Outcome
from monitor.models.source import SourceState
from monitor.store import runs, sources
from monitor.store.store import Store
from tests.fixtures.stock import NOW, new_source


def test_a_source_is_found_by_address_and_by_id(store: Store) -> None:
    with store.write() as db:
        source = new_source(db)
        assert sources.find(db, "@channel") == source
        assert sources.find(db, source.id) == source
        assert sources.find(db, "@other") is None


def test_a_removed_source_is_watched_again_from_where_it_was(store: Store) -> None:
    with store.write() as db:
        source = new_source(db)
        sources.save_checkpoint(db, source.id, {"newest": 7})
        sources.change(db, source.id, removed=True)
        assert sources.every(db) == []
        assert sources.find(db, "@channel") is None
        assert new_source(db).id == source.id
        assert sources.load_checkpoint(db, source.id) == {"newest": 7}


@pytest.mark.parametrize("value", [0, False, "", [], {"a": [1, "둘"]}, 1.5, 2**60])
def test_a_checkpoint_gives_back_what_it_was_given(store: Store, value: Json) -> None:
    with store.write() as db:
        source = new_source(db)
        sources.save_checkpoint(db, source.id, {"a": 1, "b": 2})
        sources.save_checkpoint(db, source.id, {"a": value, "b": None, "c": None})
        assert sources.load_checkpoint(db, source.id) == {"a": value}


def test_failures_are_counted_until_a_success(store: Store) -> None:
    with store.write() as db:
        key = new_source(db).id
        sources.failed(db, key, SourceState.FAILING, "no answer")
        sources.failed(db, key, SourceState.CHANGED, "no posts")
        source = sources.find(db, key)
        assert source is not None
        assert (source.failures, source.state, source.state_detail) == (2, "changed", "no posts")
        sources.succeeded(db, key, NOW, new_posts=0)
        source = sources.find(db, key)
        assert source is not None
        assert (source.failures, source.state, source.state_detail) == (0, "ok", "")
        assert (source.last_success_at, source.last_new_at) == (NOW, None)
        sources.succeeded(db, key, NOW, new_posts=3)
        source = sources.find(db, key)
        assert source is not None
        assert source.last_new_at == NOW


def test_a_run_adds_up_its_pages_and_is_closed_once(store: Store) -> None:
    with store.write() as db:
        key = new_source(db).id
        run_id = runs.start(db, key, NOW)
        for _ in range(2):
            runs.add_counts(db, run_id, Counts(pages=1, posts_new=3))
        assert [one.id for one in runs.open_runs(db)] == [run_id]
        runs.end(db, run_id, Outcome.OK, "", NOW)
        assert runs.open_runs(db) == []
        run = runs.get(db, run_id)
        assert run is not None
        assert (run.counts, run.outcome) == (Counts(pages=2, posts_new=6), Outcome.OK)


def test_a_missed_run_is_in_the_history_but_not_open(store: Store) -> None:
    with store.write() as db:
        key = new_source(db).id
        other = new_source(db, "@other").id
        runs.start(db, key, NOW, Outcome.MISSED)
        late = runs.start(db, key, NOW + timedelta(hours=1))
        runs.start(db, other, NOW)
        assert [one.source_id for one in runs.open_runs(db)] == [key, other]
        assert [one.id for one in runs.latest(db, 1)] == [late]
        assert len(runs.latest(db, 9, key)) == 2
        assert runs.get(db, "r-none") is None


def test_a_removed_source_that_is_added_anew_starts_afresh_but_where_it_was(store: Store) -> None:
    with store.write() as db:
        key = new_source(db).id
        sources.save_checkpoint(db, key, {"newest": 7, "channel": {"id": 1}})
        sources.failed(db, key, SourceState.GONE, "another channel has this name")
        sources.change(db, key, paused=True, removed=True)
        again = new_source(db)
        assert (again.paused, again.state, again.failures) == (False, SourceState.NEW, 0)
        # Whoever has the name now is who is meant.
        assert sources.load_checkpoint(db, key) == {"newest": 7}


def test_a_source_that_is_added_twice_stays_as_it_is(store: Store) -> None:
    with store.write() as db:
        key = new_source(db).id
        sources.save_checkpoint(db, key, {"channel": {"id": 1}})
        sources.failed(db, key, SourceState.FAILING, "no answer")
        sources.change(db, key, paused=True)
        before = sources.find(db, key)
        assert new_source(db) == before
        assert sources.load_checkpoint(db, key) == {"channel": {"id": 1}}


def test_the_last_start_of_each_source_is_told(store: Store) -> None:
    with store.write() as db:
        assert runs.last_starts(db) == {}
        key, other = new_source(db).id, new_source(db, "@other").id
        new_source(db, "@never")
        for hours in (2, 1):
            runs.start(db, key, NOW + timedelta(hours=hours))
        runs.start(db, other, NOW)
        assert runs.last_starts(db) == {key: NOW + timedelta(hours=2), other: NOW}
