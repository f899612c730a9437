from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import Misuse
from monitor.exchange import Given, Kind, Taken, Told, format_of
from monitor.exchange.stopncii import FORMAT
from tests.fixtures.stock import digest, fingerprint


def record(**changes: Any) -> dict[str, Any]:
    return {
        "lastModtimestamp": 1625167804,
        "signalType": "ImagePDQ",
        "hashValue": digest(1),
        "hashStatus": "Active",
        "caseNumbers": {"2766-a": "Active", "a269-b": "Withdrawn"},
        "CSPFeedbacks": [{"source": "x", "feedbackValue": "Blocked", "tags": []}],
    } | changes


def page(*records: Any) -> str:
    return json.dumps({"count": len(records), "nextPageToken": "W3", "hashRecords": records})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "page.json"


def read(path: Path, *pages: str) -> list[Given]:
    path.write_text("\n".join(pages))
    assert format_of(path) is FORMAT
    return list(FORMAT.read(path, Kind.PDQ))


def test_a_record_gives_its_hash_its_status_and_the_cases_that_stand(path: Path) -> None:
    (one,) = read(path, page(record()))
    assert one.hashes == {Kind.PDQ: digest(1)}
    assert not one.is_gone
    assert one.partner is not None
    assert (one.partner.name, one.partner.status) == ("StopNCII", "Active")
    assert one.partner.cases == {"2766-a": "Active"}


@pytest.mark.parametrize(
    "change",
    [{"hashStatus": "Withdrawn"}, {"hashStatus": "Deleted"}, {"caseNumbers": {"a": "Withdrawn"}}],
)
def test_what_was_withdrawn_by_all_is_gone(path: Path, change: dict[str, Any]) -> None:
    (one,) = read(path, page(record(**change)))
    assert one.is_gone


def test_an_empty_list_of_cases_is_no_withdrawal(path: Path) -> None:
    assert not read(path, page(record(caseNumbers=[])))[0].is_gone


def test_pages_one_after_the_other_are_read_as_one(path: Path) -> None:
    many = read(
        path, page(record(), record(hashValue=digest(2))), page(record(hashValue=digest(3)))
    )
    assert [one.place for one in many] == ["record 1", "record 2", "record 3"]
    assert [one.hashes for one in many] == [{Kind.PDQ: digest(number)} for number in (1, 2, 3)]


def test_digests_of_videos_are_taken_and_other_kinds_are_named(path: Path) -> None:
    md5, tmk = read(
        path,
        page(
            record(signalType="VideoMD5", hashValue="AB" * 16),
            record(signalType="VideoTMK\x1b[2J", hashValue="x"),
        ),
    )
    assert md5.hashes == {Kind.MD5: "ab" * 16}
    assert tmk.unusable == "VideoTMK[2J"


@pytest.mark.parametrize(
    "wrong",
    [
        {"hashValue": "short"},
        {"hashValue": None},
        {"signalType": 3},
        {"hashValue": digest(1) + "0"},
    ],
)
def test_a_bad_record_is_told_and_the_others_are_read(path: Path, wrong: dict[str, Any]) -> None:
    bad, no_record, good = read(path, page(record(**wrong), "record", record()))
    assert bad.fault
    assert no_record.fault == "is no hash record"
    assert good.hashes


def test_a_case_that_stands_keeps_a_hash_however_many_were_withdrawn(path: Path) -> None:
    many = {f"c{number}": "Withdrawn" for number in range(150)} | {"last": "Active"}
    kept, unclear, gone = read(
        path,
        page(
            record(caseNumbers=many),
            record(caseNumbers={"c": None}),
            record(hashStatus=" withdrawn"),
        ),
    )
    assert kept.partner is not None
    assert (kept.is_gone, kept.partner.cases) == (False, {"last": "Active"})
    assert (unclear.is_gone, gone.is_gone) == (False, True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            '{"hashRecords": [{"lastModtimestamp": ' + "9" * 20_000 + "}]}",
            "a number in it is too long",
        ),
        ('{"hashRecords": [' + "[" * 200_000, "nested too deep"),
        ('{"nextSetTimestamp": 1, "b": ' + '{"a": ' * 200_000, "nested too deep"),
        ('{"hashRecords": ["' + "x" * (3 << 20), "a word in it is too long"),
    ],
)
def test_what_would_harm_the_parser_is_refused(path: Path, content: str, reason: str) -> None:
    path.write_text(content)
    with pytest.raises(Misuse, match=reason):
        list(FORMAT.read(path, Kind.PDQ))


@pytest.mark.parametrize("end", ['{"hashRecords": [{"a": ', '{"hashRecords": [}', "\udcff"])
def test_what_breaks_off_is_one_line(path: Path, end: str) -> None:
    content = page(record()) + end
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(Misuse, match=r"page\.json is no JSON of StopNCII") as caught:
        list(FORMAT.read(path, Kind.PDQ))
    assert "\n" not in str(caught.value)


def test_feedback_is_what_its_interface_takes() -> None:
    assert FORMAT.answer is not None
    told = {Told.BLOCKED: "Blocked", Told.NOT_BLOCKED: "NotBlocked", Told.PENDING: "PendingReview"}
    taken = [Taken(fingerprint("p", [digest(word)]), word) for word in (*told, Told.QUALITY)]
    body = json.loads("".join(FORMAT.answer(taken, "")))
    assert body["count"] == 4
    assert body["hashFeedbacks"][0] == {
        "hashValue": digest(Told.BLOCKED),
        "feedbackValue": "Blocked",
        "tags": [],
    }
    said = {one["hashValue"]: one["feedbackValue"] for one in body["hashFeedbacks"]}
    assert said[digest(Told.QUALITY)] == "QualityUnknown"
    assert [said[digest(word)] for word in told] == list(told.values())
