"""Where a page of an unknown forum says who wrote something, and when."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain

from crawlers.engines._dates import KST, DateOrder, order_of, read_date, zone_of
from crawlers.engines._generic.addresses import is_person
from crawlers.engines._generic.outline import Node, Outline
from crawlers.engines._html import moment

# What stands in these is of someone else, or of another time.
ASIDE = frozenset({"quote", "signature", "edit"})
_DATED = ("datetime", "data-time", "data-timestamp", "data-date", "data-utime", "title", "content")
_EPOCH = re.compile(r"[0-9]{10}(?:[0-9]{3})?")
_HINT = re.compile(
    r"[0-9]{4} ?[-./년]|[0-9]:[0-9]{2}|[0-9]{1,2}[-./][0-9]{1,2}[-./]|"
    r"[0-9] ?(?:시|분|일|초|시간) ?전?|"
    r"\bago\b|yesterday|today|just now|오늘|어제|방금|"
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}[.,]? ?[0-9]|"
    r"[0-9](?:st|nd|rd|th)? ?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    re.IGNORECASE,
)
# What dates are made of; what is left of a text without them is something else.
_DATE_PARTS = re.compile(
    r"[\W\d_]+|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}|"
    r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}|[월화수목금토일]요일|오전|오후|시간|"
    r"\b(?:am|pm|a|p|m|an|st|nd|rd|th|at|on|the|ago|utc|gmt|kst|today|yesterday|just|now|"
    r"posted|date|time|last|post|created|written|seconds?|secs?|minutes?|mins?|hours?|days?|weeks?|"
    r"noon|midnight)\b|"
    r"[년월일시분초주전]|오늘|어제|방금|작성일?|등록일?|날짜|일시",
    re.IGNORECASE,
)
_FULL = re.compile(r"(?:19|20)[0-9]{2}.{1,20}[0-9]:[0-9]{2}|[0-9]:[0-9]{2}.{1,20}(?:19|20)[0-9]{2}")
_CLOCK_ONLY = re.compile(
    r"[,(]?\s{0,3}(?:오전|오후)?\s{0,3}[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?\s{0,3}(?:[ap]\.?m\.?)?\)?",
    re.IGNORECASE,
)
_KOREAN_DATE = re.compile(r"[0-9]년 ?[0-9]|(?:오전|오후) ?[0-9]|[0-9] ?(?:오전|오후)")
_DAY_ONLY = re.compile(r"[0-9]{2}[-./][0-9]{2}")
_RELATIVE = re.compile(r"\bago\b|(?<!오)전(?:$|[ )\]])|방금|just now", re.IGNORECASE)
_LONGEST_DATE = 90
_LONGEST_NAME = 60
_LONGEST_REST = 30
_MADE = frozenset({"datepublished", "datecreated"})
# What boxes about writers tell of them.
_PERSONAL = frozenset({"registered", "joined", "joindate", "membersince", "lastseen", "birthday"})
_JOINED = re.compile(
    r"(?:joined|join date|registered|member since|birthday|last (?:seen|visit|online)|"
    r"가입 ?일?자?|(?:최근|마지막) ?접속일?)(?: (?:on|at))?\s{0,9}[:：]?\s{0,9}",
    re.IGNORECASE,
)
_WRITERS = frozenset({"author", "username", "nickname", "nick", "writer", "poster", "creator"})
_WRITERS |= {"postername", "uname", "byline", "publisher", "작성자", "글쓴이"}
_WHOLE_NAMES = frozenset({"user", "member", "name", "by", "id", "bigusername", "guest"})
_LABEL = re.compile(
    r"(?:글쓴이|작성자|이름|닉네임|author|posted by|written by|poster|by|from)\s{0,3}[:：]?\s{0,3}",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"(?:(?:글쓴이|작성자|이름|닉네임)\s{0,3}[:：]?|"
    r"(?:author|posted by|written by|poster|by)\s{0,3}[:：]|"
    r"(?:posted |written )?by(?= ))\s{0,3}(.{0,60})",
    re.IGNORECASE | re.DOTALL,
)
_NAME_END = re.compile(r"\s(?:on|at|»|·|\||-|—|,)\s|\s{2,}|[|,·»]|\n")


@dataclass(frozen=True, slots=True)
class TimeMark:
    """A time that a page shows.

    Attributes:
        node: Index of the element that shows it.
        sure: 3 for one that machines are to read, 2 for an attribute, 1 for a text.
        fixed: It reads the same tomorrow.
        size: Letters of it that are in no link.
    """

    at: int
    node: int
    time: datetime
    sure: int
    fixed: bool
    size: int


@dataclass(frozen=True, slots=True)
class AuthorMark:
    """A name that a page shows.

    Attributes:
        node: Index of the element that shows it.
        sure: 3 for one that machines are to read, 2 for a link or an element so named, 1 for a
            text.
        size: Letters of it that are in no link.
    """

    at: int
    node: int
    name: str
    sure: int
    size: int


class Marks:
    """The times and authors of a page, in document order; those in quotes and signatures are not.

    Attributes:
        times: Those that are read.
        authors: Likewise.
    """

    def __init__(self, outline: Outline, link: Callable[[str], str | None], now: datetime) -> None:
        self.outline = outline
        self.now = now
        self.zone, self.order = _habits(outline)
        self.times = self._times()
        self.authors = self._authors(link)
        self._time_places = [mark.at for mark in self.times]
        self._author_places = [mark.at for mark in self.authors]

    def times_in(self, start: int, end: int) -> list[TimeMark]:
        """List the times of a range."""
        places = self._time_places
        return self.times[bisect_left(places, start) : bisect_left(places, end)]

    def authors_in(self, start: int, end: int) -> list[AuthorMark]:
        """List the authors of a range."""
        places = self._author_places
        return self.authors[bisect_left(places, start) : bisect_left(places, end)]

    def has_time(self, start: int, end: int) -> bool:
        """Tell whether a range shows a time."""
        found = bisect_left(self._time_places, start)
        return found < len(self._time_places) and self._time_places[found] < end

    def has_author(self, start: int, end: int) -> bool:
        """Tell whether a range shows an author."""
        found = bisect_left(self._author_places, start)
        return found < len(self._author_places) and self._author_places[found] < end

    def _times(self) -> list[TimeMark]:
        found: list[TimeMark] = []
        for index, node in enumerate(self.outline.nodes):
            if node.zones & ASIDE:
                continue
            mark = self._attributed(index, node)
            if mark is not None:
                found.append(mark)
        said = {mark.node for mark in found}
        texts = self.outline.texts
        for index, text in enumerate(texts):
            node = self.outline.nodes[text.node]
            if node.zones & ASIDE or text.node in said or node.parent in said:
                continue
            time = self.read(text.text)
            if time is not None and ":" not in text.text and index + 1 < len(texts):
                # The hour may be in an element of its own.
                after = texts[index + 1]
                if _CLOCK_ONLY.fullmatch(after.text.strip()) and after.at - text.at < 5:
                    time = self.read(f"{text.text} {after.text}") or time
            if time is not None:
                fixed = not _RELATIVE.search(text.text)
                found.append(TimeMark(text.at, text.node, time, 1, fixed, len(text.text)))
        own = (mark for mark in found if not self._is_of_person(mark))
        return sorted(own, key=lambda mark: mark.at)

    def _is_of_person(self, mark: TimeMark) -> bool:
        """Tell a time that is said of a writer, such as that of joining, from a post's."""
        outline = self.outline
        spot = bisect_left(outline.places, mark.at)
        near = [text.text for text in outline.texts[max(0, spot - 1) : spot + 1]]
        if any(_JOINED.match(text.strip()) for text in near[-1:]):
            return True
        if len(near) > 1 and _JOINED.fullmatch(near[0].strip()):
            return True
        node = outline.nodes[mark.node]
        around = (node, outline.nodes[node.parent] if node.parent >= 0 else node)
        return any(one.words & _PERSONAL and outline.size(one) <= _LONGEST_DATE for one in around)

    def _attributed(self, index: int, node: Node) -> TimeMark | None:
        for name in _DATED:
            value = node.get(name).strip()
            if not value or len(value) > _LONGEST_DATE:
                continue
            if name == "content" and not node.words & _MADE:
                continue
            if _EPOCH.fullmatch(value) and name not in {"title", "content"}:
                time: datetime | None = datetime.fromtimestamp(int(value[:10]), UTC)
            else:
                time = moment(value) or self.read(value)
            if time is not None and self._is_likely(time):
                is_machine = name == "datetime" or bool(node.words & _MADE)
                fixed = not _RELATIVE.search(value)
                size = self.outline.letters(node.at, node.end)
                return TimeMark(node.at, index, time, 3 if is_machine else 2, fixed, size)
        return None

    def read(self, text: str) -> datetime | None:
        """Read a text that is little more than a date; None for any other."""
        text = " ".join(text.split()) if len(text) <= 4 * _LONGEST_DATE else ""
        if not 4 <= len(text) <= _LONGEST_DATE:
            return None
        if not _HINT.search(text) and not _DAY_ONLY.fullmatch(text):
            return None
        rest = len(_DATE_PARTS.sub("", text))
        if rest > (_LONGEST_REST if _FULL.search(text) else 2):
            return None
        time = read_date(text, self.zone, self.now, self.order)
        return time if time is not None and self._is_likely(time) else None

    def _is_likely(self, time: datetime) -> bool:
        return time.year >= 1990 and time <= self.now + timedelta(days=2)

    def _authors(self, link: Callable[[str], str | None]) -> list[AuthorMark]:
        outline = self.outline
        found: list[AuthorMark] = []
        beyond = 0
        for index, node in enumerate(outline.nodes):
            if node.at < beyond or node.zones & ASIDE:
                continue
            sure = self._names_author(node, link)
            if not sure:
                continue
            name = self._name(node)
            if name:
                found.append(
                    AuthorMark(node.at, index, name, sure, outline.letters(node.at, node.end))
                )
                beyond = node.end
        found += self._labelled({mark.node for mark in found})
        return sorted(found, key=lambda mark: mark.at)

    def _names_author(self, node: Node, link: Callable[[str], str | None]) -> int:
        if node.tag == "a":
            target = link(node.get("href")) if node.get("href") else None
            if target is not None and is_person(target):
                return 2
        # What holds much more than a name is a box about its writer.
        if node.end - node.at > 30 or not node.words:
            return 0
        names = node.get("itemprop").lower().split()
        if {"author", "creator"} & {*names, node.get("rel").lower()}:
            return 3
        whole = {name.lower() for name in node.get("class").split()}
        is_short = self.outline.size(node) <= _LONGEST_NAME
        return 2 if is_short and (node.words & _WRITERS or whole & _WHOLE_NAMES) else 0

    def _name(self, node: Node) -> str:
        """Read a name, in a link or an element of its own where there is one."""
        texts = self.outline.texts_in(node.at, min(node.end, node.at + 40))
        inner = [text for text in texts if text.link] or texts
        for text in inner:
            name = " ".join(text.text.split())
            if name.isdecimal() and "furniture" in self.outline.nodes[text.node].zones:
                # A score, at a portrait.
                continue
            name = name[len(found[0]) :] if (found := _LABEL.match(name)) else name
            if name.strip(" :,-|·") and self.read(name) is None:
                return name.strip(" :,|·")[:_LONGEST_NAME]
        return ""

    def _labelled(self, known: set[int]) -> list[AuthorMark]:
        texts = self.outline.texts
        found = []
        for index, text in enumerate(texts):
            node = self.outline.nodes[text.node]
            if len(text.text) > 150 or node.zones & ASIDE or text.node in known:
                continue
            said = _LABELLED.match(" ".join(text.text.split()))
            if said is None:
                continue
            name = _NAME_END.split(said[1].strip(), maxsplit=1)[0].strip(" :·|,")
            if not name and index + 1 < len(texts):
                name = " ".join(texts[index + 1].text.split())
            if 0 < len(name) <= 30 and self.read(name) is None:
                found.append(AuthorMark(text.at, text.node, name, 1, len(text.text)))
        return found


def _habits(outline: Outline) -> tuple[timezone, DateOrder]:
    """Find out how a page writes its dates: it may say so; else, its language tells."""
    language = outline.nodes[0].get("lang").lower() if outline.nodes else ""
    zone = KST if language.startswith("ko") else UTC
    dates: list[str] = []
    titles = (node.get("title") for node in outline.nodes)
    for text in chain((text.text for text in outline.texts), titles):
        if not text or len(text) > 200:
            continue
        low = text.lower()
        if "utc" in low or "gmt" in low:
            zone = zone_of(low) or zone
        if _KOREAN_DATE.search(low):
            zone, language = KST, "ko"
        dates.append(text)
    default = DateOrder.MDY if language in {"en", "en-us", ""} else DateOrder.DMY
    order = order_of(dates, default)
    return zone, DateOrder.YMD if language.startswith("ko") else order
