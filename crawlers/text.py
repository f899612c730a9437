"""The text of a page, also where its server or its head names an encoding that it is not in."""

from __future__ import annotations

import re
from typing import Final

# In this order where two fit alike. Python's names; pages in EUC-KR may hold what only CP949 has.
_LIKELY: Final = (("utf-8", "utf-8"), ("euc_kr", "cp949"), ("cp932", "cp932"))
# Any bytes are a text in these, so that nothing tells that they are wrong.
_FITS_ALL: Final = frozenset({"cp1252", "iso8859-1", "latin-1", "iso-8859-1", "windows-1252"})
_LOST = "\ufffd"
# What Korean bytes are in CP932, and no page is written in: half-width kana, private use.
_ODD = re.compile("[\ufffd\uff61-\uff9f\ue000-\uf8ff]")
# In every Japanese text. An apostrophe or an accent of CP1252 and the letter after it are a kanji.
_KANA = re.compile("[\u3041-\u30fe]")
# Of a text that is in its encoding but for what somebody pasted.
_MOST_LOST = 1 / 500


def text_of_page(body: bytes, text: str, encoding: str) -> str:
    """Give the text of a page.

    Args:
        body: Its bytes.
        text: Them in the encoding that was told, "\N{REPLACEMENT CHARACTER}" for what is none.
        encoding: The one that was told.
    """
    if body.isascii():
        return text
    is_doubtful = encoding.lower() in _FITS_ALL
    lost = text.count(_LOST)
    if not is_doubtful and lost <= len(text) * _MOST_LOST:
        return text
    least, name = min(
        ((_oddness(body.decode(tried, "replace")), name) for tried, name in _LIKELY),
        key=lambda one: one[0],
    )
    read = body.decode(name, "replace")
    is_sure = least == 0 and (name != "cp932" or _KANA.search(read) is not None)
    return read if (is_sure if is_doubtful else least < lost) else text


def _oddness(text: str) -> int:
    return sum(1 for _ in _ODD.finditer(text))
