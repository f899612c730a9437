"""Tokens by example."""

from __future__ import annotations

import time

import pytest

from monitor.search.grams import MAX_QUERY, Term, find, index_text, is_blank, normalise, parse


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("합성사진", "합성 성사 사진 진"),
        ("합성사 진짜", "합성 성사 사 진짜 짜"),
        ("사", "사"),
        ("Some_Name, t.me", "some name t me"),
        ("사진abc写真", "사진 진 abc 写真 真"),
        ("x" * 250, f"{'x' * 100} {'x' * 100} {'x' * 50}"),
        ("ภาพ", "ภา าพ พ"),
        ("🔥 !", ""),
        ("", ""),
    ],
)
def test_index_text(text: str, tokens: str) -> None:
    assert index_text(text) == tokens


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ＡＢＣ１２３", "abc123"),
        ("ㅅㅏㅈㅣㄴ", "사지\u1102"),
        ("사\u200b진\u2060", "사진"),
        ("사\x00\x08진", "사진"),
        ("사\u0336진", "사진"),
        ("ÉÈ ё", "ee е"),
        ("が\u304b\u3099ｶﾞ", "がががガ"[1:]),
        ("사\u3099", "사"),
        ("가\u3099\u11a8", "각"),
        ("\ufb01nd", "find"),
        ("ς Σ ß İ", "σ σ ss i"),
        ("\ud800", "\ud800"),
    ],
)
def test_normalise(text: str, folded: str) -> None:
    assert normalise(text) == folded


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("사진", [Term(("사진",), prefix=False)]),
        ("사", [Term(("사",), prefix=True)]),
        ("합성사진", [Term(("합성", "성사", "사진"), prefix=False)]),
        ("photo", [Term(("photo",), prefix=True)]),
        ("사진 사진 b", [Term(("사진",), prefix=False), Term(("b",), prefix=True)]),
        ('"합성 사"', [Term(("합성", "성", "사"), prefix=True)]),
        ('"a b" c', [Term(("a", "b"), prefix=True), Term(("c",), prefix=True)]),
        ('"a b', [Term(("a",), prefix=True), Term(("b",), prefix=True)]),
        ("“a b”", [Term(("a", "b"), prefix=True)]),
        ("t.me/사진", [Term(("t", "me", "사진"), prefix=False)]),
        ("- * ( 🔥", []),
        ('"" "', []),
    ],
)
def test_parse(query: str, terms: list[Term]) -> None:
    assert parse(query) == tuple(terms)


def test_query_is_cut_to_its_beginning() -> None:
    assert parse("가 " * MAX_QUERY + "나") == (Term(("가",), prefix=True),)
    (term,) = parse("가" * 5 * MAX_QUERY)
    assert len(term.tokens) == MAX_QUERY - 1


def test_only_what_shows_nothing_is_blank() -> None:
    assert is_blank(" \u200b\n")
    assert not is_blank("!")


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("합성사진 유포", "사진", ["사진"]),
        ("사진사진", "사진", ["사진사진"]),
        ("사진, 사진", "사진", ["사진", "사진"]),
        ("ㅅㅏ\u200b진!", "사진", ["ㅅㅏ\u200b진"]),
        ("photos PHOTO", "photo", ["photo", "PHOTO"]),
        ("합성 - 사진들", '"성 사진"', ["성 - 사진"]),
        ("\ufb01nding", "fin", ["\ufb01n"]),
        ("합성사진", "사진 합성사진", ["합성사진"]),
        ("합성", "사진", []),
        ("", "사진", []),
    ],
)
def test_find(text: str, query: str, marked: list[str]) -> None:
    assert [text[start:end] for start, end in find(text, parse(query))] == marked


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0300\u0316" * 200_000,
        "か" + "\u3099\u309a" * 100_000,
        "\U00016ff0\u0315" * 50_000,
        "\u1161" * 100_000,
        "가" * 100_000,
        "a" * 200_000,
        "\ufdfa" * 10_000,
        '"' * 200_000,
    ],
    ids=["marks", "voicing", "spacing marks", "vowels", "run", "word", "expanding", "quotes"],
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    begin = time.process_time()
    index_text(text)
    find(text, parse(text))
    # Quadratic work takes minutes at these lengths.
    assert time.process_time() - begin < 5
