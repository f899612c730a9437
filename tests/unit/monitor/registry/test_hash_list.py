from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import Misuse
from monitor.registry.hash_list import QUALITY, is_hash_list, read
from tests.fixtures.stock import NOW, digest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.txt"


def test_each_line_is_a_fingerprint_and_comments_and_gaps_are_none(path: Path) -> None:
    path.write_text(f"# a partner's\n\n{digest(1)}\r\n  {digest(2).upper()} \n{digest(3)}")
    assert is_hash_list(path)
    found = [(number, one and (one.pdq, one.quality)) for number, one in read(path, "c", NOW)]
    assert found == [(n, ((digest(i),), QUALITY)) for n, i in ((3, 1), (4, 2), (5, 3))]


@pytest.mark.parametrize("line", ["g" * 64, digest(1)[:-1], digest(1) + "0", "x" * 5_000, "\0\xff"])
def test_a_line_that_is_no_hash_is_told_and_the_others_are_read(path: Path, line: str) -> None:
    path.write_text(f"{digest(1)}\n{line}\n{digest(2)}\n", encoding="latin-1")
    found = [one and one.pdq[0] for _, one in read(path, "c", NOW)]
    assert (found[0], found[1], found[-1]) == (digest(1), None, digest(2))


@pytest.mark.parametrize("start", ["{", '{"format": "haechi-fingerprints"}', "", "abc", "<xml/>"])
def test_other_files_are_no_list(path: Path, start: str) -> None:
    path.write_text(start)
    assert not is_hash_list(path)


def test_a_file_that_can_not_be_read_is_misuse(path: Path) -> None:
    with pytest.raises(Misuse, match="no such file"):
        is_hash_list(path)
    with pytest.raises(Misuse, match="no such file"):
        list(read(path, "c", NOW))
