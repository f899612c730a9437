from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape

import pytest

from monitor.alerts.message import compose, compose_test
from monitor.models.case import Partner
from monitor.models.finding import Alert, AlertState, Finding, FindingStatus
from monitor.models.match import Match, Moment, Placing
from tests.fixtures.stock import NOW, match

FINDING = Finding(
    id="d1",
    case_id="case-1",
    cluster="c",
    post_id="p1",
    source_id="s1",
    source="@channel",
    post_url="https://t.me/channel/1",
    posted=NOW,
    found_at=NOW,
    match=match("case-1", "a"),
    status=FindingStatus.NEW,
)
ALERT = Alert(
    id="a1",
    finding_id="d1",
    case_id="case-1",
    source_id="s1",
    channel="mail",
    recipient="team@example.org",
    state=AlertState.PENDING,
    attempts=0,
    refusals=0,
    created_at=NOW,
    next_try_at=NOW,
    sent_at=None,
    message_id="<a1@example.org>",
    error="",
)
HOSTILE = (
    "https://evil.example/<script>alert(1)</script>?a=\"'&b=http://www.worse.example/",
    "https://evil.example/\r\nBcc: everyone@example.com\r\n\r\nbody",
    "https://evil.example/\x00\x1b]8;;http://evil.example\x07\x9b31m",
    "https://\u202eelpmaxe.live/\u2028x\ud800",
    "{{ 7*7 }}{% raw %}",
    "x" * 3_000,
)


