from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from monitor.models.item import Change
from monitor.store import posts
from monitor.store.store import Store
from tests.fixtures.stock import NOW, found, item, new_source

Haechi = Callable[..., Any]


@pytest.fixture
def led(store: Store) -> None:
    """Posts that lead to three channels, one of them beside a finding."""
    with store.write() as db:
        found(db)
        sources = {name: new_source(db, f"@{name}") for name in ("one_source", "two_source")}
        given = [
            item(sources["one_source"], 1, forwarded_from="https://t.me/Origin/5"),
            item(sources["one_source"], 2, text="@origin", links=("https://t.me/linked/1",)),
            item(sources["two_source"], 1, forwarded_from="https://t.me/origin/9"),
            item(sources["two_source"], 2, text="@one_source"),
        ]
        posts.write(db, given, NOW)
        (channel,) = [one for one in [new_source(db, "@channel")] if one]
        again = item(channel, 1, text="see @beside", change=Change.EDITED)
        posts.write(db, [replace(again, media=())], NOW)


def test_channels_are_listed_with_how_often_by_whom_and_beside_what(
    at_home: Haechi, led: None
) -> None:
    rows = {row["address"]: row for row in at_home("channels", "--json").rows}
    assert list(rows) == ["@beside", "@origin", "@linked", "@one_source"]
    origin = rows["@origin"]
    assert (origin["forwards"], origin["links"], origin["mentions"]) == (2, 0, 1)
    assert origin["sources"] == ["@one_source", "@two_source"]
    assert not origin["watched"]
    assert rows["@one_source"]["watched"]
    assert rows["@beside"]["beside_findings"] == 1
    assert [row["address"] for row in at_home("channels", "--at-least", "2", "--json").rows] == [
        "@origin"
    ]
    assert "not watched" in at_home("channels").out


def test_only_what_a_person_agrees_to_is_watched(at_home: Haechi, led: None) -> None:
    before = {row["address"] for row in at_home("sources", "--json").rows}
    assert at_home("sources", "add", "--from-channels").code == 0
    assert {row["address"] for row in at_home("sources", "--json").rows} == before
    ended = at_home("sources", "add", "--from-channels", stdin="n\ny\n\n")
    assert ended.code == 0
    assert "Watch @origin (2 forwards, 1 mention in @one_source, @two_source)? [y/N]" in ended.err
    assert {row["address"] for row in at_home("sources", "--json").rows} == before | {"@origin"}


def test_an_edit_takes_back_where_a_post_led_to(at_home: Haechi, store: Store, led: None) -> None:
    with store.write() as db:
        source = new_source(db, "@one_source")
        posts.write(db, [item(source, 2, text="other", change=Change.EDITED)], NOW)
    assert "@linked" not in {row["address"] for row in at_home("channels", "--json").rows}


@pytest.mark.parametrize("arguments", [(), ("@some_channel", "--from-channels")])
def test_it_is_said_what_to_watch(at_home: Haechi, arguments: tuple[str, ...]) -> None:
    ended = at_home("sources", "add", *arguments)
    assert ended.code == 2
    assert "--from-channels" in ended.err
