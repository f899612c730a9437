from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.models.match import Grade, Match, Moment, Placing
from monitor.store import findings, posts
from monitor.store.store import Store
from tests.fixtures.stock import (
    ALERTING,
    NOW,
    found,
    item,
    match,
    new_source,
    open_case,
    picture,
)

Haechi = Callable[..., Any]


@pytest.fixture
def finding(store: Store) -> str:
    with store.write() as db:
        (key,) = found(db)
    return key


def test_findings_are_listed_for_people_and_programs(at_home: Haechi, finding: str) -> None:
    for command in (("findings",), ("findings", "list")):
        assert finding in at_home(*command).out
    (row,) = at_home("findings", "list", "--json").rows
    assert (row["id"], row["case"], row["status"]) == (finding, "case-1", "new")
    assert (row["source"], row["post"]) == ("@channel", "https://t.me/channel/1")
    assert (row["transform"], row["region"]) == ("flip_y", [0.0, 0.0, 1.0, 1.0])
    assert at_home("findings", "list", "--status", "dismissed", "--json").rows == []
    assert at_home("findings", "list", "--status", "maybe").code == 2
    told = at_home("findings", "--status", "dismissed").out
    assert told == "no findings of this status; 1 other\n"


def test_what_a_hunt_found_is_told_apart_from_what_is_new(at_home: Haechi, store: Store) -> None:
    with store.write() as db:
        (old,) = found(db, historic=True)
        found(db, number=2, name="b")
    rows = at_home("findings", "--json").rows
    assert {row["id"]: row["historic"] for row in rows}[old]
    assert sum(row["historic"] for row in rows) == 1
    assert at_home("findings").out.count("new, historic") == 1
    assert "crawled before / 이전에 수집" in at_home("findings", "show", old).out


@pytest.mark.parametrize("command", [("findings",), ("findings", "list"), ("hunt",)], ids=" ".join)
def test_a_case_that_does_not_exist_is_told_apart_from_one_without_findings(
    at_home: Haechi, store: Store, command: tuple[str, ...]
) -> None:
    with store.write() as db:
        open_case(db, "case-2")
    assert at_home(*command, "--case", "case-2").code == 0
    ended = at_home(*command, "--case", "nope")
    assert (ended.code, ended.out) == (2, "")
    assert "case 'nope'; see `haechi cases`" in ended.err


def test_a_finding_is_told_in_words(at_home: Haechi, finding: str) -> None:
    ended = at_home("findings", "show", finding)
    assert ended.code == 0
    assert "differs from the enrolled photo in 4 of 256 bits" in ended.out
    assert "hxxps://t[.]me/channel/1" in ended.out
    assert "https://" not in ended.out
    assert at_home("findings", "show", finding, "--json").rows[0]["id"] == finding


@pytest.mark.parametrize(("verb", "status"), [("confirm", "confirmed"), ("dismiss", "dismissed")])
def test_a_judgement_is_kept_with_its_author(
    at_home: Haechi, finding: str, verb: str, status: str
) -> None:
    ended = at_home("findings", verb, finding)
    # The mail server of this home is down: a judgement does not need it.
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"finding {finding} is {status}\n"
    (row,) = at_home("findings", "list", "--json").rows
    assert row["status"] == status
    assert row["decided_by"]
    assert row["decided_at"]
    assert f"{status} by" in at_home("findings", "show", finding).out


def test_a_judgement_says_which_one_it_replaces(at_home: Haechi, finding: str) -> None:
    assert "new, nobody has judged it yet" in at_home("findings", "show", finding).out
    at_home("findings", "confirm", finding)
    shown = at_home("findings", "show", finding).out
    first = re.search(r"confirmed by \S+ at \S+ \S+Z", shown)
    assert first
    again = at_home("findings", "confirm", finding)
    assert again.out == f"finding {finding} was {first[0]}; nothing is changed\n"
    ended = at_home("findings", "dismiss", finding)
    assert ended.out == f"finding {finding} is dismissed; before, it was {first[0]}\n"


