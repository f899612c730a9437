from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.cli.output import complain, emit, say, table, when
from monitor.models.match import Grade

ANY_TEXT = st.text(st.characters())
SAME_CAPTURE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@SAME_CAPTURE
@given(ANY_TEXT)
def test_any_text_is_one_printable_line_of_json(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    emit({text: [text]})
    out = capsys.readouterr().out
    assert json.loads(out) == {text: [text]}
    assert len(out.splitlines()) == 1
    out.encode()


@SAME_CAPTURE
@given(ANY_TEXT)
def test_any_text_can_be_said_without_steering_the_terminal(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    say(text)
    complain(text)
    table(("a",), [(text,)], empty="")
    for shown in capsys.readouterr():
        assert all(line.isprintable() for line in shown.split("\n"))
        shown.encode()


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "[/]", "[link=https://x]y[/link]", ":smile:"])
def test_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str], text: str) -> None:
    say(text)
    table(("a",), [(text,)], empty="")
    assert capsys.readouterr().out.count(text) == 2


def test_a_long_line_is_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    say("x" * 5_000)
    assert capsys.readouterr().out == "x" * 5_000 + "\n"


def test_things_of_ours_are_plain_json(capsys: pytest.CaptureFixture[str]) -> None:
    seoul = timezone(timedelta(hours=9))
    emit({"at": datetime(2026, 1, 1, 9, tzinfo=seoul), "grade": Grade.EXACT, "n": None, "t": (1,)})
    assert json.loads(capsys.readouterr().out) == {
        "at": "2026-01-01T00:00:00+00:00",
        "grade": "exact",
        "n": None,
        "t": [1],
    }


def test_times_are_told_in_utc() -> None:
    assert when(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02 03:04:05Z"
    assert when(None) == "-"
