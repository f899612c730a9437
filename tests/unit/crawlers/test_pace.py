from __future__ import annotations

import threading
from pathlib import Path

import pytest

from crawlers import pace
from crawlers.pace import LONGEST_WAIT_S, Pace


class Time:
    """The wall clock, standing still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(pace, "time", clock)
    return clock


def test_a_host_is_free_at_first_and_then_by_the_delay(tmp_path: Path, clock: Time) -> None:
    one = Pace(tmp_path / "pace", 2.0)
    waits = [one.reserve("a.example") for _ in range(3)]
    assert waits == pytest.approx([0, 2, 4], abs=1e-3)
    clock.now += 100
    assert one.reserve("a.example") == pytest.approx(0, abs=1e-3)


@pytest.mark.usefixtures("clock")
def test_hosts_do_not_wait_for_each_other(tmp_path: Path) -> None:
    one = Pace(tmp_path, 2.0)
    one.reserve("a.example")
    assert one.reserve("b.example") == pytest.approx(0, abs=1e-3)


@pytest.mark.usefixtures("clock")
def test_two_crawls_share_the_pace_of_a_host(tmp_path: Path) -> None:
    first, second = Pace(tmp_path, 2.0), Pace(tmp_path, 2.0)
    first.reserve("t.me")
    assert second.reserve("t.me") == pytest.approx(2, abs=1e-3)


def test_a_host_that_asks_for_a_pause_gets_it_within_reason(tmp_path: Path, clock: Time) -> None:
    one = Pace(tmp_path, 1.0)
    one.hold_off("a.example", 30)
    assert one.reserve("a.example") == pytest.approx(30, abs=1e-3)
    one.hold_off("a.example", 5)
    assert one.reserve("a.example") == pytest.approx(31, abs=1e-3)
    one.hold_off("a.example", 1e9)
    day_s = 86_400
    assert one.reserve("a.example") == pytest.approx(day_s, abs=1e-3)
    clock.now += day_s + 1
    assert one.reserve("a.example") == pytest.approx(0, abs=1e-3)


def test_a_wait_that_is_too_long_takes_no_time_of_the_host(tmp_path: Path, clock: Time) -> None:
    one = Pace(tmp_path, 1.0)
    one.hold_off("a.example", LONGEST_WAIT_S + 10)
    for _ in range(3):
        wait_s = one.reserve("a.example")
        assert wait_s == pytest.approx(LONGEST_WAIT_S + 10, abs=1e-3)
        assert one.is_too_long(wait_s)
    clock.now += 20
    waits = [one.reserve("a.example") for _ in range(2)]
    assert waits == pytest.approx([LONGEST_WAIT_S - 10, LONGEST_WAIT_S - 9], abs=1e-3)
    assert not any(one.is_too_long(wait_s) for wait_s in waits)


@pytest.mark.usefixtures("clock")
def test_an_operators_own_long_delay_is_waited_for(tmp_path: Path) -> None:
    one = Pace(tmp_path, 3_600.0)
    waits = [one.reserve("a.example") for _ in range(3)]
    assert waits == pytest.approx([0, 3_600, 7_200], abs=1e-3)
    assert [one.is_too_long(wait_s) for wait_s in waits] == [False, False, True]
    assert one.reserve("a.example") == pytest.approx(7_200, abs=1e-3)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("content", [b"", b"soon", b"nan", b"inf", b"-5", b"9" * 300, b"\xff"])
def test_a_damaged_file_or_a_clock_set_back_stops_nobody(tmp_path: Path, content: bytes) -> None:
    one = Pace(tmp_path, 1.0)
    one.reserve("a.example")
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert one.reserve("a.example") == pytest.approx(0, abs=1e-3)
    assert one.reserve("a.example") == pytest.approx(1, abs=1e-3)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("host", ["../../x", "a/b", "x" * 5_000, "", "한글.kr", "\x00"])
def test_a_hosts_name_never_is_a_path(tmp_path: Path, host: str) -> None:
    Pace(tmp_path / "pace", 1.0).reserve(host)
    (file,) = (tmp_path / "pace").iterdir()
    assert len(file.name) == 16
    assert [one.name for one in tmp_path.iterdir()] == ["pace"]


@pytest.mark.usefixtures("clock")
def test_no_two_get_the_same_time(tmp_path: Path) -> None:
    waits: list[float] = []

    def ask() -> None:
        own = Pace(tmp_path, 1.0)
        waits.extend(own.reserve("a.example") for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(round(wait) for wait in waits) == list(range(60))
