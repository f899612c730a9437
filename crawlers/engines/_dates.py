"""Dates as forums write them for people: many orders, Korean too, and relative to now."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum

KST = timezone(timedelta(hours=9), "KST")

# Longer than any date; what is over is not looked at.
_MAX_LENGTH = 200
_HALF = "am|pm|오전|오후"
_CLOCK = re.compile(
    rf"(?:({_HALF}) ?)?(?<![0-9])([0-9]{{1,2}})(?::|시 ?)([0-9]{{2}})(?::([0-9]{{2}}))?(?:분)?"
    rf"(?: ?({_HALF}))?"
)
# Some leave out the minutes of a full hour.
_HOUR = re.compile(
    r"(?:(오전|오후) ?)(?<![0-9])([0-9]{1,2})시|(?<![0-9])([0-9]{1,2}) ?(am|pm)(?![a-z])"
)
_NAMED_TIMES = {"noon": "12:00", "정오": "12:00", "midnight": "0:00", "자정": "0:00"}
_YEAR_FIRST = re.compile(
    r"(?<![0-9])([0-9]{4}) ?[-./년] ?([0-9]{1,2}) ?[-./월] ?([0-9]{1,2})(?![0-9])"
)
_THREE = re.compile(r"(?<![0-9])([0-9]{1,2})[-./] ?([0-9]{1,2})[-./] ?([0-9]{4}|[0-9]{2})(?![0-9])")
_MONTH_AND_DAY = re.compile(r"(?<![0-9])([0-9]{1,2})(?:[-./]|월 ?)([0-9]{1,2})(?![0-9])")
_NAMED = re.compile(r"([a-z]{3,9})[.,]? ([0-9]{1,2})(?:st|nd|rd|th)?,? '?([0-9]{4}|[0-9]{2})\b")
_DAY_NAMED = re.compile(
    r"(?<![0-9])([0-9]{1,2})(?:st|nd|rd|th)?[ -]([a-z]{3,9})[.,]?[ -]'?([0-9]{4}|[0-9]{2})\b"
)
# An English order of which only the month was translated: "08 6월, 2026".
_DAY_MONTH_YEAR = re.compile(r"(?<![0-9])([0-9]{1,2}) ([0-9]{1,2})월,? ([0-9]{4})(?![0-9])")
_AGO = re.compile(
    r"(?<![0-9])([0-9]{1,3}|an?) ?(초|분|시간|일|주|sec|min|hour|day|week)[a-z]{0,4} ?(?:ago|전)"
)
_UNITS = {
    **dict.fromkeys(("초", "sec"), timedelta(seconds=1)),
    **dict.fromkeys(("분", "min"), timedelta(minutes=1)),
    **dict.fromkeys(("시간", "hour"), timedelta(hours=1)),
    **dict.fromkeys(("일", "day"), timedelta(days=1)),
    **dict.fromkeys(("주", "week"), timedelta(weeks=1)),
}
_DAYS_AGO = {"today": 0, "오늘": 0, "yesterday": 1, "어제": 1}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ZONE = re.compile(r"(?:gmt|utc)(?: ?([+\u2212-]) ?([0-9]{1,2})(?:[:.]?([0-9]{2}))?)?(?![a-z0-9])")


class DateOrder(StrEnum):
    """How a date of three short numbers is meant."""

    YMD = "ymd"
    MDY = "mdy"
    DMY = "dmy"


def read_date(
    text: str,
    zone: timezone,
    now: datetime | None = None,
    order: DateOrder = DateOrder.YMD,
) -> datetime | None:
    """Read a date as people write it: "26-07-01 14:09", "Aug 25, 2026 at 8:00 AM", "2시간 전".

    Args:
        text: Not much more than the date.
        zone: Of the date.
        now: When the page was made, aware; without it, what is relative or lacks its year is
            not read.
        order: Of dates such as 01-02-03.

    Returns:
        In UTC; the start of the day where no time is given; None for what is no date.
    """
    text = " ".join(text[:_MAX_LENGTH].lower().split()).replace("a.m.", "am").replace("p.m.", "pm")
    try:
        here = None if now is None else now.astimezone(zone)
        if here is not None and (earlier := _ago(text)) is not None:
            return (here - earlier).astimezone(UTC)
        clock = _CLOCK.search(text := _with_minutes(text))
        rest = text if clock is None else f"{text[: clock.start()]} {text[clock.end() :]}"
        day = _absolute_day(rest, order)
        if day is None and here is not None:
            day = _day_near(rest, here.date(), has_clock=clock is not None)
        if day is None:
            return None
        return datetime.combine(day, _time(clock), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def order_of(texts: Iterable[str], default: DateOrder) -> DateOrder:
    """Tell the order of a page's dates by one whose day is above 12."""
    for text in texts:
        found = _THREE.search(text[:_MAX_LENGTH])
        if found is not None and int(found[1]) <= 31 and int(found[2]) <= 31:
            if int(found[1]) > 12 >= int(found[2]):
                return DateOrder.DMY
            if int(found[2]) > 12 >= int(found[1]):
                return DateOrder.MDY
    return default


