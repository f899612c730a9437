"""A web server on 127.0.0.1 that records what it is asked and misbehaves when told to."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Self, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from monitor.clock import utc_now

_RANGE = re.compile(r"bytes=([0-9]{0,12})-([0-9]{0,12})")
_MAX_BODY_BYTES = 1 << 20
# A client that keeps a connection open for longer than this without a word is cut.
_IDLE_S = 30
_DROP = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for.

    Attributes:
        path: Decoded, without the query.
        query: The last value of each parameter.
        target: Path and query as sent.
        at: When it arrived.
    """

    method: str
    path: str
    query: Mapping[str, str]
    target: str
    at: datetime
    user_agent: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the site answers.

    Attributes:
        body: Bytes, sent with their length; or an iterator of chunks, sent as they come until
            the connection closes.
        pause_s: Wait before each chunk of an iterator.
    """

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    mime: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    pause_s: float = 0.0


Route: TypeAlias = Callable[[Request], Reply]


def redirect(location: str, status: int = 302) -> Reply:
    """Send the client elsewhere."""
    return Reply(status=status, headers=(("Location", location),))


def in_parts(request: Request, body: bytes, mime: str) -> Reply:
    """A file of which a client may ask for a part, by one range of bytes."""
    accepts = ("Accept-Ranges", "bytes")
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or asked[1] == asked[2] == "":
        return Reply(body, mime=mime, headers=(accepts,))
    first, last = asked[1], asked[2]
    start = int(first) if first else max(0, len(body) - int(last))
    end = min(len(body), int(last) + 1) if first and last else len(body)
    if start >= end:
        return Reply(b"", 416, mime, (accepts, ("Content-Range", f"bytes */{len(body)}")))
    said = ("Content-Range", f"bytes {start}-{end - 1}/{len(body)}")
    return Reply(body[start:end], 206, mime, (accepts, said))


def slow(body: bytes, pause_s: float, mime: str = "image/jpeg") -> Reply:
    """A body that drips: a byte every `pause_s` seconds, without a length."""
    return Reply((body[at : at + 1] for at in range(len(body))), mime=mime, pause_s=pause_s)


def endless(chunk: bytes = b"\0" * 65536, mime: str = "image/jpeg") -> Reply:
    """A body that never ends, until the client hangs up or the site stops."""

    def chunks() -> Iterator[bytes]:
        while True:
            yield chunk

    return Reply(chunks(), mime=mime)


def drop() -> Reply:
    """No answer at all: the connection is closed."""
    return Reply(status=_DROP)


@dataclass(slots=True)
class _Fault:
    prefix: str
    make: Callable[[], Reply]
    left: int


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Knows its open connections, so that stopping does not wait for idle clients."""

    allow_reuse_address = True
    request_queue_size = 64
    daemon_threads = False
    block_on_close = True

    def __init__(self, site: Site, port: int) -> None:
        self.site = site
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, str]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet: only a client that hung up comes here, `Site.answer` catches the rest."""

    def close(self) -> None:
        """Cut all clients, wait for their threads and free the port."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "demo"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = _IDLE_S
    server: _Server

    def do_GET(self) -> None:
        """Answer by the site's routes."""
        site = self.server.site
        length = self.headers.get("Content-Length", "0")
        if length.isdigit():
            self.rfile.read(min(int(length), _MAX_BODY_BYTES))
        reply = site.answer(self._request())
        if reply.status == _DROP:
            self.close_connection = True
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.mime)
        for name, value in reply.headers:
            self.send_header(name, value)
        if isinstance(reply.body, bytes):
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)
            return
        self.send_header("Connection", "close")
        self.end_headers()
        for chunk in reply.body if self.command != "HEAD" else ():
            if site.stopping.wait(reply.pause_s):
                return
            self.wfile.write(chunk)

    do_POST = do_HEAD = do_GET  # noqa: N815 - http.server finds them by these names

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        cookies: SimpleCookie = SimpleCookie()
        with contextlib.suppress(CookieError):
            cookies.load(self.headers.get("Cookie", ""))
        return Request(
            method=self.command,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            target=self.path,
            at=utc_now(),
            user_agent=self.headers.get("User-Agent", ""),
            headers=dict(self.headers.items()),
            cookies={name: morsel.value for name, morsel in cookies.items()},
        )

    def log_message(self, *_: object) -> None:
        """Say nothing: `Site.requests` is the log."""


