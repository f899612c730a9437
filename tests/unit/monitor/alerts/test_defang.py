from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.defang import defang


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://t.me/name/1", "hxxps://t[.]me/name/1"),
        ("HTTP://A.Example:8080/x", "hxxp://A[.]Example[:]8080/x"),
        ("@channel", "@channel"),
        ("forum.example/f", "forum[.]example/f"),
        ("https://t.me/\r\nBcc: x", "hxxps://t[.]me/Bcc: x"),
        ("https://a.example/?u=http://b.example/", "hxxps://a[.]example/?u=hxxp://b[.]example/"),
        ("b.example://b.example/", "b[.]example://b[.]example/"),
        ("https://b\u3002example/", "hxxps://b[.]example/"),
        ("http://[::1", "hxxp://[::1"),
    ],
)
def test_an_address_is_written_so_that_it_can_be_read_but_not_clicked(
    url: str, written: str
) -> None:
    assert defang(url) == written


@given(st.text() | st.from_regex(r"(https?://|www\.|//)?[\w.:@/?=&%]{0,80}", fullmatch=True))
def test_no_text_leaves_a_scheme_a_bare_dot_or_a_control_character(text: str) -> None:
    written = defang(text)
    assert "http" not in written.lower()
    assert re.search(r"(?<!\[)\.", written) is None
    assert written.isprintable()
