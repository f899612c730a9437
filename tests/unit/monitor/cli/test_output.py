from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.cli import output
from monitor.cli.output import brief, complain, count, emit, say, table, when
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


COLUMNS = ("finding", "case", "post", "grade")
ROWS = [
    ("d" + "1" * 21, "case-1", "hxxps://t[.]me/some_channel/1" + "0" * 9, "strong"),
    ("d" + "2" * 21, "사례-2", "hxxps://t[.]me/some_channel/2", ""),
]


def printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> list[str]:
    """The lines of a table on a terminal of so many columns."""
    monkeypatch.setattr(output, "_PIPE_WIDTH", width)
    table(COLUMNS, ROWS, empty="")
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_on_a_narrow_terminal_each_row_is_a_block_of_whole_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed(capsys, monkeypatch, 60) == [
        f"finding  {ROWS[0][0]}",
        "case     case-1",
        f"post     {ROWS[0][2]}",
        "grade    strong",
        "",
        f"finding  {ROWS[1][0]}",
        "case     사례-2",
        f"post     {ROWS[1][2]}",
    ]


@pytest.mark.parametrize("width", [64, 80, 120])
def test_where_its_columns_can_be_read_a_table_is_a_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    lines = printed(capsys, monkeypatch, width)
    assert lines[0].split() == list(COLUMNS)
    assert all(len(line) <= width for line in lines)
    assert ROWS[0][0] in lines[1]
    assert (ROWS[0][2] in lines[1]) == (width > 64)


def test_one_thing_is_not_counted_as_several() -> None:
    assert [count(number, "page") for number in (0, 1, 2)] == ["0 pages", "1 page", "2 pages"]


def test_a_text_that_is_cut_says_so() -> None:
    assert brief("one\n two\t three") == "one two three"
    assert brief("x" * 60) == "x" * 60
    assert brief("x" * 61) == "x" * 59 + "…"


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
