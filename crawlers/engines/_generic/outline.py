"""A page as one row of elements and texts, in which any part is a range: nothing takes longer."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from parsel import Selector

from crawlers.engines._html import Element

_UNSEEN = frozenset({"script", "style", "template", "noscript", "textarea", "select", "head"})
_WORD = re.compile(r"[a-z]+|[가-힣]+", re.IGNORECASE)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Frameworks name how a thing looks by such; only what it is counts.
_LOOKS = ("text-", "content-", "align-", "col-", "float-", "justify-", "list-", "d-", "btn-")
_MAX_NAMES = 600
_HAVING = ("has-", "has_", "with-", "with_", "no-", "show-", "js-")
# Parts that are set apart, by the names of elements, and of what they are called.
_ZONES = {
    "quote": {"blockquote", "q", "quote", "quoted", "quotebox", "bbquote"},
    "signature": {"signature", "signatures", "sig", "서명"},
    "edit": {"edited", "lastedit", "lastedited", "modified", "edit", "editedby"},
    "files": {"attachments", "attachment", "attach", "attached", "files", "file", "filelist"},
    "furniture": {"avatar", "avatars", "smiley", "smilies", "smilie", "smile", "emoji", "emojis"},
    "controls": {"controls", "buttons", "button", "actions", "toolbar", "share", "tools", "form"},
    "nav": {"nav", "navbar", "footer", "menu", "sidebar", "navigation", "gnb", "lnb", "aside"},
    "crumb": {"breadcrumb", "breadcrumbs", "crumb", "crumbs", "navlinks", "linktree", "bread"},
    "pager": {"pagination", "pager", "paging", "pagelinks", "pagenav", "paginate", "paginator"},
}
_ZONES["furniture"] |= {"emoticon", "emoticons", "rank", "ranks", "badge", "badges", "userpic"}
_ZONES["furniture"] |= {"gravatar", "userinfo", "postprofile", "reactions", "icon", "icons"}
_EDITED = re.compile(
    r"\s{0,99}[(\[*]?\s{0,9}(?:last )?(?:edited|modified)\b|"
    r"\s{0,99}[(\[*]?\s{0,9}(?:마지막 ?)?수정(?:됨|일|한|시)",
    re.IGNORECASE,
)
_NOWHERE: frozenset[str] = frozenset()


@dataclass(slots=True)
class Node:
    """An element.

    Attributes:
        element: Of lxml.
        at: Its place in the row.
        end: The place after all that is in it.
        parent: Its index in the outline; -1 for the root.
        words: Of its class, id, itemprop and rel, in lower case.
        zones: What it is in or starts, as `zones_of` tells.
    """

    element: Element
    at: int
    parent: int
    words: frozenset[str]
    zones: frozenset[str]
    end: int = 0

    @property
    def tag(self) -> str:
        """Its name."""
        return str(self.element.tag)

    def get(self, name: str) -> str:
        """Read an attribute; empty where there is none."""
        return str(self.element.get(name) or "")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text between two tags.

    Attributes:
        node: Index of the element that it is in.
        link: It is in a link.
    """

    at: int
    node: int
    text: str
    link: bool


@dataclass(slots=True)
class Outline:
    """Elements and texts of a page in document order; scripts and the like are left out.

    Attributes:
        totals: Letters before each text, and after the last; those in links beside them.
    """

    nodes: list[Node] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    linked: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, tree: Selector) -> Outline:
        """Lay a page out."""
        outline = cls()
        outline._read(tree.root)
        outline.places = [text.at for text in outline.texts]
        sizes = [len(text.text.strip()) for text in outline.texts]
        inside = (size * text.link for size, text in zip(sizes, outline.texts, strict=True))
        outline.totals = [0, *accumulate(sizes)]
        outline.linked = [0, *accumulate(inside)]
        return outline

    def _read(self, root: Element) -> None:
        at = 0
        # An own stack: a page may nest deeper than Python recurses.
        stack: list[tuple[str, Element, int, bool]] = [("open", root, -1, False)]
        while stack:
            what, item, parent, link = stack.pop()
            if what == "text":
                if item and not item.isspace():
                    self.texts.append(Text(at, parent, item, link))
                    at += 1
                continue
            if what == "close":
                self.nodes[parent].end = at
                continue
            if not isinstance(item.tag, str) or item.tag in _UNSEEN:
                continue
            index = len(self.nodes)
            around = self.nodes[parent].zones if parent >= 0 else _NOWHERE
            words = words_of(item)
            own = zones_of(item, words)
            self.nodes.append(Node(item, at, parent, words, around | own if own else around))
            at += 1
            link = link or item.tag == "a"
            stack.append(("close", None, index, False))
            for child in reversed(item):
                stack.append(("text", child.tail, index, link))
                stack.append(("open", child, index, link))
            stack.append(("text", item.text, index, link))

    def letters(self, start: int, end: int) -> int:
        """Count the letters of a range that are in no link."""
        first, last = bisect_left(self.places, start), bisect_left(self.places, end)
        return self.totals[last] - self.totals[first] - (self.linked[last] - self.linked[first])

    def size(self, node: Node) -> int:
        """Count all letters of an element."""
        first, last = bisect_left(self.places, node.at), bisect_left(self.places, node.end)
        return self.totals[last] - self.totals[first]

    def texts_in(self, start: int, end: int) -> list[Text]:
        """List the texts of a range."""
        return self.texts[bisect_left(self.places, start) : bisect_left(self.places, end)]

    def brief(self, node: Node, most: int = 200) -> str:
        """Read the first letters of an element, on one line."""
        parts: list[str] = []
        length = 0
        for index in range(bisect_left(self.places, node.at), len(self.texts)):
            text = self.texts[index]
            if text.at >= node.end or length > most:
                break
            parts.append(text.text)
            length += len(text.text)
        return " ".join("".join(parts).split())[:most]

    def ancestors(self, node: Node) -> Iterator[Node]:
        """Go up from an element, itself first."""
        while True:
            yield node
            if node.parent < 0:
                return
            node = self.nodes[node.parent]


def words_of(element: Element) -> frozenset[str]:
    """Read what an element is named: the words of its class, id, itemprop and rel."""
    names = " ".join(element.get(name) or "" for name in ("class", "id", "itemprop", "rel"))
    if not names.strip():
        return frozenset()
    kept = (name for name in names[:_MAX_NAMES].split() if not name.startswith((*_LOOKS, *_HAVING)))
    return frozenset(word.lower() for name in kept for word in _WORD.findall(_HUMP.sub(" ", name)))


def zones_of(element: Element, words: frozenset[str]) -> frozenset[str]:
    """Tell which parts that are set apart an element starts."""
    if element.tag in {"html", "body"}:
        return _NOWHERE
    names = words | {element.tag}
    found = frozenset(zone for zone, marks in _ZONES.items() if not marks.isdisjoint(names))
    if element.text and len(element.text) < 200 and _EDITED.match(element.text):
        return found | {"edit"}
    return found
