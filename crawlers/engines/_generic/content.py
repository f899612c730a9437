"""What one post of an unknown forum says and shows: no quotes, signatures, portraits, furniture."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from crawlers.engines._generic.addresses import post_number, without_session
from crawlers.engines._generic.marks import AuthorMark, Marks, TimeMark
from crawlers.engines._generic.outline import Node, Outline
from crawlers.engines._generic.units import Unit, ranges
from crawlers.engines._html import text_without
from crawlers.engines._page import gather, is_picture, is_video
from crawlers.urls import is_same_site
from monitor.models.post import MediaKind, MediaRef

_BODIES = frozenset({"content", "contents", "body", "text", "message", "cooked", "articlebody"})
_BODIES |= {"postbody", "memo", "description", "markdown", "bbwrapper", "entry", "본문", "write"}
_SAID_FOR_MACHINES = frozenset({"text", "articlebody", "commenttext"})
_UNSAID = frozenset({"quote", "signature", "edit", "files", "furniture", "controls"})
_UNSHOWN = frozenset({"quote", "signature", "furniture"})
_ICONS = re.compile(
    r"smil|emoji|emoticon|avatar|gravatar|/icons?[/_-]|/ranks?/|spacer|blank\.gif|/badges?/|"
    r"/static/(?!.*upload)|/skins?/|/themes?/|/styles?/|attachtypes|filetypes|no_?(?:profile|photo)|"
    r"on_?line|off_?line|/(?:star|pip|clip|bullet|arrow|pdf|zip|file|attachment)s?\.(?:png|gif|svg)",
    re.IGNORECASE,
)
# Where what people send is kept.
_KEPT = re.compile(r"/uploads?/|/data/|/files?/|attach|/media/|/storage/|download", re.IGNORECASE)
_FILE_NAME = re.compile(r"[^\s/\\:*?\"<>|()]{1,150}\.[A-Za-z0-9]{2,5}(?![A-Za-z0-9])")
_SMALL = 40
_DATA_ID = re.compile(r"data-((?:[a-z]+-)*(?:id|pk|pid|cid|mid|no|srl))")
_FOREIGN = re.compile(r"user|author|member|topic|thread|forum|board|parent|reply-?to|category|node")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,40}")
_DIGITS = re.compile(r"[0-9]{1,18}")
_ANSWERS = frozenset({"comment", "comments", "cid", "reply", "comment_id", "commentid"})


@dataclass(frozen=True, slots=True)
class Said:
    """What a part of a page says.

    Attributes:
        node: Index of the element that has the text; None where there is none.
        anchor: What jumps to it; may be empty.
        number: The site's own id of it, unique over all threads; None where it has none.
        permalink: None where the page gives none.
    """

    node: int | None
    author: str | None
    posted: datetime | None
    edited: bool
    text: str
    media: tuple[MediaRef, ...]
    links: tuple[str, ...]
    anchor: str
    number: str | None
    permalink: str | None

    def digest(self) -> str:
        """Name it by what does not change, where the site gives no id at all."""
        parts = (self.author or "", str(self.posted), self.text if self.posted is None else "")
        return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


class Reader:
    """Reads the parts of one page."""

    def __init__(
        self,
        outline: Outline,
        marks: Marks,
        url: str,
        resolve: Callable[[str], str | None],
        link: Callable[[str], str | None],
    ) -> None:
        self.outline = outline
        self.marks = marks
        self.url = url
        self.resolve = resolve
        self.link = link

    def read(self, unit: Unit, before: int) -> Said:
        """Read a unit.

        Args:
            before: Place after the unit before it: an anchor may stand between them.
        """
        own = list(ranges(self.outline, unit))
        nodes = list(_nodes(self.outline, unit))
        time = _surest_time([mark for part in own for mark in self.marks.times_in(*part)])
        author = _surest([mark for part in own for mark in self.marks.authors_in(*part)])
        return self._said(unit, nodes, author, time, before)

    def _said(
        self,
        unit: Unit,
        nodes: list[int],
        author: AuthorMark | None,
        time: TimeMark | None,
        before: int,
    ) -> Said:
        outline = self.outline
        kept_out = [mark.at for mark in (author, time) if mark is not None]
        body = self._body(nodes, kept_out, unit.holes)
        dropped = {
            outline.nodes[index].element for index in nodes if outline.nodes[index].zones & _UNSAID
        }
        dropped |= {outline.nodes[hole].element for hole in unit.holes}
        text = "" if body is None else text_without(outline.nodes[body].element, dropped)
        number, permalink = self._number(unit, nodes, body)
        return Said(
            node=body,
            author=author.name if author is not None else self._attributed(unit),
            posted=time.time if time is not None else None,
            edited=any("edit" in outline.nodes[index].zones for index in nodes),
            text=text,
            media=gather(
                replace(ref, url=without_session(ref.url)) for ref in self._media(nodes, body)
            ),
            links=self._links_out(nodes, body),
            anchor=self._anchor(unit, nodes, before),
            number=number,
            permalink=permalink,
        )

    def _attributed(self, unit: Unit) -> str | None:
        node = self.outline.nodes[unit.node]
        names = (node.get(name).strip() for name in ("data-author", "data-username", "data-user"))
        return next((name[:60] for name in names if name and not name.isdecimal()), None)

    def _body(self, nodes: list[int], kept_out: list[int], holes: list[int]) -> int | None:
        """Find the element with most to say, of those so named; else of those without marks."""
        outline = self.outline
        named: list[int] = []
        plain: list[int] = []
        for index in nodes:
            node = outline.nodes[index]
            if node.zones & _UNSAID:
                continue
            holds = any(node.at <= at < node.end for at in kept_out)
            if (
                node.words & _BODIES
                and not holds
                and node.tag not in {"a", "input", "body", "html"}
            ):
                if node.get("itemprop").lower() in _SAID_FOR_MACHINES:
                    return index
                named.append(index)
            parent = outline.nodes[node.parent] if node.parent >= 0 else node
            if not holds and (
                index == nodes[0] or any(parent.at <= at < parent.end for at in kept_out)
            ):
                plain.append(index)
        plain = [at for at in plain if self.marks.read(outline.brief(outline.nodes[at])) is None]
        apart = [*holes, *self._set_apart(nodes)]
        most, best = max(((self._weight(index, apart), -index) for index in plain), default=(0, 0))
        said, chosen = max(
            ((self._weight(index, apart), -index) for index in named), default=(0, 0)
        )
        if not named or 3 * said < most:
            return -best if plain else None
        return -chosen

    def _set_apart(self, nodes: list[int]) -> Iterator[int]:
        """List the outermost of the parts that are not what the writer says."""
        outline = self.outline
        for index in nodes[1:]:
            node = outline.nodes[index]
            if node.zones & _UNSAID and not outline.nodes[node.parent].zones & _UNSAID:
                yield index

    def _weight(self, index: int, holes: list[int]) -> int:
        """Count the letters of an element that are not in any of its holes."""
        node = self.outline.nodes[index]
        others = (self.outline.nodes[hole] for hole in holes)
        within = sum(
            self.outline.letters(one.at, one.end) for one in others if node.at <= one.at < node.end
        )
        return self.outline.letters(node.at, node.end) - within + 1

    def _number(
        self, unit: Unit, nodes: list[int], body: int | None
    ) -> tuple[str | None, str | None]:
        outline = self.outline
        node = outline.nodes[unit.node]
        end = outline.nodes[body].end if body is not None else 0
        start = outline.nodes[body].at if body is not None else 0
        permalink, linked = None, None
        own = re.sub(r"^.*?([0-9]{1,18})$", r"\1", node.get("id"))
        for index in nodes:
            one = outline.nodes[index]
            if one.tag != "a" or start <= one.at < end or one.zones & _UNSHOWN:
                continue
            url = self.resolve(one.get("href"))
            found = post_number(url) if url is not None and self.link(one.get("href")) else None
            if url is None or found is None:
                continue
            if linked is None or str(found[1]) == own:
                permalink = url
                linked = f"c{found[1]}" if found[0] in _ANSWERS else str(found[1])
                if str(found[1]) == own:
                    break
        for name, value in node.element.attrib.items():
            said = _DATA_ID.fullmatch(name)
            if said is None or _FOREIGN.search(name) or not _TOKEN.fullmatch(value):
                continue
            kind = "c" if set(said[1].split("-")) & _ANSWERS else ""
            value = str(int(value)) if _DIGITS.fullmatch(value) else f"x{value}"
            return f"{kind}{value}", permalink
        return linked, permalink

    def _anchor(self, unit: Unit, nodes: list[int], before: int) -> str:
        outline = self.outline
        node = outline.nodes[unit.node]
        if re.search(r"[0-9]", node.get("id")) and _TOKEN.fullmatch(node.get("id")):
            return node.get("id")
        index = unit.node - 1
        while index >= 0 and outline.nodes[index].at >= before and unit.node - index < 12:
            name = outline.nodes[index].get("name") or outline.nodes[index].get("id")
            if re.search(r"[0-9]", name) and _TOKEN.fullmatch(name):
                return name
            index -= 1
        for index in nodes[:60]:
            one = outline.nodes[index]
            name = one.get("id") or (one.get("name") if one.tag == "a" else "")
            if re.search(r"[0-9]", name) and _TOKEN.fullmatch(name):
                return name
        for index in nodes[:200]:
            one = outline.nodes[index]
            _, mark, name = one.get("href").partition("#") if one.tag == "a" else ("", "", "")
            if mark and re.search(r"[0-9]", name) and _TOKEN.fullmatch(name):
                return name
        return ""

    def _links_out(self, nodes: list[int], body: int | None) -> tuple[str, ...]:
        if body is None:
            return ()
        outline, part = self.outline, self.outline.nodes[body]
        found: dict[str, None] = {}
        for index in nodes:
            node = outline.nodes[index]
            if node.tag == "a" and part.at <= node.at < part.end and not node.zones & _UNSAID:
                url = self.resolve(node.get("href"))
                if url is not None and not is_same_site(url, self.url):
                    found[url] = None
        return tuple(found)

    def _media(self, nodes: list[int], body: int | None) -> Iterator[MediaRef]:
        outline = self.outline
        part = outline.nodes[body] if body is not None else None
        shown: set[int] = set()
        for index in nodes:
            node = outline.nodes[index]
            if node.zones & _UNSHOWN:
                continue
            said = part is not None and part.at <= node.at < part.end
            if node.tag == "img":
                around = self._link_around(node)
                if around is not None:
                    shown.add(around)
                yield from self._picture(node, around, said=said)
            elif node.tag in {"video", "audio"}:
                url = self._played(node)
                if url is not None:
                    yield MediaRef(url, MediaKind.VIDEO if node.tag == "video" else MediaKind.SOUND)
            elif node.tag == "a" and index not in shown:
                ref = self._file(node, said=said)
                if ref is not None:
                    yield ref

    def _picture(self, node: Node, around: int | None, *, said: bool) -> Iterator[MediaRef]:
        source = self._source(node)
        href = self.outline.nodes[around].get("href") if around is not None else ""
        full = self.resolve(href) if href else None
        is_full = full is not None and is_picture(full)
        if source is None:
            return
        is_kept = said or is_full or "files" in node.zones or bool(_KEPT.search(source))
        if full is not None and (
            is_full or ("files" in node.zones and is_same_site(full, self.url))
        ):
            yield MediaRef(full, MediaKind.PHOTO)
        if is_kept and not _is_small(node) and not _ICONS.search(urlsplit(source).path):
            yield MediaRef(source, MediaKind.PHOTO)

    def _source(self, node: Node) -> str | None:
        for name in ("data-full", "data-original", "data-src", "data-lazy-src", "data-url", "src"):
            url = self.resolve(node.get(name))
            if url is not None:
                return url
        return None

    def _played(self, node: Node) -> str | None:
        names = [node.get("src"), node.get("data-src")]
        names += [source.get("src") or "" for source in node.element.iterchildren("source")]
        return next((url for url in map(self.resolve, names) if url is not None), None)

    def _link_around(self, node: Node) -> int | None:
        index = node.parent
        for _ in range(4):
            if index < 0:
                return None
            if self.outline.nodes[index].tag == "a":
                return index
            index = self.outline.nodes[index].parent
        return None

    def _file(self, node: Node, *, said: bool) -> MediaRef | None:
        """Read a link to a file: one that ends like a picture or a video, or is named like one."""
        url = self.link(node.get("href")) and self.resolve(node.get("href"))
        if not url:
            return None
        if is_picture(url):
            return MediaRef(url, MediaKind.PHOTO)
        if is_video(url):
            return MediaRef(url, MediaKind.VIDEO)
        name = _FILE_NAME.search(self.outline.brief(node))
        is_kept = "files" in node.zones or re.search(r"attach|download|file", urlsplit(url).path)
        if name is None or not is_kept:
            return None
        return MediaRef(url, MediaKind.FILE, name=name[0])


def _nodes(outline: Outline, unit: Unit) -> Iterator[int]:
    holes = set(unit.holes)
    index, end = unit.node, outline.nodes[unit.node].end
    while index < len(outline.nodes) and outline.nodes[index].at < end:
        if index in holes:
            beyond = outline.nodes[index].end
            while index < len(outline.nodes) and outline.nodes[index].at < beyond:
                index += 1
            continue
        yield index
        index += 1


def _surest(marks: list[AuthorMark]) -> AuthorMark | None:
    return max(marks, key=lambda mark: (mark.sure, -mark.at), default=None)


def _surest_time(marks: list[TimeMark]) -> TimeMark | None:
    return max(marks, key=lambda mark: (mark.sure, -mark.at), default=None)


def _is_small(node: Node) -> bool:
    sizes = [node.get(name).removesuffix("px") for name in ("width", "height")]
    return any(_DIGITS.fullmatch(size) and int(size) <= _SMALL for size in sizes)