@dataclass(slots=True)
class Site:
    """A site on this machine, running while the `with` block does.

    Attributes:
        port: 0 takes any free port; after the start the one that was taken. A site that is
            started again keeps it.
        robots: Text of /robots.txt; None answers 404.
        requests: Everything that was asked, in order, /robots.txt included.
        errors: What routes raised; each was answered with 500. Empty when all is well.
    """

    port: int = 0
    robots: str | None = "User-agent: *\nDisallow:\n"
    requests: list[Request] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    _routes: dict[str, Route] = field(default_factory=dict)
    _faults: list[_Fault] = field(default_factory=list)
    _delays: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: _Server | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def route(self, prefix: str, answer: Route) -> None:
        """Let a function answer all paths that start with a prefix; the longest prefix wins."""
        self._routes[prefix] = answer

    def asked(self, prefix: str) -> list[Request]:
        """What was asked under a path prefix, in order."""
        return [request for request in list(self.requests) if request.path.startswith(prefix)]

    def answer_next(self, prefix: str, make: Callable[[], Reply], times: int = 1) -> None:
        """Answer the next requests under a prefix otherwise: `answer_next("/a", endless)`.

        Faults for the same path are used up one after the other, in the order they were set.
        """
        with self._lock:
            self._faults.append(_Fault(prefix, make, times))

    def fail_next(
        self, prefix: str, status: int = 503, times: int = 1, retry_after: str | None = None
    ) -> None:
        """Answer the next requests under a prefix with an error status."""
        headers = (("Retry-After", retry_after),) if retry_after is not None else ()
        self.answer_next(prefix, lambda: Reply(b"<h1>Error</h1>", status, headers=headers), times)

    def delay(self, prefix: str, seconds: float) -> None:
        """Wait before each answer under a prefix, from now on; 0 ends it."""
        with self._lock:
            self._delays[prefix] = seconds

    def answer(self, request: Request) -> Reply:
        """Record a request and find its answer; never raises."""
        with self._lock:
            self.requests.append(request)
            faults = [f for f in self._faults if f.left and request.path.startswith(f.prefix)]
            if faults:
                faults[0].left -= 1
            waits = [s for prefix, s in self._delays.items() if request.path.startswith(prefix)]
            routes = [prefix for prefix in self._routes if request.path.startswith(prefix)]
        self.stopping.wait(max(waits, default=0.0))
        try:
            if faults:
                return faults[0].make()
            if request.path == "/robots.txt" and self.robots is not None:
                return Reply(self.robots.encode(), mime="text/plain; charset=utf-8")
            if routes and request.path != "/robots.txt":
                return self._routes[max(routes, key=len)](request)
        except Exception as error:  # noqa: BLE001 - a route's error must reach the test, not stderr
            self.errors.append(error)
            return Reply(b"<h1>Internal Server Error</h1>", 500)
        return Reply(b"<h1>Not Found</h1>", 404)

    def start(self) -> None:
        """Listen; returns when the port is open.

        Raises:
            OSError: The port is taken.
        """
        self.stopping.clear()
        self._server = _Server(self, self.port)
        self.port = self._server.server_address[1]
        # The poll interval is how long stop() waits for the loop to notice.
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name=f"site-{self.port}"
        )
        self._thread.start()

    def stop(self) -> None:
        """Cut all clients and free the port; no thread is left. Stopping twice is fine."""
        self.stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.close()
            self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