def made(finding: Finding = FINDING, alert: Alert = ALERT) -> EmailMessage:
    """The mail as it arrives."""
    sent = compose(alert, finding, sender="haechi@example.org").as_bytes(policy=policy.SMTP)
    message = message_from_bytes(sent, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def bodies(mail: EmailMessage) -> dict[str, str]:
    return {part.get_content_type(): part.get_content() for part in mail.iter_parts()}


def test_a_mail_says_in_text_and_html_and_two_languages_what_was_found() -> None:
    mail = made()
    parts = bodies(mail)
    assert mail.get_content_type() == "multipart/alternative"
    assert list(parts) == ["text/plain", "text/html"]
    for text in parts.values():
        for word in ("case-1", "d1", "strong", "@channel", "hxxps://t[.]me/channel/1", "게시물"):
            assert word in text
        assert FINDING.match.media_sha256 in text
        assert "2026-11-23 09:30 UTC" in text


def test_a_mail_names_the_picture_of_an_album_its_origin_and_the_partner() -> None:
    partner = Partner("StopNCII", "", "Active", {"case-77": "Active"})
    album = replace(
        FINDING,
        forwarded_from="https://t.me/origin/9",
        picture=3,
        pictures=4,
        member_url="https://t.me/channel/3",
        match=replace(FINDING.match, partner=partner),
    )
    for text in bodies(made(album)).values():
        for word in ("3 / 4 (hxxps://t[.]me/channel/3)", "hxxps://t[.]me/origin/9"):
            assert word in text
        assert "StopNCII: case-77 (Active); Active" in text
    for text in bodies(made()).values():
        for word in ("Picture", "Forwarded", "Partner"):
            assert word not in text


def test_a_mail_has_no_picture_no_file_and_nothing_to_load_or_click() -> None:
    mail = made()
    assert all(part.get_content_maintype() == "text" for part in mail.iter_parts())
    assert list(mail.iter_attachments()) == []
    html = bodies(mail)["text/html"].lower()
    for tag in ("<img", "<a ", "<script", "<link", "<iframe", "src=", "href=", "url("):
        assert tag not in html


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_addresses_reach_neither_headers_nor_markup_nor_links(text: str) -> None:
    clean, mail = made(), made(replace(FINDING, post_url=text, source=text))
    assert mail.keys() == clean.keys()
    assert mail["Bcc"] is None
    assert mail["To"] == "team@example.org"
    for kind, body in bodies(mail).items():
        assert "http" not in body.lower()
        assert re.search(r"\w\.(example|live)", body) is None
        assert all(line.isprintable() for line in body.replace("\r\n", "\n").split("\n"))
        if kind == "text/html":
            assert "<script" not in body
            assert body.count("<") == bodies(clean)[kind].count("<")


def test_a_hostile_address_can_not_add_a_line_to_the_text() -> None:
    lines = len(bodies(made())["text/plain"].splitlines())
    for text in HOSTILE:
        assert len(bodies(made(replace(FINDING, post_url=text)))["text/plain"].splitlines()) == (
            lines
        )


def test_the_same_alert_makes_the_same_mail() -> None:
    first, second = made(), made()
    boundary = ("Content-Type",)
    assert [pair for pair in first.items() if pair[0] not in boundary] == [
        pair for pair in second.items() if pair[0] not in boundary
    ]
    assert bodies(first) == bodies(second)
    assert first["Message-ID"] == "<a1@example.org>"


def test_mails_about_one_case_and_source_make_one_thread() -> None:
    first = made()
    second = made(alert=replace(ALERT, id="a2", message_id="<a2@example.org>"))
    other = made(alert=replace(ALERT, source_id="s2"))
    assert first["References"] == second["References"] == second["In-Reply-To"]
    assert other["References"] != first["References"]
    assert first["Auto-Submitted"] == "auto-generated"


def test_a_mail_says_how_far_the_picture_is_from_the_photo_and_what_that_means() -> None:
    same = replace(FINDING, match=replace(FINDING.match, method="sha256", distance=0))
    for body, exact in zip(bodies(made()).values(), bodies(made(same)).values(), strict=True):
        assert "4 of 256 bits differ (up to 31 is a match)" in body
        assert "256비트 중 4비트 다름 (31비트까지 일치로 판정)" in body
        assert "byte for byte the same file / 없음, 완전히 동일한 파일" in exact


def test_a_post_without_a_time_says_so() -> None:
    assert "unknown" in bodies(made(replace(FINDING, posted=None)))["text/plain"]


def test_a_test_mail_says_that_it_is_one() -> None:
    mail = compose_test("haechi@example.org", "team@example.org", NOW)
    assert "시험" in mail["Subject"]
    assert "Nothing was found" in mail.get_content()
    assert mail["Message-ID"].endswith("@example.org>")


PLACED = replace(
    FINDING.match,
    method="features",
    distance=None,
    transform="rot90",
    region=(0.5, 0.0, 0.5, 0.5),
    placing=Placing(inliers=40, agreement=0.875, shown=0.6, scale=0.5, angle=-12.0),
)


def test_a_mail_says_that_a_photo_is_in_a_part_of_the_picture() -> None:
    parts = bodies(made(replace(FINDING, match=PLACED)))
    for text in parts.values():
        assert "in a part of the picture, and 88% of it looks the same" in text
        assert "보이는 부분의 88% 일치" in text
        assert "a quarter turn to the left" in text
        assert "None" not in text
        assert "of 256 bits" not in text


def test_a_mail_says_that_a_finding_is_historic_and_only_then() -> None:
    for historic in (False, True):
        for body in bodies(made(replace(FINDING, historic=historic))).values():
            assert ("found in what was crawled before / 이전에 수집된" in body) is historic


IN_VIDEO = Moment(start_s=12.4, end_s=20.0, share=0.125, length_s=94.0, frames=9)
IN_BOTH = replace(IN_VIDEO, clip_start_s=5.0, clip_end_s=30.5, clip_share=0.42)
STILL = Moment(clip_start_s=12.9, clip_end_s=12.9)


def told(match: Match, **changes: object) -> list[str]:
    """Both bodies of the mail about a match."""
    mail = made(replace(FINDING, match=match, **changes))  # type: ignore[arg-type]
    return [unescape(body) for body in bodies(mail).values()]


def test_a_mail_says_when_a_photo_is_in_a_video_and_where() -> None:
    one = replace(FINDING.match, moment=IN_VIDEO, region=(0.25, 0.0, 0.5, 1.0))
    for text in told(one, picture=2, pictures=3):
        for words in (
            "A video that shows a photo of case case-1 was posted.",
            "사례 case-1의 사진이 나오는 영상이 게시되었습니다.",
            "00:12-00:20 of a video of 01:34 / 01:34 길이의 영상 중 00:12-00:20",
            "9 of the posted video's, 12% of those that were looked at / 게시 영상 9개",
            "25 % from the left, 0 % from the top, 50 % wide, 100 % high / 왼쪽에서 25%",
            "Video / 영상",
            "Photo / 사진",
        ):
            assert words in text
        for word in ("Picture / 이미지", "Enrolled video", "Media id"):
            assert word not in text


def test_a_mail_says_how_much_of_which_part_of_an_enrolled_video_is_in_another() -> None:
    one = replace(FINDING.match, method="vpdq", moment=IN_BOTH)
    for text in told(one, partial=True):
        for words in (
            "A video that matches a video of case case-1 was posted.",
            "median of the frames that match: 4 of 256 bits differ (up to 31 is a match)",
            "일치하는 프레임의 중앙값: 256비트 중 4비트 다름",
            "at 00:05-00:31 of it / 그중 00:05-00:31",
            "looked at; 42% of the enrolled video's / ",
            "살펴본 프레임의 12%; 등록 영상 프레임의 42%",
            "Media id, of parts / 미디어 ID (일부만 확인)",
        ):
            assert words in text
        for word in ("Photo / 사진", "Part / 부분", "Media SHA-256", "None"):
            assert word not in text


def test_a_mail_says_that_a_picture_is_a_moment_of_a_video() -> None:
    for text in told(replace(FINDING.match, moment=STILL)):
        assert "A picture that is a moment of a video of case case-1 was posted." in text
        assert "at 00:12 of it / 그중 00:12" in text
        assert "When / 시점" not in text
    for text in told(replace(PLACED, moment=STILL)):
        assert "the enrolled video's frame is in a part of the picture, and 88%" in text
        assert "이미지 일부에 등록 영상의 장면이 있으며" in text


def test_a_mail_about_the_same_file_of_a_video_says_video() -> None:
    for text in told(replace(FINDING.match, method="sha256", distance=0, moment=IN_BOTH)):
        assert "A video that matches a video of case" in text
        assert "byte for byte the same file" in text
