from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from monitor import logs


@pytest.fixture(autouse=True)
def _back() -> Iterator[None]:
    before = logging.getLogger().handlers[:]
    yield
    logs.configure(None)
    logging.getLogger().handlers[:] = before


def lines(home: Path) -> list[dict[str, object]]:
    text = (home / "logs" / logs.FILE_NAME).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_an_event_is_one_line_of_json_with_its_fields(tmp_path: Path) -> None:
    logs.configure(tmp_path)
    structlog.get_logger("here").info("match.found", distance=6)
    (line,) = lines(tmp_path)
    assert {"event": "match.found", "distance": 6, "level": "info"}.items() <= line.items()
    assert "timestamp" in line


@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J\x9b31m\u202e", "\ud800", '{"event": "forged"}'])
def test_hostile_text_stays_in_its_field_and_is_plain_ascii(tmp_path: Path, text: str) -> None:
    logs.configure(tmp_path)
    structlog.get_logger().warning("post.odd", text=text)
    logging.getLogger("library").warning("about %s", text)
    raw = (tmp_path / "logs" / logs.FILE_NAME).read_bytes()
    assert raw.isascii()
    assert not set(raw) & set(range(32)) - {10}
    first, second = lines(tmp_path)
    assert (first["text"], second["event"]) == (text, f"about {text}")


def test_an_error_is_logged_with_its_trace_on_the_same_line(tmp_path: Path) -> None:
    logs.configure(tmp_path)
    try:
        int("x")
    except ValueError:
        structlog.get_logger().exception("went.wrong")
    (line,) = lines(tmp_path)
    assert "ValueError: invalid literal" in str(line["exception"])


def test_configuring_again_writes_each_event_once(tmp_path: Path) -> None:
    for _ in range(3):
        logs.configure(tmp_path)
    structlog.get_logger().info("once")
    assert len(lines(tmp_path)) == 1


def test_without_a_home_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    logs.configure(None)
    structlog.get_logger().error("nobody.hears")
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


def test_a_daemon_also_writes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(tmp_path, to_stderr=True)
    structlog.get_logger().info("seen.twice")
    assert json.loads(capsys.readouterr().err)["event"] == "seen.twice"
    assert len(lines(tmp_path)) == 1


def test_the_places_of_an_error_say_where_and_not_what() -> None:
    def inner() -> None:
        raise ValueError("a word of a crawled page")

    try:
        inner()
    except ValueError as error:
        places = logs.places_of(error)
    assert [place.split(" ")[1] for place in places] == [
        "test_the_places_of_an_error_say_where_and_not_what",
        "inner",
    ]
    assert all(re.fullmatch(r"test_logs\.py:\d+ \w+", place) for place in places)
    assert logs.places_of(ValueError("never raised")) == []


def test_a_log_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    logs.configure(tmp_path)
    structlog.get_logger().info("before")
    file = tmp_path / "logs" / logs.FILE_NAME
    file.rename(file.with_suffix(".1"))
    structlog.get_logger().info("after")
    assert [line["event"] for line in lines(tmp_path)] == ["after"]
