"""Laws of the tokens: folding is stable, marks are where the index matches."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from monitor.search.grams import MAX_QUERY, find, index_text, is_blank, normalise, parse
from monitor.search.snippet import WIDTH, snippet

ANY = st.text(st.characters(codec=None), max_size=60)
JAMO = st.text('\u1100\u1161\u11a8\u3131\u314f가각か\u3099\u309aﾞ\u200b\u0301e ab"_', max_size=30)
TEXTS = ANY | JAMO | st.text("가나다 ab,", max_size=30)


@given(TEXTS)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(TEXTS)
def test_canonical_forms_fold_alike(text: str) -> None:
    folded = normalise(text)
    for form in ("NFC", "NFD"):
        assert normalise(unicodedata.normalize(form, text)) == folded


@given(JAMO, st.integers(0, 30))
def test_invisible_characters_do_not_matter(text: str, at: int) -> None:
    assert normalise(text[:at] + "\u200b\u2066\u3164" + text[at:]) == normalise(text)


@given(TEXTS)
def test_index_text_is_words_of_letters_and_digits(text: str) -> None:
    tokens = index_text(text).split(" ")
    assert tokens == [""] or all(token.isalnum() for token in tokens)
    assert all(len(token) <= 100 for token in tokens)


@given(TEXTS)
def test_parsed_query_has_different_terms_with_tokens(query: str) -> None:
    terms = parse(query)
    assert len(set(terms)) == len(terms)
    assert all(term.tokens for term in terms)
    assert not (terms and is_blank(query))


@given(TEXTS, TEXTS)
def test_text_contains_every_quote_of_itself(before: str, after: str) -> None:
    text = before + " 합성사진 " + after
    assert find(text, parse("사진"))


@given(TEXTS, TEXTS)
def test_found_places_are_in_order_within_the_text(text: str, query: str) -> None:
    end_before = -1
    for start, end in find(text, parse(query)):
        assert end_before < start < end <= len(text)
        end_before = end


@given(TEXTS, TEXTS)
def test_marked_text_matches_on_its_own(text: str, word: str) -> None:
    terms = parse(f'"{word.replace(chr(34), "")}"')
    for start, end in find(text, terms):
        assert find(text[start:end], terms)


@given(TEXTS | st.text(st.characters(codec=None), min_size=150, max_size=400), TEXTS)
def test_snippet_is_one_printable_line_with_marks_in_it(text: str, query: str) -> None:
    line, marks = snippet(text, parse(query))
    assert len(line) <= WIDTH + 2
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in line)
    end_before = 0
    for start, end in marks:
        assert end_before <= start < end <= len(line)
        end_before = end


@given(st.text('가나 a"\u200b\ufdfa', max_size=3 * MAX_QUERY))
def test_long_query_keeps_few_tokens(query: str) -> None:
    assert sum(len(term.tokens) for term in parse(query)) <= MAX_QUERY
