"""The outline of a page that its engine does not know any more, without what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

from crawlers.engines._html import parse
from crawlers.walks.fetch import FetchedPage
from monitor.errors import SourceChanged

_Read = TypeVar("_Read")

# Lines of an outline; where a page goes on for longer, its beginning tells.
MAX_LINES: Final = 400
_MAX_DEPTH = 25
_MAX_NAME = 60
_SILENT = frozenset({"script", "style", "svg", "br", "path"})


def read_page(read: Callable[[str, str], _Read], page: FetchedPage) -> _Read:
    """Have a page read; where it is not as its engine knows it, the error gets its outline.

    Raises:
        SourceChanged: With `shape`.
        SourceUnavailable: As `read` raises it.
    """
    try:
        return read(page.text, page.url)
    except SourceChanged as changed:
        changed.shape = shape_of(page.text)
        raise


def changed_page(why: str, page: FetchedPage) -> SourceChanged:
    """Build the error for a page that is not as known, with its outline."""
    changed = SourceChanged(why, url=page.url)
    changed.shape = shape_of(page.text)
    return changed


def shape_of(text: str) -> str:
    """Outline a page: its elements with ids and classes, or the names and types of its data.

    No text, no address and no value of it is kept. What is alike in a row is told once.
    """
    try:
        return "\n".join(_data(json.loads(text), 0))
    except (ValueError, RecursionError):
        return _elements(text)


def _elements(html: str) -> str:
    lines: list[str] = []
    stack: list[tuple[Any, int]] = [(parse(html).root, 0)]
    before = ("", 0)
    while stack and len(lines) < MAX_LINES:
        element, depth = stack.pop()
        if not isinstance(element.tag, str) or element.tag in _SILENT or depth > _MAX_DEPTH:
            continue
        line = "  " * depth + _name(element)
        if line == before[0]:
            before = (line, before[1] + 1)
            lines[-1] = f"{line} x{before[1]}"
        else:
            before = (line, 1)
            lines.append(line)
        stack.extend((child, depth + 1) for child in reversed(element))
    return "\n".join(lines)


def _name(element: Any) -> str:  # noqa: ANN401 - of lxml, which tells no types
    """Name an element as CSS would; digits, which may be anybody's, as one sign."""
    id_ = f"#{element.get('id')}" if element.get("id") else ""
    classes = "".join(f".{name}" for name in (element.get("class") or "").split()[:6])
    named = f"{element.tag}{id_}{classes}"[:_MAX_NAME]
    return "".join("0" if one.isdigit() else one for one in named if one.isprintable())


def _data(value: Any, depth: int, name: str = "") -> list[str]:  # noqa: ANN401 - any JSON
    """Outline data; of a list, its first entry."""
    line = "  " * depth + f"{name[:_MAX_NAME]}: {type(value).__name__}"
    if depth > _MAX_DEPTH:
        return [line]
    inner: list[tuple[str, Any]] = list(value.items()) if isinstance(value, dict) else []
    if isinstance(value, list) and value:
        inner = [(f"[{len(value)}]", value[0])]
    lines = [line]
    for key, one in inner:
        if len(lines) >= MAX_LINES:
            break
        lines += _data(one, depth + 1, str(key))
    return lines[:MAX_LINES]
