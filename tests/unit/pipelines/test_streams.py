from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from monitor.errors import MediaError, NotAsked, SourceUnavailable
from pipelines.streams import STEP, Parts, RemoteStream

URL = "https://cdn.example/a.mp4"
# Some blocks and a bit, of which every byte tells where it is from.
FILE = b"".join(number.to_bytes(4, "big") for number in range(20 * STEP // 4 + 25))

T = TypeVar("T")


class Server:
    """Gives parts of the file, and remembers which: their first block, and how many."""

    def __init__(self, head: bytes = b"") -> None:
        self.asked: list[tuple[int, int]] = []
        self.bytes = len(head)
        self.parts = Parts(len(FILE), head, self.read)

    async def read(self, start: int, size: int) -> bytes:
        assert start % STEP == 0
        self.asked.append((start // STEP, -(-size // STEP)))
        self.bytes += size
        return FILE[start : start + size]


def reading(
    parts: Parts,
    read: Callable[[RemoteStream], T],
    *,
    budget: int = 1 << 30,
    time_s: float = math.inf,
    stopping: Callable[[], bool] = lambda: False,
) -> T:
    """Read in a thread, as the steps do."""

    async def go() -> T:
        stream = RemoteStream(
            parts,
            budget=budget,
            url=URL,
            deadline=time.monotonic() + time_s,
            stopping=stopping,
        )
        return await asyncio.to_thread(read, stream)

    return asyncio.run(go())


@pytest.mark.parametrize("head", [b"", FILE[: 2 * STEP], FILE[:1_000]], ids=len)
@pytest.mark.parametrize(
    ("start", "size"),
    [
        (0, 0),
        (0, 1),
        (STEP - 3, 7),
        (3 * STEP, STEP),
        (len(FILE) - 5, 5),
        (len(FILE) - 5, 100),
        (len(FILE), 1),
        (len(FILE) + 9, 1),
        (0, len(FILE)),
        (7, 15 * STEP),
    ],
)
def test_any_part_is_what_it_is_in_the_file(head: bytes, start: int, size: int) -> None:
    server = Server(head)
    got = reading(server.parts, lambda stream: stream.read_at(start, size))
    assert got == FILE[start : start + size]


def test_what_was_read_is_not_asked_for_again() -> None:
    server = Server(FILE[: 2 * STEP])

    def read(stream: RemoteStream) -> None:
        for start in (0, STEP, len(FILE) - 10, 10 * STEP, len(FILE) - 90, 10 * STEP + 5, 9):
            assert stream.read_at(start, 5) == FILE[start : start + 5]

    reading(server.parts, read)
    assert server.asked == [(20, 1), (10, 1)]


def test_what_is_read_on_and_on_comes_in_larger_parts() -> None:
    server = Server(FILE[: 2 * STEP])

    def read(stream: RemoteStream) -> bytes:
        return b"".join(stream.read_at(at, 10_000) for at in range(0, len(FILE), 10_000))

    assert reading(server.parts, read) == FILE
    assert server.asked == [(2, 2), (4, 4), (8, 4), (12, 4), (16, 4), (20, 1)]
    assert server.bytes == len(FILE)


def test_few_blocks_are_kept() -> None:
    server = Server()

    def read(stream: RemoteStream) -> None:
        for number in (*range(1, 19, 2), 17, 1):
            stream.read_at(number * STEP, 1)

    reading(server.parts, read)
    assert server.asked == [(number, 1) for number in (*range(1, 19, 2), 1)]


def test_no_more_is_transferred_than_the_budget() -> None:
    server = Server(FILE[: 2 * STEP])
    budget = 7 * STEP + 1_000
    got = bytearray()

    def read(stream: RemoteStream) -> None:
        assert (stream.size, stream.budget, stream.step) == (len(FILE), budget, STEP)
        while True:
            got.extend(stream.read_at(len(got), 10_000))

    with pytest.raises(MediaError, match="larger than the limit"):
        reading(server.parts, read, budget=budget)
    assert server.bytes == 7 * STEP
    assert len(got) > 7 * STEP - 10_000


def test_the_same_part_counts_each_time_that_it_is_transferred() -> None:
    server = Server()

    def read(stream: RemoteStream) -> None:
        for _ in range(3):
            for number in range(1, 20, 2):
                stream.read_at(number * STEP, 1)

    with pytest.raises(MediaError, match="larger than the limit"):
        reading(server.parts, read, budget=15 * STEP)
    assert server.bytes == 15 * STEP


def test_an_end_of_the_file_is_had_by_what_is_left_of_the_budget() -> None:
    server = Server()
    read: Callable[[RemoteStream], bytes] = lambda one: one.read_at(len(FILE) - 3, 3)  # noqa: E731
    assert reading(server.parts, read, budget=len(FILE) % STEP) == FILE[-3:]


@pytest.mark.parametrize("error", [MediaError("x"), SourceUnavailable("x", url=URL)], ids=repr)
def test_what_goes_wrong_reaches_who_reads(error: Exception) -> None:
    async def read(_start: int, _size: int) -> bytes:
        raise error

    with pytest.raises(type(error)):
        reading(Parts(len(FILE), b"", read), lambda stream: stream.read_at(0, 1))


@pytest.mark.parametrize(
    ("time_s", "stopping", "error"),
    [(0.3, False, SourceUnavailable), (60.0, True, NotAsked)],
    ids=["out of time", "stopped"],
)
def test_nothing_is_waited_for_when_time_is_over_or_the_crawl_is_to_end(
    time_s: float, stopping: bool, error: type[Exception]
) -> None:
    ended: list[bool] = []

    async def read(_start: int, _size: int) -> bytes:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)
        return b""

    began = time.monotonic()
    with pytest.raises(error) as caught:
        reading(
            Parts(len(FILE), b"", read),
            lambda stream: stream.read_at(0, 1),
            time_s=time_s,
            stopping=lambda: stopping,
        )
    assert caught.type is error
    assert time.monotonic() - began < 5
    assert ended == [True]
