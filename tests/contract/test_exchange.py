from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import Misuse
from monitor.exchange import FORMATS, Format, Given, Kind, format_of, save, to_fingerprint
from monitor.models.case import Fingerprint, Partner
from monitor.models.frames import WHOLE, Frames, dump, row_type
from tests.fixtures.stock import NOW, fingerprint

# As PDQ sets them: a half of the bits.
PDQ = st.integers(0, 2**128 - 1).map(lambda low: f"{(low << 128) | (low ^ (2**128 - 1)):064x}")
WORDS = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=20
).map(lambda word: "w" + word)


@pytest.fixture(scope="module", params=list(FORMATS.values()), ids=list(FORMATS))
def exchange(request: pytest.FixtureRequest) -> Format:
    found = request.param
    assert isinstance(found, Format)
    return found


NAMES = {"ncmec": "NCMEC", "stopncii": "StopNCII", "threatexchange": "ThreatExchange"}


def clip(pdq: str) -> bytes:
    """The frames of a video that shows two things."""
    rows = np.zeros(2, row_type(1))
    there = bytes.fromhex(pdq)
    for at, digest in enumerate((there, bytes(255 - byte for byte in there))):
        rows[at] = (30 * at, 1000 * at, 100 - at, WHOLE, np.frombuffer(digest, "<u8").reshape(1, 4))
    return dump(Frames(rows, 1000, 2))


@given(PDQ)
def test_the_frames_of_a_video_are_written_and_read_again(exchange: Format, pdq: str) -> None:
    if not exchange.has_frames:
        return
    made = replace(fingerprint("c", []), frames=clip(pdq))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        save(exchange.write([made], Kind.PDQ, NOW), path)
        (given,) = exchange.read(path, Kind.PDQ)
        again = to_fingerprint(given, "c", NOW)
    assert again is not None
    assert replace(again, id="", created_at=NOW, recipe=1) == replace(made, id="")


def carried(exchange: Format, pdq: str, number: str, word: str) -> Fingerprint:
    """A partner's hash, with the words of whose format it is."""
    one = fingerprint("c", [pdq], quality=100)
    (key,) = (key for key, other in FORMATS.items() if other is exchange)
    if not exchange.kinds:
        return replace(one, pdq=(), frames=clip(pdq))
    name = NAMES.get(key)
    if name is None:
        return one
    reference, status, said = pdq, word, word
    if name == "NCMEC":
        reference, status = f"7/{number}", "Active"
    elif name == "StopNCII":
        said = "Active"
    else:
        reference = f"{number}/{pdq}"
    return replace(one, partner=Partner(name, reference, status, {number: said}))


@given(st.lists(st.tuples(PDQ, WORDS, WORDS), max_size=5, unique_by=lambda one: one[0]))
def test_what_is_written_is_read_again(exchange: Format, drawn: list[tuple[str, str, str]]) -> None:
    made = [carried(exchange, *one) for one in drawn[: 1 if exchange.is_of_one else None]]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        save(exchange.write(made, Kind.PDQ, NOW), path)
        assert path.stat().st_mode & 0o077 == 0
        if not made and not path.read_bytes():
            return
        assert format_of(path) is exchange
        given = list(exchange.read(path, Kind.PDQ))
        again = [to_fingerprint(one, "c", NOW) for one in given]
    assert not any(one.fault or one.unusable or one.is_gone for one in given)
    assert [replace(one, id="", created_at=NOW, case_id="c", recipe=1) for one in again if one] == [
        replace(one, id="") for one in made
    ]


@given(st.binary(max_size=300))
def test_any_bytes_are_entries_or_one_line(exchange: Format, content: bytes) -> None:
    for start in (b"", b"".join(part.encode() for part in exchange.write([], Kind.PDQ, NOW))):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            path.write_bytes(start[: len(content)] + content + start[len(content) :])
            with contextlib.suppress(Misuse):
                for one in exchange.read(path, Kind.PDQ):
                    assert isinstance(one, Given)
                    assert (one.place + one.fault + one.unusable).isprintable()


def test_a_folder_and_a_missing_file_are_misuse(exchange: Format, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(Misuse, match="can't read"):
            list(exchange.read(path, Kind.PDQ))
    with pytest.raises(Misuse, match="can't write"):
        save(exchange.write([], Kind.PDQ, NOW), tmp_path / "no" / "file")
