from __future__ import annotations

from monitor.registry.prints import words_of


def test_digests_are_laid_out_as_words_and_back() -> None:
    digests = [bytes(range(32)), bytes(32)]
    assert [row.tobytes() for row in words_of(one.hex() for one in digests)] == digests
    assert words_of([]).shape == (0, 4)
