from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monitor.nearest import segment as module
from monitor.nearest.segment import Segment, made, opened, write
from tests.fixtures.hashes import drawn, planted, told

WORDS = drawn(1, 300)
OWNERS = np.arange(1000, 1300, dtype=np.uint32)
NEAR = planted(1, WORDS, [0, 31, 32])
EXPECTED = {(0, 1000, 0), (1, 1001, 31)}


@pytest.fixture
def one() -> Segment:
    return made(WORDS, OWNERS, first=5, last=9, members=4)


def test_segment_gives_owners(one: Segment) -> None:
    assert told(one.search(NEAR)) == EXPECTED


def test_file_holds_what_was_written(one: Segment, tmp_path: Path) -> None:
    back = opened(write(one, tmp_path))
    assert told(back.search(NEAR)) == EXPECTED
    assert (back.first, back.last, back.members) == (5, 9, 4)
    assert not back.tables.words.flags.writeable
    assert back.file is not None
    assert back.file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [back.file]


def test_empty_segment_is_kept_like_any_other(tmp_path: Path) -> None:
    empty = made(drawn(1, 0), OWNERS[:0], first=1, last=2, members=2)
    back = opened(write(empty, tmp_path))
    assert (len(back.owners), back.members) == (0, 2)
    assert told(back.search(NEAR)) == set()


@pytest.mark.parametrize("at", [0, 20, 70, 128, 5_000, 9_700, -5_000, -70])
def test_changed_byte_is_seen(one: Segment, tmp_path: Path, at: int) -> None:
    path = write(one, tmp_path)
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"damaged|version|short"):
        opened(path)


@pytest.mark.parametrize("size", [0, 50, 100, 5_000])
def test_file_cut_short_is_seen(one: Segment, tmp_path: Path, size: int) -> None:
    path = write(one, tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="cut short"):
        opened(path)


def test_file_that_can_not_be_written_leaves_nothing(
    one: Segment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        write(one, tmp_path)
    assert list(tmp_path.iterdir()) == []
