"""What an alert says: two languages, text and HTML, no picture, nothing that can be clicked."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from monitor.alerts.defang import defang
from monitor.hashes.pdq import THRESHOLD
from monitor.ids import make_id
from monitor.models.finding import HISTORIC, Alert, Finding
from monitor.models.match import DIGESTS, TURNED, Match
from monitor.models.notice import Notice, NoticeKind

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    # Everything in a mail may come from a hostile page: escaped unless it is plain text.
    autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


_HAPPENED = {
    NoticeKind.CHANGED: ("a source has changed and is not read", "소스가 바뀌어 읽을 수 없음"),
    NoticeKind.RECOVERED: ("a source is read again", "소스를 다시 읽음"),
}

# What is in a part of what.
_ENROLLED = {
    "photo": ("photo", "사진이"),
    "video": ("enrolled video's frame", "등록 영상의 장면이"),
}
_SHOWN = {"picture": ("picture", "이미지"), "video": ("frame", "화면")}


def compose(alert: Alert, finding: Finding, *, sender: str) -> EmailMessage:
    """Write the mail of an alert; the same alert always gives the same mail.

    Args:
        sender: Mail address of this Haechi.
    """
    mail = _envelope(alert, sender, thread=(alert.case_id, alert.source_id), about="alerts")
    mail["Subject"] = f"[Haechi] {finding.case_id}: repost found / 재게시 발견 ({finding.id})"
    facts = {
        "case": finding.case_id,
        "finding": finding.id,
        "grade": finding.match.grade.value,
        "method": finding.match.method,
        "posted_kind": finding.match.posted,
        "enrolled_kind": finding.match.enrolled,
        "difference": _difference(finding.match),
        "part": _part(finding.match),
        **_when(finding.match),
        "turned": TURNED[finding.match.transform],
        "source": defang(finding.source),
        "link": defang(finding.post_url),
        "picture": _picture(finding),
        "forwarded": defang(finding.forwarded_from or ""),
        "posted": _time(finding.posted),
        "found": _time(finding.found_at) + (f", {HISTORIC}" if finding.historic else ""),
        "media": finding.match.media_sha256,
        "partial": finding.partial,
        "photo": finding.match.fingerprint_id,
        "partner": _partner(finding.match),
    }
    mail.set_content(_TEMPLATES.get_template("finding.txt.j2").render(facts))
    mail.add_alternative(_TEMPLATES.get_template("finding.html.j2").render(facts), subtype="html")
    return mail


def compose_notice(notice: Notice, *, sender: str) -> EmailMessage:
    """Write the mail of a health alert; the same one always gives the same mail.

    Args:
        sender: Mail address of this Haechi.
    """
    english, korean = _HAPPENED[notice.kind]
    source = defang(notice.source)
    thread = ("health", notice.source_id)
    mail = _envelope(notice, sender, thread=thread, about="health")
    # The id, not the address, which is for the body only: subjects are shown on locked screens.
    mail["Subject"] = f"[Haechi] {english} / {korean} ({notice.source_id})"
    next_step = f"haechi sources show {notice.source_id}"
    mail.set_content(
        f"{english}: {source}\n{korean}: {source}\n\n{defang(notice.text)}\n\n"
        f"Next / 다음: {next_step}\n"
    )
    return mail


def _envelope(
    told: Alert | Notice, sender: str, *, thread: tuple[str, str], about: str
) -> EmailMessage:
    """Begin a mail: all of its headers but the subject.

    Args:
        thread: Mails of the same make one thread, whichever arrives first.
        about: Names the list.
    """
    domain = told.message_id.rpartition("@")[2].rstrip(">")
    parent = f"<{make_id('t', *thread)}@{domain}>"
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = told.recipient
    mail["Date"] = format_datetime(told.created_at)
    mail["Message-ID"] = told.message_id
    mail["In-Reply-To"] = parent
    mail["References"] = parent
    mail["List-Id"] = f"Haechi {about} <{about}.haechi.{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    return mail


def compose_test(sender: str, recipient: str, now: datetime) -> EmailMessage:
    """Write the mail that `haechi alerts test` sends."""
    mail = EmailMessage()
    mail["Subject"] = "[Haechi] test / 시험 메일"
    mail["From"] = sender
    mail["To"] = recipient
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{make_id('x', recipient, now.isoformat())}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        "Alerts of Haechi reach this address. Nothing was found; this is a test.\n"
        "해치의 알림이 이 주소로 전달됩니다. 발견된 것은 없으며 시험 메일입니다.\n"
    )
    return mail


def _difference(match: Match) -> str:
    """Say how far the posted picture or video is from what was enrolled."""
    if match.method in DIGESTS:
        return "none, byte for byte the same file / 없음, 완전히 동일한 파일"
    if match.placing is not None:
        share = f"{match.placing.agreement:.0%}"
        photo, korean = _ENROLLED[match.enrolled]
        picture, korean_picture = _SHOWN[match.posted]
        return (
            f"the {photo} is in a part of the {picture}, and {share} of it looks the same / "
            f"{korean_picture} 일부에 {korean} 있으며, 보이는 부분의 {share} 일치"
        )
    bits = match.distance
    english = f"{bits} of 256 bits differ (up to {THRESHOLD} is a match)"
    korean = f"256비트 중 {bits}비트 다름 ({THRESHOLD}비트까지 일치로 판정)"
    if match.method == "vpdq":
        english = f"median of the frames that match: {english}"
        korean = f"일치하는 프레임의 중앙값: {korean}"
    return f"{english} / {korean}"


def _part(match: Match) -> str:
    """Say where in a video's frame it is; empty: all of it, or the post has a picture."""
    if match.posted == "picture" or match.is_whole:
        return ""
    x, y, width, height = match.percents
    return (
        f"{x} % from the left, {y} % from the top, {width} % wide, {height} % high / "
        f"왼쪽에서 {x}%, 위에서 {y}%, 너비 {width}%, 높이 {height}%"
    )


def _when(match: Match) -> dict[str, str]:
    """Say when something is shown in a video, and how much of each side; empty: it is in none."""
    moment = match.moment
    told = {"when": "", "clip_when": "", "frames": ""}
    if moment is None:
        return told
    if moment.clip_when:
        told["clip_when"] = f"at {moment.clip_when} of it / 그중 {moment.clip_when}"
    if moment.when:
        told["when"] = (
            f"{moment.when} of a video of {moment.length} / "
            f"{moment.length} 길이의 영상 중 {moment.when}"
        )
        share, frames = f"{moment.share or 0:.0%}", moment.frames
        english = f"{frames} of the posted video's, {share} of those that were looked at"
        korean = f"게시 영상 {frames}개, 살펴본 프레임의 {share}"
        if moment.clip_share is not None:
            english += f"; {moment.clip_share:.0%} of the enrolled video's"
            korean += f"; 등록 영상 프레임의 {moment.clip_share:.0%}"
        told["frames"] = f"{english} / {korean}"
    return told


def _picture(finding: Finding) -> str:
    """Say which of a post's pictures and videos it is; empty where it has but one."""
    if finding.picture is None or finding.pictures == 1:
        return ""
    link = f" ({defang(finding.member_url)})" if finding.member_url else ""
    return f"{finding.picture} / {finding.pictures}{link}"


def _partner(match: Match) -> str:
    """Say whose bare hash matched; empty: it was made of a photo."""
    if match.partner is None:
        return ""
    return f"{defang(match.partner.words)} (a bare hash / 해시만 등록됨)"


def _time(moment: datetime | None) -> str:
    """Write an instant for people; UTC is named."""
    return (
        "unknown / 알 수 없음" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    )
