from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from monitor.models.item import Item, MediaItem
from monitor.models.match import Grade, Match, Placing
from monitor.models.source import Source, SourceKind, SourceState
from monitor.registry.bank import Bank, build
from pipelines.steps.match import match_media
from tests.fixtures.stock import NOW, digest, eight, facts, fingerprint, item, match, picture

PRINT = replace(fingerprint("case-1", eight("a")), id="f-case-1")
BANK = build([PRINT])
SOURCE = Source(
    id="s",
    kind=SourceKind.TELEGRAM,
    address="@channel",
    engine=None,
    interval_s=60,
    paused=False,
    state=SourceState.OK,
    state_detail="",
    added_at=NOW,
    last_success_at=None,
    last_new_at=None,
    failures=0,
)


def placed(name: str, case_id: str = "case-1", grade: Grade = Grade.STRONG) -> Match:
    return replace(
        match(case_id, name, grade=grade),
        method="features",
        distance=None,
        placing=Placing(inliers=30, agreement=0.9, shown=1.0, scale=1.0, angle=0.0),
    )


@dataclass(frozen=True)
class Seen:
    """A look that saw what it is told to have seen."""

    found: Sequence[Match]

    def matches(self, bank: Bank) -> Sequence[Match]:
        assert bank is BANK
        return self.found


def post(*media: MediaItem) -> Item:
    return item(SOURCE, 1, media=media)


def nothing(_: str) -> list[Match]:
    return []


def never(_: str) -> list[Match]:
    pytest.fail("asked for what was found earlier")


def test_what_a_look_sees_is_a_match() -> None:
    seen = picture("x", look=Seen([placed("x")]))
    assert match_media(post(seen), BANK, never).matches == (placed("x"),)


def test_a_picture_without_a_look_is_matched_by_what_was_found_in_it_earlier() -> None:
    asked: list[str] = []

    def earlier(sha256: str) -> list[Match]:
        asked.append(sha256)
        return [placed("x")]

    assert match_media(post(picture("x")), BANK, earlier).matches == (placed("x"),)
    assert asked == [digest("x")]


def test_what_was_found_earlier_of_a_photo_that_is_not_watched_for_any_more_is_left_out() -> None:
    def earlier(_: str) -> list[Match]:
        return [placed("x", "case-gone")]

    assert match_media(post(picture("x")), BANK, earlier).matches == ()


def test_a_hash_is_surer_than_a_look_of_the_same_grade_and_one_match_a_case_is_kept() -> None:
    near = facts("x", pdq=eight("a")[0])
    seen = Seen([placed("x"), placed("x", grade=Grade.REVIEW), placed("x", "case-2")])
    found = match_media(post(picture("x", facts=near, look=seen)), BANK, never).matches
    assert [(one.case_id, one.method) for one in found] == [
        ("case-1", "pdq"),
        ("case-2", "features"),
    ]


def test_a_strong_look_is_surer_than_one_for_review() -> None:
    seen = Seen([placed("x", grade=Grade.REVIEW), placed("x")])
    (found,) = match_media(post(picture("x", look=seen)), BANK, never).matches
    assert found.grade is Grade.STRONG


def test_the_same_file_twice_in_a_post_is_one_match() -> None:
    twice = [picture("x", look=Seen([placed("x")])) for _ in range(2)]
    assert len(match_media(post(*twice), BANK, never).matches) == 1


def test_media_without_facts_match_nothing() -> None:
    assert match_media(post(picture("x", facts=None)), BANK, never).matches == ()
    assert match_media(post(), BANK, nothing).matches == ()