def zone_of(text: str) -> timezone | None:
    """Read a zone such as "GMT +9"; None where the text names none."""
    found = _ZONE.search(text[:2_000].lower())
    if found is None:
        return None
    away = timedelta(hours=int(found[2] or 0), minutes=int(found[3] or 0))
    if away >= timedelta(hours=24):
        return None
    return timezone(away if found[1] in {None, "+"} else -away)


def _with_minutes(text: str) -> str:
    for name, clock in _NAMED_TIMES.items():
        text = text.replace(name, clock)
    found = None if _CLOCK.search(text) else _HOUR.search(text)
    if found is None:
        return text
    half, hour = (found[1], found[2]) if found[1] else (found[4], found[3])
    return f"{text[: found.start()]}{hour}:00 {half}{text[found.end() :]}"


def _ago(text: str) -> timedelta | None:
    if "just now" in text or "moment ago" in text or text.startswith("방금"):
        return timedelta(0)
    found = _AGO.search(text)
    if found is None:
        return None
    return _UNITS[found[2]] * (int(found[1]) if found[1].isdecimal() else 1)


def _time(clock: re.Match[str] | None) -> time:
    if clock is None:
        return time(0)
    before, hour, minute, second, after = clock.groups()
    half = before or after
    hours = int(hour)
    if half is not None:
        hours = hours % 12 + (12 if half in {"pm", "오후"} else 0)
    return time(hours, int(minute), int(second or 0))


def _absolute_day(text: str, order: DateOrder) -> date | None:
    if found := _YEAR_FIRST.search(text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := _DAY_MONTH_YEAR.search(text):
        return date(int(found[3]), int(found[2]), int(found[1]))
    if found := _THREE.search(text):
        first, second, third = (int(part) for part in found.groups())
        if order is DateOrder.YMD and third < 100:
            return date(2000 + first, second, third)
        month, day = (second, first) if order is DateOrder.DMY else (first, second)
        return date(_year(third), month, day)
    if (found := _NAMED.search(text)) and found[1][:3] in _MONTHS:
        return date(_year(int(found[3])), _MONTHS.index(found[1][:3]) + 1, int(found[2]))
    if (found := _DAY_NAMED.search(text)) and found[2][:3] in _MONTHS:
        return date(_year(int(found[3])), _MONTHS.index(found[2][:3]) + 1, int(found[1]))
    return None


def _year(number: int) -> int:
    return number if number >= 100 else 2000 + number


def _day_near(text: str, today: date, *, has_clock: bool) -> date | None:
    for word, days in _DAYS_AGO.items():
        if word in text:
            return today - timedelta(days=days)
    for weekday, name in enumerate(_WEEKDAYS):
        if name in text:
            # Of last week, if it has the name of today.
            return today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1)
    if found := _MONTH_AND_DAY.search(text):
        month, day = int(found[1]), int(found[2])
        # A day later than tomorrow, which it may be elsewhere already, is of last year.
        latest = today + timedelta(days=1)
        is_past = (month, day) <= (latest.month, latest.day) or latest.year > today.year
        return date(today.year if is_past else today.year - 1, month, day)
    return today if has_clock and not text.strip(" ,-") else None
