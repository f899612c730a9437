"""Reading HTML that may be hostile: a tree, its text and its dates, whatever the input."""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Self, TypeAlias

from lxml import etree  # type: ignore[import-untyped]
from parsel import Selector, SelectorList
from parsel.csstranslator import HTMLTranslator

from crawlers.urls import absolute

# Of lxml, which tells no types.
Element: TypeAlias = Any

_BLOCKS = frozenset({"blockquote", "dd", "div", "dl", "dt", "fieldset", "figure", "h1", "h2", "h3"})
_BLOCKS |= {"hr", "li", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"}
_UNSEEN = frozenset({"script", "style", "template", "noscript", "textarea", "select"})
_BLANKS = re.compile(r"[ \t\r\n\f\v\xa0]+")
_BACKGROUND = re.compile(r"background-image:\s{0,9}url\(\s{0,9}['\"]?([^'\")]{1,8000})")


class _Node(Selector):
    """A selector that selects by CSS in half the time: a page of posts asks for it a hundred times.

    Parsel looks up namespaces for each query, of which HTML has none.
    """

    def css(self, query: str) -> SelectorList[Any]:
        """Select as parsel does."""
        if isinstance(self.root, str):
            return self.selectorlist_cls([])
        make = type(self)._of
        return self.selectorlist_cls([make(root) for root in _compiled(query)(self.root)])

    @classmethod
    def _of(cls, root: Element) -> Self:
        made = cls.__new__(cls)
        made.root, made.type, made.namespaces, made._expr = root, "html", {}, None
        return made


@lru_cache(maxsize=2_048)
def _compiled(query: str) -> etree.XPath:
    return etree.XPath(HTMLTranslator().css_to_xpath(query), smart_strings=False)


def parse(html: str) -> Selector:
    """Build a tree of any text; takes time linear in its length."""
    # A lone surrogate can't be encoded for the parser.
    return _Node(text=html.encode("utf-8", "replace").decode("utf-8"), type="html")


def base_of(tree: Selector, url: str) -> str:
    """Find what a page's links are relative to."""
    return absolute(url, tree.css("base::attr(href)").get("")) or url


def classes(node: Selector) -> frozenset[str]:
    """List the classes of an element."""
    return frozenset(node.attrib.get("class", "").split())


def outermost(node: Selector, css: str, without: str = "") -> list[Selector]:
    """Select the descendants that are in no other one of the selection, in document order.

    Nested ones would each be read with all that is in them: quadratic on a hostile page.

    Args:
        node: Where to look.
        css: What to select.
        without: CSS of elements in which nothing is selected.
    """
    found = node.css(css)
    if not found:
        return []
    # The way up from an element ends where an earlier one came through: all is climbed once.
    top = node.root
    free: set[Element] = {top}
    blocked = {element.root for element in node.css(without)} - free if without else set()
    kept: list[Selector] = []
    for element in found:
        way: list[Element] = []
        above: Element = element.root
        if above is top:
            continue
        while above not in free and above not in blocked:
            way.append(above)
            above = above.getparent()
        if above in free:
            kept.append(element)
            free.update(way[1:])
            blocked.add(element.root)
        else:
            blocked.update(way)
    return kept


def text_of(node: Selector, without: str = "") -> str:
    """Read an element as a person sees it.

    Args:
        node: The element.
        without: CSS of the descendants to leave out.

    Returns:
        Lines separated by a newline, blanks collapsed, at most one empty line in a row.
    """
    dropped = {element.root for element in node.css(without)} if without else set()
    return text_without(node.root, dropped)


def text_without(element: Element, dropped: Container[Element]) -> str:
    """Read an element as `text_of` does, without those of its descendants."""
    parts: list[str] = []
    # An own stack: a page may nest deeper than Python recurses.
    stack: list[Any] = [element]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        if not isinstance(item.tag, str) or item.tag in _UNSEEN or item in dropped:
            continue
        if item.tag == "br":
            parts.append("\n")
        edge = "\n" if item.tag in _BLOCKS else ""
        stack.append(edge)
        for child in reversed(item):
            stack.append(_BLANKS.sub(" ", child.tail or ""))
            stack.append(child)
        stack.append(_BLANKS.sub(" ", item.text or ""))
        stack.append(edge)
    lines = (_BLANKS.sub(" ", line).strip() for line in "".join(parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def moment(value: str | None) -> datetime | None:
    """Read an ISO 8601 time with its zone as UTC; None for anything else."""
    try:
        read = datetime.fromisoformat((value or "").strip())
        return read.astimezone(UTC) if read.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def background(node: Selector) -> str | None:
    """Read the picture of an inline `style`, as written."""
    found = _BACKGROUND.search(node.attrib.get("style", "")[:20_000])
    return found[1].strip() if found else None
