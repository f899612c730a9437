"""Dates as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.engines._dates import KST, DateOrder, order_of, read_date, zone_of

# A Monday, 14:30 in Korea.
NOW = datetime(2026, 3, 2, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("26-07-01 14:09", "2026-07-01 14:09"),
        ("2026.07.01. 14:09:33", "2026-07-01 14:09:33"),
        ("2026년 7월 1일 오후 2:09", "2026-07-01 14:09"),
        ("오전 12:05 2026/7/1", "2026-07-01 00:05"),
        ("07-25-2026, 08:00 AM", "2026-07-25 08:00"),
        ("Aug 25, 2026 at 8:00 p.m.", "2026-08-25 20:00"),
        ("Tuesday, August 25th, 2026, 08:00:12 PM", "2026-08-25 20:00:12"),
        ("25 August 2026 - 23:59", "2026-08-25 23:59"),
        ("5-Jan-09 10:13", "2009-01-05 10:13"),
        ("2026-07-01", "2026-07-01 00:00"),
        ("2026년 7월 1일 14시 09분", "2026-07-01 14:09"),
        ("01 7월, 2026 14:09", "2026-07-01 14:09"),
        ("2026년 7월 1일 오후 3시", "2026-07-01 15:00"),
        ("July 1, 2026, 9 p.m.", "2026-07-01 21:00"),
        ("July 1, 2026, noon", "2026-07-01 12:00"),
        ("July 1, 2026, midnight", "2026-07-01 00:00"),
        ("2시간 전", "2026-03-02 12:30"),
        ("3 minutes ago", "2026-03-02 14:27"),
        ("an hour ago", "2026-03-02 13:30"),
        ("방금 전", "2026-03-02 14:30"),
        ("Today, 10:05 AM", "2026-03-02 10:05"),
        ("어제 오후 11:05", "2026-03-01 23:05"),
        ("Friday at 9:00 AM", "2026-02-27 09:00"),
        ("Monday at 9:00 AM", "2026-02-23 09:00"),
        ("02.28 09:01:02", "2026-02-28 09:01:02"),
        ("12-31", "2025-12-31 00:00"),
        ("03-03 00:10", "2026-03-03 00:10"),
        ("14:09", "2026-03-02 14:09"),
    ],
)
def test_a_date_is_read_in_its_zone(text: str, local: str) -> None:
    order = DateOrder.MDY if text.startswith("07-25") else DateOrder.YMD
    read = read_date(text, KST, NOW, order)
    assert read == datetime.fromisoformat(local).replace(tzinfo=KST)
    assert read is not None
    assert read.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-02-30 10:00", "2026-07-01 27:00", "0000-01-01", "1/1"]
)
def test_what_is_no_date_is_not_guessed(text: str) -> None:
    assert read_date(text, KST) is None


@pytest.mark.parametrize("text", ["2시간 전", "Today, 10:05", "14:09", "07-01", "Friday at 9:00"])
def test_what_is_relative_is_not_read_without_now(text: str) -> None:
    assert read_date(text, KST) is None


def test_a_day_above_12_tells_the_order_of_a_page() -> None:
    assert order_of(["01-02-2026", "25-02-2026"], DateOrder.MDY) is DateOrder.DMY
    assert order_of(["01-02-2026", "02-25-2026"], DateOrder.DMY) is DateOrder.MDY
    assert order_of(["01-02-2026", "x"], DateOrder.MDY) is DateOrder.MDY


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("All times are GMT +9. The time now is 05:13 AM.", 9.0),
        ("All times are GMT. The time now is 05:13 AM.", 0.0),
        ("(UTC-03:30)", -3.5),
        ("GMT+99", None),
        ("no zone", None),
    ],
)
def test_a_zone_is_read_where_it_is_named(text: str, hours: float | None) -> None:
    expected = None if hours is None else timezone(timedelta(hours=hours))
    assert zone_of(text) == expected


@given(st.text(alphabet="0123456789-./: ,년월일전apmgtoday시"))
def test_any_text_is_a_date_or_none(text: str) -> None:
    for now in (None, NOW, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        read = read_date(text, KST, now)
        assert read is None or read.utcoffset() == timedelta(0)
    zone_of(f"gmt{text}")
    order_of([text], DateOrder.YMD)
