"""What feeds list, in XML (RSS 0.9 to 2.0, Atom) or as data (JSON Feed)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import escape

from parsel import Selector

from crawlers.engines._data import MAX_ITEMS, Data, read_data
from crawlers.engines._html import Element, parse, text_of
from crawlers.urls import absolute

# All that is before the first element is cut off: with it go DTDs and the entities they declare,
# which could make gigabytes of a few lines, or name files of this machine.
_FIRST = re.compile(r"<[A-Za-z]")
_ROOT = re.compile(r"<(rss|feed|rdf:RDF|atom:feed)[\s>]")
_PROLOG = 20_000
_ATOM = re.compile(r"www\.w3\.org/2005/Atom|purl\.org/atom/ns")
_RDF = re.compile(r"purl\.org/rss/1\.0/|rdf/simple/0\.9/")
_CORE = ("w3.org/2005/Atom", "purl.org/atom/ns", "rdf/simple/0.9", "/rss2", "/rss/1.0/")
_SPACES = {"search.yahoo.com/mrss": "media:", "dc/elements": "dc:", "modules/content": "content:"}
_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
# The fullest first; pictures are taken of all of them.
_BODIES = ("content:encoded", "content", "description", "summary", "media:description")
_DATES = ("pubDate", "published", "issued", "dc:date", "updated", "modified")
# More than a feed lists in earnest; what is over is not looked at.
_MAX_ENTRIES = 1_000
_JSON_FEED = "https://jsonfeed.org/version/"
_NAMED = re.compile(r"[^()]{1,200}\(([^()]{1,200})\)")


@dataclass(frozen=True, slots=True)
class File:
    """A file that an entry names beside its text."""

    url: str
    type: str
    is_thumbnail: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of any kind of feed.

    Attributes:
        key: Names the entry for ever.
        base: What its links are relative to.
        bodies: HTML.
    """

    key: str
    link: str
    base: str
    title: str
    bodies: tuple[str, ...]
    posted: datetime | None
    updated: datetime | None
    author: str
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed of any kind."""

    title: str
    entries: tuple[Entry, ...]


def read_feed(text: str, url: str) -> Feed | None:
    """Read a feed; None for any other text."""
    root, data = _xml(text), read_data(text)
    if root is not None:
        return _of_xml(root, url)
    return _of_json(data, url) if _is_json(data) else None


def is_feed(text: str) -> bool:
    """Tell whether a text is a feed."""
    return _xml(text) is not None or _is_json(read_data(text))


def _xml(text: str) -> Element | None:
    """Build the tree of a feed in XML; None for anything else."""
    first = _FIRST.search(text[:_PROLOG])
    found = None if first is None else _ROOT.match(text, first.start())
    if found is None:
        return None
    head = text[found.start() : found.start() + _PROLOG]
    known = {"feed": _ATOM, "atom:feed": _ATOM, "rdf:RDF": _RDF}.get(found[1])
    if known is not None and not known.search(head):
        return None
    plain = text[found.start() :].encode("utf-8", "replace").decode("utf-8")
    return Selector(text=plain, type="xml").root


def _is_json(data: Data) -> bool:
    return data["version"].text().startswith(_JSON_FEED) and data["items"].is_list()


def _line(html: str) -> str:
    """Read a title, which may be HTML."""
    text = text_of(parse(html)) if "<" in html or "&" in html else html
    return " ".join(text.split())[:300]


def _name(element: Element) -> str:
    """Name an element without regard to how its namespace is abbreviated."""
    if not isinstance(element.tag, str):
        return ""
    space, _, local = element.tag.rpartition("}")
    for part, prefix in _SPACES.items():
        if part in space:
            return prefix + local
    is_core = not space or (any(part in space for part in _CORE) and "/modules/" not in space)
    return local if is_core else f"other:{local}"


def _children(element: Element) -> dict[str, list[Element]]:
    found: dict[str, list[Element]] = {}
    for child in element[:MAX_ITEMS]:
        found.setdefault(_name(child), []).append(child)
    return found


def _text(found: dict[str, list[Element]], *names: str) -> str:
    """Give the text of the first of these that has one."""
    for name in names:
        for element in found.get(name, []):
            text = "".join(element.itertext()).strip()
            if text:
                return text
    return ""


def _link(found: dict[str, list[Element]]) -> str:
    """Give the page that a feed or an entry stands for, as written."""
    for element in found.get("link", []):
        href = element.get("href") if element.get("rel", "alternate") == "alternate" else None
        link = (element.text or href or "").strip()
        if link:
            return str(link)
    return ""


def _of_xml(root: Element, url: str) -> Feed:
    found = _children(root)
    channels = found.get("channel", [])
    about = _children(channels[0]) if channels else found
    items = [*about.get("item", []), *found.get("item", []), *found.get("entry", [])]
    # Relative to what the feed names, else to the page that it stands for, else to itself.
    within = channels[0] if channels else root
    named = root.get(_BASE) or within.get(_BASE) or _link(about)
    base = absolute(url, named) or url
    author = _author(about)
    entries = (_entry(item, base, url, author) for item in dict.fromkeys(items[:_MAX_ENTRIES]))
    return Feed(_line(_text(about, "title")), tuple(entries))


def _entry(item: Element, base: str, url: str, author: str) -> Entry:
    found = _children(item)
    for group in found.get("media:group", []):
        for name, elements in _children(group).items():
            found.setdefault(name, []).extend(elements)
    base = absolute(base, item.get(_BASE) or "") or base
    guid = _text(found, "guid", "id") or item.get(_ABOUT) or ""
    link = _link(found) or (guid if guid.startswith(("https:", "http:")) else url)
    bodies = [_html(element) for name in _BODIES for element in found.get(name, [])]
    posted = next((date for name in _DATES if (date := _date(_text(found, name)))), None)
    title = _line(_text(found, "title", "media:title"))
    return Entry(
        key=guid or _link(found) or title or "".join(bodies),
        link=absolute(base, link) or url,
        base=base,
        title=title,
        bodies=tuple(body for body in bodies if body)[: len(_BODIES)],
        posted=posted,
        updated=_date(_text(found, "updated", "modified")),
        author=_author(found) or author,
        files=tuple(_files(found, base)),
    )


def _html(element: Element) -> str:
    """Give the HTML of a text, however it is written."""
    type_ = element.get("type", "html")
    # Atom's own text is plain where it says nothing else.
    is_plain = element.get("type") is None and _ATOM.search(str(element.tag))
    if type_ in {"text", "text/plain"} or is_plain:
        return escape("".join(element.itertext())).strip()
    if type_ in {"xhtml", "application/xhtml+xml"} or len(element):
        return str(Selector(root=element, type="xml").get())
    return (element.text or "").strip()


def _author(found: dict[str, list[Element]]) -> str:
    for element in found.get("author", []):
        inner = _text(_children(element), "name", "email")
        if inner:
            return _line(inner)
    # An address with the name behind it, in parentheses.
    own = _text(found, "dc:creator", "author", "media:credit")
    named = _NAMED.fullmatch(own[:500])
    return _line(named[1] if named is not None else own)


def _date(text: str) -> datetime | None:
    """Read ISO 8601, or a date as mails have it (RFC 822); UTC where it names no zone."""
    text = text[:100].strip()
    known = Data(text).moment()
    if known is not None or not text:
        return known
    try:
        read = parsedate_to_datetime(re.sub(r"\bKST$", "+0900", text))
        return read.astimezone(UTC) if read.tzinfo is not None else read.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _files(found: dict[str, list[Element]], base: str) -> Iterator[File]:
    for name in ("enclosure", "media:content", "media:thumbnail", "link", "content"):
        for element in found.get(name, []):
            if name == "link" and element.get("rel") != "enclosure":
                continue
            written = element.get("url") or element.get("href") or element.get("src") or ""
            file = absolute(base, written) if written.strip() else None
            if file is not None:
                type_ = element.get("type") or element.get("medium") or ""
                yield File(file, type_, is_thumbnail=name == "media:thumbnail")


def _of_json(data: Data, url: str) -> Feed:
    base = absolute(url, data["home_page_url"].text()) or url
    entries = []
    for one in data["items"].each()[:_MAX_ENTRIES]:
        authors = [*one["authors"].each(), one["author"], *data["authors"].each(), data["author"]]
        names = (author["name"].text() for author in authors)
        given = [(one["image"], "image")]
        given += [(file["url"], file["mime_type"].text()) for file in one["attachments"].each()]
        files = ((absolute(base, at.text()), kind) for at, kind in given if at.text().strip())
        bodies = (one["content_html"].text(), escape(one["content_text"].text()))
        entries.append(
            Entry(
                key=one["id"].text() or one["url"].text() or "".join(bodies),
                link=absolute(base, one["url"].text() or url) or url,
                base=base,
                title=_line(escape(one["title"].text())),
                bodies=tuple(body for body in bodies if body),
                posted=_date(one["date_published"].text()),
                updated=_date(one["date_modified"].text()),
                author=next((name for name in names if name), ""),
                files=tuple(File(file, kind) for file, kind in files if file is not None),
            )
        )
    return Feed(_line(escape(data["title"].text())), tuple(entries))
