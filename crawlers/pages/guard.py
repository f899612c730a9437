"""The browser's one way out: a proxy that checks the site, and each address after DNS."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import ipaddress
import secrets
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from tldextract import TLDExtract

from crawlers.addresses import AddressRules

# What one page may load: a large application is some 10 MiB of scripts and data.
MAX_PAGE_BYTES: Final = 64 << 20
# A browser opens six to a host.
_MAX_CONNECTIONS: Final = 64
_HEAD_BYTES: Final = 64 << 10
_PART_BYTES: Final = 64 << 10
_BLANK: Final = b"\r\n\r\n"
# Of one connection, not of what goes through it. Source: RFC 9110, section 7.6.1; RFC 9112, C.2.2.
_OWN_HEADERS: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-authorization", b"proxy-connection", b"te", b"upgrade"}
)
_REALM: Final = b"guard"
# Without the download of the list: Haechi phones nowhere.
_split_domain = TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)


class Refusal(StrEnum):
    """Why the guard did not let something through; each is counted."""

    ADDRESS = "not a permitted address"
    SITE = "of another site"
    NO_PAGE = "no page is being read"
    UNKNOWN_HOST = "the host name can't be resolved"
    UNREACHABLE = "the host can't be reached"
    TOO_SLOW = "no answer in time"
    TOO_MUCH = "larger than the limit"
    TOO_MANY = "too many connections"
    STRANGER = "not asked by the browser"
    MALFORMED = "no request of HTTP"


class _Refused(Exception):
    """A connection is not made, or is cut."""

    def __init__(self, why: Refusal, place: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.place = place


@dataclass(frozen=True, slots=True)
class _Asked:
    """The head of a request.

    Attributes:
        lines: Headers for the other side; empty for a tunnel.
        body_bytes: That follow it.
    """

    method: bytes
    host: str
    port: int
    lines: bytes
    body_bytes: int

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"


def site_of(host: str) -> str:
    """Name what belongs to one owner: the registered domain; the address itself for an IP."""
    host = host.lower().rstrip(".")
    return _split_domain(host).top_domain_under_public_suffix or host


class Guard:
    """A proxy on loopback, for one source's browser.

    It resolves each name itself, asks the rules of each address and connects to what it asked of:
    a name that is re-pointed in between gains nothing. What has no password, or comes when no
    page is read, is refused.

    Attributes:
        refused: How often, by the reason.
        faults: What happened last at each host and port that could not be reached or was refused,
            while the page at hand was read.
        bytes: That came through, in all.
    """

    def __init__(
        self,
        rules: AddressRules,
        address: str,
        *,
        also_from: Sequence[str] = (),
        timeout_s: float,
        max_page_bytes: int = MAX_PAGE_BYTES,
    ) -> None:
        """Prepare.

        Args:
            rules: The source's.
            address: Where the source lives: its site is let through, and what is below it.
            also_from: Other hosts that are, with what is below them.
            timeout_s: For each connection, and for each pause in one.
            max_page_bytes: What one page may load.
        """
        self.password = secrets.token_urlsafe(24)
        self.refused: Counter[Refusal] = Counter()
        self.faults: dict[str, Refusal] = {}
        self.bytes = 0
        self._rules = rules
        self._home = site_of(urlsplit(address).hostname or "")
        self._also_from = tuple(also_from)
        self._timeout_s = timeout_s
        self._max_page_bytes = max_page_bytes
        self._site: str | None = None
        self._left = 0
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; gives the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_HEAD_BYTES)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Listen no more, and cut what is open."""
        if self._server is not None:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def is_spent(self) -> bool:
        """The page at hand, or the last one, loaded more than one may."""
        return self._left < 0

    @contextmanager
    def reading(self, url: str) -> Iterator[None]:
        """Let what one page needs through, and nothing before or after.

        Args:
            url: Of the page, which has passed the crawl's own guards.
        """
        self._site = site_of(urlsplit(url).hostname or "")
        self._left = self._max_page_bytes
        self.faults.clear()
        try:
            yield
        finally:
            self._site = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the browser; it ends with what it was opened for."""
        task = asyncio.current_task()
        if task is None:
            return
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except _Refused as refused:
            self._count(refused)
            await self._tell(writer, refused.why)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            # The browser hung up, or the site did: both do at any time.
            pass
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _count(self, refused: _Refused) -> None:
        """Note a refusal."""
        self.refused[refused.why] += 1
        if refused.place and len(self.faults) < _MAX_CONNECTIONS:
            self.faults[refused.place] = refused.why

    async def _tell(self, writer: asyncio.StreamWriter, why: Refusal) -> None:
        """Answer in place of the site."""
        status = b"403 Refused"
        more = b""
        if why is Refusal.STRANGER:
            status = b"407 Proxy Authentication Required"
            more = b'Proxy-Authenticate: Basic realm="%s"\r\n' % _REALM
        head = b"HTTP/1.1 %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n" % (status, more)
        with contextlib.suppress(OSError):
            writer.write(head)
            await writer.drain()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Check a request, connect, and pass on."""
        async with asyncio.timeout(self._timeout_s):
            head = await reader.readuntil(_BLANK)
        asked = self._checked(head)
        if len(self._open) > _MAX_CONNECTIONS:
            raise _Refused(Refusal.TOO_MANY)
        there, back = await self._connect(asked)
        try:
            if asked.method == b"CONNECT":
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                back.write(asked.lines)
                await self._pass(reader, back, asked.body_bytes)
                writer.write(await self._answer_head(there))
            await self._both(reader, writer, there, back, is_tunnel=asked.method == b"CONNECT")
        finally:
            back.close()
            with contextlib.suppress(OSError):
                await back.wait_closed()

    def _checked(self, head: bytes) -> _Asked:
        """Read a request, and check that it is the browser's, for a page, of its site."""
        first, *lines = head[: -len(_BLANK)].split(b"\r\n")
        headers = [(name.strip().lower(), line) for line in lines for name in [line.split(b":")[0]]]
        given = [_value(line) for name, line in headers if name == b"proxy-authorization"]
        wanted = b"Basic " + base64.b64encode(f"guard:{self.password}".encode())
        if len(given) != 1 or not hmac.compare_digest(given[0], wanted):
            raise _Refused(Refusal.STRANGER)
        asked = _read(first, headers)
        if self._site is None:
            raise _Refused(Refusal.NO_PAGE)
        is_listed = any(
            asked.host == one or asked.host.endswith(f".{one}") for one in self._also_from
        )
        if site_of(asked.host) not in (self._site, self._home) and not is_listed:
            raise _Refused(Refusal.SITE, asked.place)
        return asked

    async def _connect(self, asked: _Asked) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first permitted address of a host that answers."""
        why = Refusal.UNREACHABLE
        for address in await self._addresses(asked):
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await asyncio.open_connection(address, asked.port, limit=_HEAD_BYTES)
            except TimeoutError:
                why = Refusal.TOO_SLOW
            except OSError:
                continue
        raise _Refused(why, asked.place)

    async def _addresses(self, asked: _Asked) -> list[str]:
        """Resolve a host, and give the addresses that the rules permit."""
        try:
            found = [str(ipaddress.ip_address(asked.host))]
        except ValueError:
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(self._timeout_s):
                    answers = await loop.getaddrinfo(
                        asked.host, asked.port, type=socket.SOCK_STREAM
                    )
            except (OSError, UnicodeError, TimeoutError):
                raise _Refused(Refusal.UNKNOWN_HOST, asked.place) from None
            found = [str(answer[4][0]) for answer in answers]
        permitted = [one for one in found if self._rules.permit(one, asked.port)]
        if not permitted:
            raise _Refused(Refusal.ADDRESS, asked.place)
        return permitted

    async def _answer_head(self, there: asyncio.StreamReader) -> bytes:
        """Read an answer's head, and say in it that the connection ends with it.

        Else the browser would send its next request, to whatever host, on this one.
        """
        while True:
            async with asyncio.timeout(self._timeout_s):
                head = await there.readuntil(_BLANK)
            self._take(len(head))
            first, *lines = head[: -len(_BLANK)].split(b"\r\n")
            # Answers that announce the one to come.
            if not first.split(b" ")[1:2] or not first.split(b" ")[1].startswith(b"1"):
                break
        kept = [line for line in lines if line.split(b":")[0].strip().lower() not in _OWN_HEADERS]
        return b"\r\n".join([first, *kept, b"Connection: close"]) + _BLANK

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, size: int
    ) -> None:
        """Pass on the body of a request."""
        while size:
            async with asyncio.timeout(self._timeout_s):
                part = await source.read(min(size, _PART_BYTES))
            if not part:
                raise asyncio.IncompleteReadError(part, size)
            self._take(len(part))
            size -= len(part)
            sink.write(part)
            await sink.drain()

    async def _both(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        *,
        is_tunnel: bool,
    ) -> None:
        """Pass on in both directions until one side ends; of plain HTTP, the answer only."""

        async def along(source: asyncio.StreamReader, sink: asyncio.StreamWriter | None) -> None:
            while True:
                async with asyncio.timeout(self._timeout_s):
                    part = await source.read(_PART_BYTES)
                if not part:
                    return
                self._take(len(part))
                if sink is not None:
                    sink.write(part)
                    await sink.drain()

        ways = [
            asyncio.create_task(along(reader, back if is_tunnel else None)),
            asyncio.create_task(along(there, writer)),
        ]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in done:
                way.result()
        except _Refused as refused:
            # An answer is on its way: it is cut, and nothing can be said in its place.
            self._count(refused)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def _take(self, size: int) -> None:
        """Count bytes."""
        self.bytes += size
        self._left -= size
        if self._left < 0:
            raise _Refused(Refusal.TOO_MUCH)


def _read(first: bytes, headers: list[tuple[bytes, bytes]]) -> _Asked:
    """Read a request whose headers are split already."""
    words = first.split(b" ")
    if len(words) != 3 or not words[0].isalpha() or not words[1].isascii():
        raise _Refused(Refusal.MALFORMED)
    method, target = words[0], words[1].decode("ascii")
    try:
        parts = urlsplit(f"//{target}" if method == b"CONNECT" else target)
        port = parts.port or (0 if method == b"CONNECT" else 80)
    except ValueError:
        raise _Refused(Refusal.MALFORMED) from None
    host = (parts.hostname or "").rstrip(".")
    if not host or not port or "%" in host or (method == b"CONNECT") is (parts.scheme == "http"):
        raise _Refused(Refusal.MALFORMED)
    if method == b"CONNECT":
        return _Asked(method, host, port, b"", 0)
    sizes = [_value(line) for name, line in headers if name == b"content-length"]
    has_unknown_size = any(name == b"transfer-encoding" for name, _ in headers)
    if has_unknown_size or len(sizes) > 1 or not all(size.isdigit() for size in sizes):
        raise _Refused(Refusal.MALFORMED)
    path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    kept = [line for name, line in headers if name not in _OWN_HEADERS]
    start = b"%s %s HTTP/1.1" % (method, path.encode("ascii"))
    lines = b"\r\n".join([start, *kept, b"Connection: close"]) + _BLANK
    return _Asked(method, host, port, lines, int(sizes[0]) if sizes else 0)


def _value(line: bytes) -> bytes:
    """Give what a header says."""
    return line.partition(b":")[2].strip()
