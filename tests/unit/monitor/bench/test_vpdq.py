from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import av
import pytest

from monitor.bench import Options, vpdq
from monitor.errors import Misuse
from monitor.hashes.pdq import pdq
from tests.fixtures.pictures import made
from tests.fixtures.videos import video

VIDEO = video([made("blobs", 96, 128), made("hills", 96, 128), made("flat", 96, 128)], 0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "one.mp4").write_bytes(VIDEO)
    return tmp_path


def _lines() -> list[str]:
    with av.open(io.BytesIO(VIDEO)) as file:
        hashed = [pdq(frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    return [f"{at},{one.quality},{one.digest.hex()},{at / 10:.3f}" for at, one in enumerate(hashed)]


def test_our_hashes_are_compared_with_those_that_are_given(options: Options, folder: Path) -> None:
    (folder / "one.txt").write_text("\n".join(_lines()) + "\n")
    (folder / "one-128x128.txt").write_text(_lines()[2] + "\n99,100," + "0" * 64 + ",9.9\n")
    (folder / "README.txt").write_text("of no video\n")
    smaller, whole = vpdq.run(replace(options, photos=folder))
    assert (whole["hashes"], whole["frames"], whole["frames_theirs"]) == ("one", 15, 15)
    assert (whole["good"], whole["missing"]) == (10, 0)
    assert isinstance(whole["largest_bits"], int)
    assert whole["largest_bits"] <= 6
    assert (smaller["frames_theirs"], smaller["good"], smaller["missing"]) == (2, 2, 1)


def test_a_hash_that_is_another_one_is_told(options: Options, folder: Path) -> None:
    number, quality, digest, second = _lines()[3].split(",")
    other = (bytes.fromhex(digest)[0] ^ 0xFF).to_bytes() + bytes.fromhex(digest)[1:]
    (folder / "one.txt").write_text(f"{number},{quality},{other.hex()},{second}\n")
    (row,) = vpdq.run(replace(options, photos=folder))
    assert row["mean_bits"] == pytest.approx(8, abs=4)


@pytest.mark.parametrize("text", ["1,2,3\n", "1,100,zz,0.0\n", "1,100,00ff,0.0\n"])
def test_lines_that_make_no_sense_are_refused(options: Options, folder: Path, text: str) -> None:
    (folder / "one.txt").write_text(text)
    with pytest.raises(Misuse, match="a line is not"):
        vpdq.run(replace(options, photos=folder))


def test_a_folder_without_hashes_is_refused(options: Options, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=r"no NAME.txt"):
        vpdq.run(replace(options, photos=tmp_path))
    with pytest.raises(Misuse, match="needs a folder"):
        vpdq.run(options)
