from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.clock import utc_now
from monitor.locks import hold
from monitor.models.finding import AlertState
from monitor.models.media import MediaStatus
from monitor.models.source import SourceState
from monitor.store import findings, outbox, posts, sources
from monitor.store.store import Store
from tests.fixtures.stock import NOW, failed, found, item, new_source, picture

Haechi = Callable[..., Any]


def test_a_new_home_has_nothing_to_tell(at_home: Haechi, folder: Path) -> None:
    (row,) = at_home("status", "--json").rows
    assert row["home"] == str(folder)
    assert row["daemon"] is False
    assert row["sources"] == {"watched": 0}
    assert row["trouble"] == []
    assert "nothing needs attention" in at_home("status").out


def test_the_status_counts_what_there_is(at_home: Haechi, store: Store, folder: Path) -> None:
    with store.write() as db:
        found(db)
    with hold(folder, "daemon", what="a test"):
        (row,) = at_home("status", "--json").rows
    assert row["daemon"] is True
    assert row["stored"] == {"posts": 1, "media": 1, "media_failed": 0, "media_skipped": 0}
    assert row["cases"] == {"active": 1, "withdrawn": 0, "fingerprints": 1}
    assert row["findings"]["new"] == 1
    assert row["alerts"]["pending"] == 1
    told = at_home("status").out
    assert "stored    1 post, 1 media, 0 media failed, 0 media skipped" in told
    assert "1 alert not mailed yet: haechi alerts retry" in told


def test_whatever_needs_attention_is_told(at_home: Haechi, store: Store, folder: Path) -> None:
    with store.write() as db:
        found(db)
        (alert,) = findings.every_alert(db)
        findings.set_alert(db, alert.id, AlertState.FAILED)
        key = new_source(db, "@dead").id
        sources.failed(db, key, SourceState.PRIVATE_OR_BANNED, "the channel [bold]is gone\x1b[2J")
        outbox.enqueue(db, outbox.POST, ["x"], utc_now() - timedelta(hours=1))
        outbox.bury(db, outbox.POST, "y", "too long", NOW)
    (folder / "haechi.toml").write_text("")
    trouble = at_home("status", "--json").rows[0]["trouble"]
    for word in (
        "@dead is",
        "1 alert given up",
        "1 change not indexed since",
        "1 document could not be indexed",
        "mail.to",
    ):
        assert any(word in line for line in trouble), word
    ended = at_home("status")
    assert ended.code == 0
    assert "[bold]is gone" in ended.out
    assert "\x1b" not in ended.out


def test_a_source_that_is_silent_for_too_long_is_told_unless_paused(
    at_home: Haechi, store: Store
) -> None:
    with store.write() as db:
        key = new_source(db).id
        long_ago = utc_now() - timedelta(days=9)
        sources.succeeded(db, key, long_ago, new_posts=0)
    assert "is `haechi run` on?" in at_home("status").out
    at_home("sources", "pause", "@channel")
    assert at_home("status", "--json").rows[0]["trouble"] == []


def test_the_doctor_tries_to_break_out_of_the_sandbox(at_home: Haechi) -> None:
    rows = [row for row in at_home("doctor", "--json").rows if row["what"].startswith("sandbox")]
    assert len(rows) == 6
    if sys.platform.startswith("linux"):
        assert {row["state"] for row in rows} == {"ok"}


def checks(ended: Any) -> dict[str, str]:
    return {row["what"]: row["state"] for row in ended.rows}


def test_the_doctor_names_what_is_missing(at_home: Haechi, folder: Path) -> None:
    ended = at_home("doctor", "--json")
    assert ended.code == 1
    states = checks(ended)
    assert (states["settings"], states["store"], states["mail"]) == ("ok", "ok", "error")
    assert "connection refused" in at_home("doctor").out
    folder.chmod(0o755)
    assert checks(at_home("doctor", "--json"))["privacy"] == "warning"
    (folder / "haechi.db").write_bytes(b"x" * 5_000)
    (folder / "search.db").write_bytes(b"x" * 5_000)
    ended = at_home("doctor", "--json")
    assert checks(ended)["store"] == "error"
    assert ended.out.count("is damaged") == 1


def test_the_doctor_has_a_word_without_a_home(haechi: Haechi, tmp_path: Path) -> None:
    ended = haechi("--home", tmp_path, "doctor", "--json")
    assert ended.code == 1
    assert checks(ended)["settings"] == "error"


def test_the_doctor_wants_a_browser_only_where_a_source_needs_one(
    at_home: Haechi, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    (row,) = [one for one in at_home("doctor", "--json").rows if one["what"] == "browser"]
    assert (row["state"], row["detail"][:20]) == ("ok", "no source needs one;")
    with store.write() as db:
        sources.change(db, new_source(db).id, browser=True)
    ended = at_home("doctor", "--json")
    (row,) = [one for one in ended.rows if one["what"] == "browser"]
    assert (row["state"], ended.code) == ("error", 1)
    assert "install Chromium" in row["detail"]


def test_media_that_are_no_pictures_are_told_apart_from_those_that_failed(
    at_home: Haechi, store: Store
) -> None:
    skipped = replace(picture("a"), status=MediaStatus.SKIPPED, facts=None, reason="too large")
    with store.write() as db:
        media = [skipped, failed("b"), failed("c")]
        posts.write(db, [item(new_source(db), 1, media=media)], NOW)
    (row,) = at_home("status", "--json").rows
    assert (row["stored"]["media_skipped"], row["stored"]["media_failed"]) == (1, 2)
    assert row["skipped"] == {"too large": 1}
    told = at_home("status").out
    assert "media skipped" in told
    assert "skipped   1 too large" in told


def test_what_was_hashed_by_an_older_recipe_is_counted_and_left_alone(
    at_home: Haechi, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.write() as db:
        found(db)
    (row,) = at_home("status", "--json").rows
    assert row["older_recipe"] == {"media": 0, "fingerprints": 0}
    monkeypatch.setattr("monitor.cli.status.RECIPE", 2)
    (row,) = at_home("status", "--json").rows
    assert row["older_recipe"] == {"media": 1, "fingerprints": 1}
    assert "1 media, 1 fingerprint were hashed by an older recipe" in at_home("status").out


def test_a_daemon_is_found_by_its_store_wherever_its_home_is(
    haechi: Haechi, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    (other / "haechi.toml").write_text(f'[store]\nurl = "sqlite:///{folder}/haechi.db"\n')
    with hold(folder, "daemon", what="a test"):
        (row,) = haechi("--home", other, "status", "--json").rows
    assert row["daemon"] is True
