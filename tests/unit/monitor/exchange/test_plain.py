from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import Misuse
from monitor.exchange import Kind, format_of
from monitor.exchange.plain import FORMAT
from tests.fixtures.stock import digest

# As many bits set as PDQ sets.
HALF = ("a5" * 32, "5a" * 32, "c3" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.txt"


def test_each_line_is_a_hash_and_comments_and_gaps_are_none(path: Path) -> None:
    path.write_text(f"# a partner's\n\n{HALF[0]}\r\n  {HALF[1].upper()} \n{HALF[2]}")
    assert format_of(path) is FORMAT
    found = [(one.place, one.hashes, one.quality) for one in FORMAT.read(path, Kind.PDQ)]
    assert found == [
        (f"line {number}", {Kind.PDQ: hashed}, 100)
        for number, hashed in zip((3, 4, 5), HALF, strict=True)
    ]


def test_a_quality_after_a_comma_is_read_and_other_columns_are_not(path: Path) -> None:
    lines = (f"{HALF[0]},49", f"{HALF[0]}, 80 ,photo.jpg", f"{HALF[0]},x", f"{HALF[0]},1019")
    path.write_text("\n".join(lines))
    assert [one.quality for one in FORMAT.read(path, Kind.PDQ)] == [49, 80, 100, 100]
    assert not any(one.fault for one in FORMAT.read(path, Kind.PDQ))


def test_digests_of_files_are_told_by_their_length_or_by_what_is_said(path: Path) -> None:
    path.write_text(f"{'ab' * 16}\n{digest(1)}\n")
    md5, sha = FORMAT.read(path, Kind.SHA256)
    assert (md5.hashes, sha.hashes) == ({Kind.MD5: "ab" * 16}, {Kind.SHA256: digest(1)})


def test_many_digests_that_are_taken_for_pdq_are_refused_before_one_is_read(path: Path) -> None:
    path.write_text("\n".join(digest(number) for number in range(40)))
    with pytest.raises(Misuse, match="--kind sha256"):
        next(FORMAT.read(path, Kind.PDQ))
    assert len(list(FORMAT.read(path, Kind.SHA256))) == 40


@pytest.mark.parametrize(
    "line", ["g" * 64, digest(1)[:-1], digest(1) + "0", "x" * 5_000, "\0\xff", "a5" * 32 + " a"]
)
def test_a_line_that_is_no_hash_is_told_and_the_others_are_read(path: Path, line: str) -> None:
    path.write_text(f"{HALF[0]}\n{line}\n{HALF[1]}\n", encoding="latin-1")
    first, bad, last = FORMAT.read(path, Kind.PDQ)
    assert (first.hashes, last.hashes) == ({Kind.PDQ: HALF[0]}, {Kind.PDQ: HALF[1]})
    assert (bad.place, bad.fault, last.place) == ("line 2", "is no PDQ hash", "line 3")


@pytest.mark.parametrize("start", ["abc", "[1]", "{}", "\x89PNG", "x" * 64])
def test_other_files_are_no_list(path: Path, start: str) -> None:
    path.write_text(start, encoding="latin-1")
    with pytest.raises(Misuse, match="no file of hashes; what can be read: "):
        format_of(path)


def test_a_file_that_can_not_be_read_is_misuse(path: Path) -> None:
    with pytest.raises(Misuse, match="no such file"):
        format_of(path)
    with pytest.raises(Misuse, match="no such file"):
        list(FORMAT.read(path, Kind.SHA256))