def test_a_judgement_is_kept_when_the_index_can_not_take_it(
    at_home: Haechi, finding: str, folder: Path
) -> None:
    (folder / "search.db").write_bytes(b"no index" * 999)
    ended = at_home("findings", "confirm", finding)
    assert ended.code == 1
    assert f"finding {finding} is confirmed" in ended.out
    assert "1 change not indexed yet" in ended.err
    assert at_home("findings", "list", "--json").rows[0]["status"] == "confirmed"


def test_a_dismissal_calls_back_the_mail_that_waits(
    at_home: Haechi, finding: str, store: Store
) -> None:
    at_home("findings", "dismiss", finding)
    with store.read() as db:
        assert findings.count_alerts(db) == {"cancelled": 1}
    (row,) = at_home("alerts", "list", "--state", "cancelled", "--json").rows
    assert "dismissed" in row["error"]


@pytest.mark.parametrize("verb", ["show", "confirm", "dismiss"])
def test_a_finding_that_does_not_exist_is_misuse(at_home: Haechi, verb: str) -> None:
    ended = at_home("findings", verb, "d\x1bnone")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "\x1b" not in ended.err


def test_a_photo_in_a_part_of_a_picture_is_told_in_words(at_home: Haechi, store: Store) -> None:
    placing = Placing(inliers=41, agreement=0.875, shown=0.6, scale=0.5, angle=-12.4)
    one = replace(
        match("case-1", "a", grade=Grade.REVIEW),
        method="features",
        distance=None,
        region=(0.5, 0.25, 0.125, 0.5),
        placing=placing,
    )
    with store.write() as db:
        open_case(db)
        source = new_source(db, "@channel")
        posts.write(db, [item(source, 1, media=[picture("a")])], NOW)
        (key,) = findings.add(
            db,
            source_id=source.id,
            post_id=posts.post_id(source.id, "1"),
            matches=[one],
            alerting=ALERTING,
            now=NOW,
        )
    told = at_home("findings", "show", key).out
    for words in (
        "50 % from its left and 25 % from its top, over 12 % of its width and 50 % of its height",
        "It is mirrored",
        "turned to the left by 12 degrees",
        "41 places of it were found again",
        "60% of the photo is shown, and 88% of that looks the same",
        "only a person can say. No mail was sent.",
    ):
        assert words in told
    assert "None" not in told
    (row,) = at_home("findings", "list", "--json").rows
    assert (row["distance"], row["inliers"], row["shown"]) == (None, 41, 0.6)
    assert (row["region"], row["angle"], row["grade"]) == ([0.5, 0.25, 0.125, 0.5], -12.4, "review")
    assert "88% alike" in at_home("findings").out
    assert at_home("alerts", "list", "--json").rows == []


def kept(store: Store, one: Match, **changes: Any) -> str:
    """A finding in a post of one file."""
    file = picture("a")
    assert file.facts
    file = replace(file, facts=replace(file.facts, **changes))
    with store.write() as db:
        open_case(db)
        source = new_source(db, "@channel")
        posts.write(db, [item(source, 1, media=[file])], NOW)
        (key,) = findings.add(
            db,
            source_id=source.id,
            post_id=posts.post_id(source.id, "1"),
            matches=[one],
            alerting=ALERTING,
            now=NOW,
        )
    return key


IN_VIDEO = Moment(start_s=71.5, end_s=83.2, share=0.125, length_s=3_725.04, frames=9)
IN_BOTH = replace(IN_VIDEO, clip_start_s=5.0, clip_end_s=30.0, clip_share=0.42)
ANY = match("case-1", "a")


