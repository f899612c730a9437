from __future__ import annotations

import pytest

from monitor.hashes import hamming


def test_each_differing_bit_counts() -> None:
    assert hamming(b"\x00\xff\x0f", b"\x01\xff\xf0") == 9


def test_empty_digests_are_the_same() -> None:
    assert hamming(b"", b"") == 0


def test_digests_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="lengths"):
        hamming(b"\x00", b"\x00\x00")
