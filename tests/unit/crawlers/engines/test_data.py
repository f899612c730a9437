"""Data whose values are of any type."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crawlers.engines._data import MAX_ITEMS, Data, fail, read_data
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.source import SourceState


@pytest.mark.parametrize("text", ["", "<html>", '{"a":', "[" * 100_000, f"[{'9' * 5_000}]", "null"])
def test_what_is_no_data_is_nothing(text: str) -> None:
    assert read_data(text) == Data()


def test_numbers_that_are_none_are_nothing_in_data_that_is_kept() -> None:
    data = read_data('\ufeff {"a": NaN, "b": [-Infinity, 1]}')
    assert data["a"].value is None
    assert [one.number() for one in data["b"].each()] == [None, 1]


def test_anything_may_be_asked_of_any_value() -> None:
    for value in (None, True, 1, 1.5, "x", [1], {"a": 1}):
        data = Data(value)["no"]["such"]
        assert (data.text(), data.number(), data.each(), data.moment()) == ("", None, [], None)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        ("007", 7),
        (True, None),
        (-1, None),
        (10**18, None),
        (7.0, None),
        ("٣", None),
    ],
)
def test_a_number_is_small_and_whole(value: object, number: int | None) -> None:
    assert Data(value).number() == number


def test_a_text_can_be_stored() -> None:
    assert read_data('["a\\ud800b\\u0000"]').each()[0].text() == "a\ufffdb"
    assert Data(31).text() == "31"


def test_a_list_is_not_read_without_end() -> None:
    assert len(Data([0] * (MAX_ITEMS + 1)).each()) == MAX_ITEMS


@pytest.mark.parametrize(
    ("value", "hour"),
    [
        ("2026-02-28T09:05:00Z", 9),
        ("2026-02-28T09:05:00+09:00", 0),
        ("2026-02-28T09:05:00.123456", 9),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
    ],
)
def test_a_time_without_a_zone_is_utc(value: str, hour: int | None) -> None:
    read = Data(value).moment()
    assert (None if read is None else read.hour) == hour
    assert read is None or read.utcoffset() == datetime.now(UTC).utcoffset()


def test_seconds_beyond_all_years_are_no_time() -> None:
    assert Data(1_772_269_500).epoch() == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert Data(10**17).epoch() is None


def test_a_refusal_is_no_change_of_the_software() -> None:
    with pytest.raises(SourceUnavailable) as caught:
        fail("NAME", "no posts", "https://forum.example/", is_refused=True)
    assert caught.value.state is SourceState.RESTRICTED
    with pytest.raises(SourceChanged):
        fail("NAME", "no posts", "https://forum.example/")
