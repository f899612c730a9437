"""How a crawl and the process that keeps its browser talk: heads in JSON, each with a body."""

from __future__ import annotations

import asyncio
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_SIZES: Final = struct.Struct("!II")
_MAX_HEAD_BYTES: Final = 256 << 10


@dataclass(frozen=True, slots=True)
class Captured:
    """An answer as a crawl takes it.

    Attributes:
        url: Where the page says that it is.
        status: A redirect where the page, or a script in it, leads elsewhere: that is for the
            crawl to follow, by its own rules.
        headers: Content-Type, Location and Retry-After, where there are any.
        body: HTML in UTF-8 as scripts made it; of anything but HTML, as it came.
        is_rendered: The body is what scripts made.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    is_rendered: bool = False


def packed(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Make one message."""
    text = json.dumps(head).encode("ascii")
    return _SIZES.pack(len(text), len(body)) + text + body


async def read(reader: asyncio.StreamReader, max_bytes: int) -> tuple[dict[str, Any], bytes]:
    """Wait for a message, whose writer may have been taken over by a hostile page.

    Raises:
        EOFError: Nobody is there any more.
        ValueError: It is none, or its body is larger.
    """
    head_size, body_size = _SIZES.unpack(await reader.readexactly(_SIZES.size))
    if head_size > _MAX_HEAD_BYTES or body_size > max_bytes:
        raise ValueError("a message of the browser's keeper is too large")
    head = json.loads(await reader.readexactly(head_size))
    if not isinstance(head, dict):
        raise ValueError("a message of the browser's keeper is none")  # noqa: TRY004 - as is JSON's
    return head, await reader.readexactly(body_size)


def wait_for(handle: int) -> dict[str, Any]:
    """Wait for a message of the crawl; it has no body.

    Raises:
        EOFError: Nobody is there any more.
    """
    head_size, _ = _SIZES.unpack(_exactly(handle, _SIZES.size))
    head: dict[str, Any] = json.loads(_exactly(handle, head_size))
    return head


def _exactly(handle: int, size: int) -> bytes:
    """Read so many bytes."""
    parts: list[bytes] = []
    while size:
        part = os.read(handle, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
