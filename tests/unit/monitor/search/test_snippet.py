"""The line shown for a hit."""

from __future__ import annotations

from monitor.search.grams import parse
from monitor.search.snippet import WIDTH, snippet


def shown(text: str, query: str) -> tuple[str, list[str]]:
    line, marks = snippet(text, parse(query))
    return line, [line[start:end] for start, end in marks]


def test_short_text_is_shown_whole() -> None:
    assert shown("합성사진 유포", "사진 유포") == ("합성사진 유포", ["사진", "유포"])


def test_without_terms_the_beginning_is_shown_without_marks() -> None:
    line, marks = shown("가" * 1_000, "")
    assert line == "가" * WIDTH + "…"
    assert marks == []


def test_cut_text_shows_the_first_match_with_what_is_before_it() -> None:
    line, marks = shown("앞 " * 500 + "사진 " + "뒤 " * 500 + "사진", "사진")
    assert line.startswith("…")
    assert line.endswith("…")
    assert 0 < line.index("사진") < WIDTH
    assert marks == ["사진"]


def test_match_longer_than_the_line_is_marked_as_far_as_it_shows() -> None:
    line, marks = shown("가" * 400, "가" * 300)
    assert marks == [line.strip("…")]


def test_control_and_direction_characters_go_and_space_collapses() -> None:
    line, marks = shown("\x1b[2J a\u202e\r\n\t\u2028사\u200b진\x00\ud800\u2066", "사진")
    assert line == "[2J a 사진"
    assert marks == ["사진"]


def test_match_of_nothing_visible_is_not_marked() -> None:
    assert shown("", "사진") == ("", [])


def test_match_deep_in_a_monstrous_text_is_not_looked_for() -> None:
    line, marks = shown("앞 " * 100_000 + "사진", "사진")
    assert line.startswith("앞")
    assert marks == []
