from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.ids import make_id

WORDS = st.lists(st.text(st.characters(exclude_characters="\x1f")), min_size=1, max_size=3)


def test_an_id_is_always_the_same_for_the_same_thing() -> None:
    # Written down: other ids would make every stored thing a new one.
    assert make_id("p", "s1", "7") == "pe05504a09b2aa43d73b8"


def test_parts_do_not_run_into_each_other() -> None:
    assert make_id("p", "ab", "c") != make_id("p", "a", "bc") != make_id("p", "abc")


@given(WORDS, WORDS)
def test_different_things_have_different_ids(one: list[str], other: list[str]) -> None:
    assert (make_id("x", *one) == make_id("x", *other)) == (one == other)


def test_broken_text_has_an_id_too() -> None:
    assert make_id("p", "\ud800") != make_id("p", "\ud801")
