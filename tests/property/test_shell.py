"""Whatever text a page is, whether it needs a browser is told."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.pages.shell import needs_browser

PIECES = [
    "<body>",
    "</body>",
    "<noscript>",
    "enable JavaScript",
    "<div id='app'>",
    "<script src='a.js'>",
    "</script>",
    "<script type=module>",
    "<a href='b'>",
    "<!--",
    "]]>",
    "\x00",
    "\ud800",
    "&#x110000;",
    "글 목록",
]


@settings(max_examples=200, deadline=2_000)
@given(
    st.one_of(
        st.text(alphabet=st.characters()),
        st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    )
)
def test_any_text_is_answered_with_yes_or_no(page: str) -> None:
    assert needs_browser(page) in (True, False)
