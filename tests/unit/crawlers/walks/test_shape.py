"""What is kept of a page that nobody can read any more."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from crawlers.walks.shape import MAX_LINES, shape_of


def test_an_outline_has_elements_and_nothing_that_they_say() -> None:
    html = (
        "<body class='forum dark'><script>var secret=1</script><ul id=list>"
        + "<li class='row r31'><a href='/u/kim?t=secret'>secret<img src=secret.jpg></a></li>" * 3
        + "</ul><p>secret</p></body>"
    )
    outline = shape_of(html)
    assert "ul#list" in outline
    assert "li.row.r00" in outline
    assert "secret" not in outline


def test_elements_alike_in_a_row_are_told_once() -> None:
    assert shape_of("<ul>" + "<li></li>" * 500 + "</ul>").splitlines()[-1].strip() == "li x500"


def test_data_is_outlined_by_names_and_types() -> None:
    text = json.dumps({"posts": [{"id": 4, "cooked": "secret"}, {}], "more": None})
    outline = shape_of(text)
    assert outline.splitlines() == [
        ": dict",
        "  posts: list",
        "    [2]: dict",
        "      id: int",
        "      cooked: str",
        "  more: NoneType",
    ]


@given(st.one_of(st.text(), st.recursive(st.text(), lambda inner: st.lists(inner)).map(json.dumps)))
def test_an_outline_is_made_of_any_text(text: str) -> None:
    assert len(shape_of(text).splitlines()) <= MAX_LINES + 1


def test_a_page_that_nests_for_ever_is_outlined_soon() -> None:
    for text in ("<div>" * 100_000, "[" * 100_000, "<p>x</p>" * 100_000):
        assert len(shape_of(text).splitlines()) <= MAX_LINES + 1
