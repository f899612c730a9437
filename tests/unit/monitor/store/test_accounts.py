from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.models.account import AccountState, Peer
from monitor.store import accounts
from monitor.store.store import Store
from tests.fixtures.stock import NOW, new_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path)
    with made.write() as db:
        accounts.add(db, "main", 1, NOW)
    yield made
    made.close()


def test_what_was_spent_is_of_its_day(store: Store) -> None:
    with store.write() as db:
        accounts.spend(db, "main", NOW, requests=3, names=1)
        accounts.spend(db, "main", NOW, requests=2)
        [one] = accounts.every(db, NOW)
        assert (one.requests, one.names, one.last_used_at) == (5, 1, NOW)
        tomorrow = NOW + timedelta(days=1)
        assert accounts.every(db, tomorrow)[0].requests == 0
        accounts.spend(db, "main", tomorrow, requests=1)
        assert accounts.every(db, tomorrow)[0].requests == 1


def test_a_log_in_anew_heals_an_account_and_keeps_what_it_knows(store: Store) -> None:
    with store.write() as db:
        accounts.know(db, "main", [Peer(5, 55, "news")])
        accounts.set_state(db, "main", AccountState.LOGGED_OUT, "Logged out.")
        accounts.add(db, "main", 1, NOW)
        [one] = accounts.every(db, NOW)
        assert (one.state, one.state_detail) == (AccountState.OK, "")
        assert accounts.peer(db, "main", channel_id=5) == Peer(5, 55, "news")


def test_another_user_under_the_same_name_has_keys_of_their_own(store: Store) -> None:
    with store.write() as db:
        accounts.know(db, "main", [Peer(5, 55, "news")])
        accounts.wait(db, "main", "messages.getHistory", NOW + timedelta(hours=1))
        accounts.spend(db, "main", NOW, requests=9, names=9)
        accounts.add(db, "main", 2, NOW)
        [one] = accounts.every(db, NOW)
        assert (one.user_id, one.requests, one.names, one.waits) == (2, 0, 0, {})
        assert accounts.count_peers(db, "main") == 0


def test_a_name_belongs_to_the_channel_that_has_it_now(store: Store) -> None:
    with store.write() as db:
        accounts.know(db, "main", [Peer(5, 55, "news")])
        accounts.know(db, "main", [Peer(6, 66, "news"), Peer(5, 56, None)])
        assert accounts.peer(db, "main", username="news") == Peer(6, 66, "news")
        assert accounts.peer(db, "main", channel_id=5) == Peer(5, 56, None)
        assert accounts.peer(db, "main", channel_id=7) is None


def test_an_account_that_is_removed_leaves_nothing(store: Store) -> None:
    with store.write() as db:
        accounts.know(db, "main", [Peer(5, 55, "news")])
        accounts.wait(db, "main", "messages.getHistory", NOW + timedelta(hours=1))
        accounts.remove(db, "main")
        assert accounts.every(db, NOW) == []
        accounts.add(db, "main", 1, NOW)
        assert accounts.count_peers(db, "main") == 0


def test_what_a_trial_spent_and_learned_comes_back(store: Store, tmp_path: Path) -> None:
    (tmp_path / "trial").mkdir()
    trial = new_store(tmp_path / "trial")
    with store.write() as db, trial.write() as other:
        accounts.spend(db, "main", NOW, requests=5, names=2)
        accounts.know(db, "main", [Peer(5, 55, "news")])
        lent = accounts.every(db, NOW)
        accounts.lend(db, other)
        accounts.spend(other, "main", NOW, requests=3, names=1)
        accounts.know(other, "main", [Peer(6, 66, "more")])
        accounts.wait(other, "main", "upload.getFile", NOW + timedelta(hours=1))
        # Meanwhile the operator's own crawls go on.
        accounts.spend(db, "main", NOW, requests=10)
        accounts.take_back(db, other, lent, NOW)
        [one] = accounts.every(db, NOW)
        assert (one.requests, one.names) == (18, 3)
        assert list(one.waits) == ["upload.getFile"]
        assert accounts.peer(db, "main", channel_id=6) == Peer(6, 66, "more")
        assert accounts.peer(db, "main", channel_id=5) == Peer(5, 55, "news")
    trial.close()