def test_when_a_photo_is_in_a_video_is_told_in_words(at_home: Haechi, store: Store) -> None:
    key = kept(store, replace(ANY, moment=IN_VIDEO, region=(0.25, 0.0, 0.5, 1.0)))
    told = at_home("findings", "show", key).out
    assert (
        "The enrolled photo is shown at 01:11-01:24 of the post's video, which lasts 1:02:06; "
        "9 frames of it match, 12% of those that were looked at.\n"
        "A part of the frame (25 % from its left, 0 % from its top, 50 % wide, 100 % high) differs "
        "from the enrolled photo in 4 of 256 bits"
    ) in told
    assert f"photo:  f-case-1   media sha256: {ANY.media_sha256}" in told
    assert "4 bits, at 01:11-01:24" in at_home("findings").out
    (row,) = at_home("findings", "--json").rows
    assert (row["start_s"], row["end_s"], row["length_s"]) == (71.5, 83.2, 3_725.04)
    assert (row["share"], row["frames"], row["clip_start_s"]) == (0.125, 9, None)


def test_how_much_of_which_part_of_an_enrolled_video_is_in_another_is_told_in_words(
    at_home: Haechi, store: Store
) -> None:
    one = replace(ANY, method="vpdq", grade=Grade.REVIEW, moment=IN_BOTH, transform="flip_y")
    key = kept(store, one, partial=True)
    told = at_home("findings", "show", key).out
    for words in (
        "What the enrolled video shows at 00:05-00:30 is shown at 01:11-01:24 of the post's video",
        "which lasts 1:02:06: 42% of the enrolled video's frames, and 9 frames of the post's, 12%",
        "The median of the frames that match differs from the enrolled video's frame in 4",
        "Against it, it is mirrored",
        "That is not enough to be sure: only a person can say. No mail was sent.",
        f"video:  f-case-1   media id (parts of it were had): {one.media_sha256}",
    ):
        assert words in told
    (row,) = at_home("findings", "--json").rows
    assert (row["sha256"], row["media_id"]) == (None, one.media_sha256)
    assert (row["method"], row["clip_end_s"], row["clip_share"]) == ("vpdq", 30.0, 0.42)


def test_a_frame_in_a_part_of_another_and_a_still_are_told_in_words(
    at_home: Haechi, store: Store
) -> None:
    placing = Placing(agreement=0.9, shown=1.0, scale=1.0, angle=0.0, inliers=30)
    placed = replace(ANY, method="features", distance=None, placing=placing, moment=IN_BOTH)
    key = kept(store, placed)
    assert "The enrolled video's frame is in the frame, 0 %" in at_home("findings", "show", key).out
    still = replace(match("case-2", "b"), moment=Moment(clip_start_s=12.9, clip_end_s=12.9))
    with store.write() as db:
        open_case(db, "case-2")
        source = new_source(db, "@other")
        posts.write(db, [item(source, 1, media=[picture("b")])], NOW)
        findings.add(
            db,
            source_id=source.id,
            post_id=posts.post_id(source.id, "1"),
            matches=[still],
            alerting=ALERTING,
            now=NOW,
        )
    (row,) = at_home("findings", "--case", "case-2", "--json").rows
    told = at_home("findings", "show", row["id"]).out
    assert "The post's picture shows a moment of the enrolled video, at 00:12.\n" in told
    assert "The post's picture differs from the enrolled video's frame in 4 of 256 bits" in told
    assert "4 bits, still of 00:12" in at_home("findings", "--case", "case-2").out
    assert (row["start_s"], row["clip_start_s"], row["clip_share"]) == (None, 12.9, None)


def test_what_is_of_no_video_has_no_moment(at_home: Haechi, finding: str) -> None:
    (row,) = at_home("findings", "--json").rows
    moment = ("start_s", "end_s", "length_s", "share", "frames", "clip_start_s", "clip_share")
    assert {row[name] for name in moment} == {None}
    assert row["sha256"] == row["media_id"]
    assert "video" not in at_home("findings", "show", finding).out
