from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from crawlers.addresses import AddressRules, rules_for
from crawlers.pages.guard import Guard, Refusal, site_of

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nKeep-Alive: timeout=5\r\n\r\nhello"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Origin:
    """A site, which keeps what it was sent."""

    def __init__(self, answer: bytes = OK) -> None:
        self.answer = answer
        self.heard: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        await writer.drain()
        self.heard.append(await reader.read())
        writer.close()


@asynccontextmanager
async def running(
    origin: Origin, *, allowed: str = "127.0.0.1:{port}", **options: Any
) -> AsyncIterator[tuple[Guard, int]]:
    server = await asyncio.start_server(origin.serve, "127.0.0.1", 0)
    origin.port = server.sockets[0].getsockname()[1]
    address = f"http://127.0.0.1:{origin.port}/"
    rules = rules_for(address, (allowed.format(port=origin.port),))
    guard = Guard(rules, address, **{"timeout_s": 2, **options})
    port = await guard.start()
    try:
        with guard.reading(address):
            yield guard, port
    finally:
        await guard.close()
        server.close()


async def ask(port: int, head: str, password: str | None, body: bytes = b"") -> bytes:
    """Ask the guard, and give all that it answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = head.split("\n")
    if password is not None:
        word = base64.b64encode(f"guard:{password}".encode()).decode()
        lines.insert(1, f"Proxy-Authorization: Basic {word}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()
    async with asyncio.timeout(10):
        got = await reader.read()
    writer.close()
    return got


def get(url: str, more: str = "") -> str:
    return f"GET {url} HTTP/1.1\nHost: anything{more}"


def test_a_page_of_the_site_passes_without_what_is_of_the_connection() -> None:
    async def go() -> None:
        origin = Origin()
        async with running(origin) as (guard, port):
            url = f"http://127.0.0.1:{origin.port}/a?b=c"
            got = await ask(port, get(url, "\nProxy-Connection: keep-alive\nX: y"), guard.password)
            assert got.endswith(b"\r\n\r\nhello")
            # Else the browser would send its next request, of any host, on this connection.
            assert b"Connection: close" in got
            assert b"Keep-Alive" not in got
            (sent, _) = origin.heard
            assert sent.startswith(b"GET /a?b=c HTTP/1.1\r\n")
            assert b"X: y" in sent
            assert b"proxy" not in sent.lower()
            assert guard.refused == {}
            assert guard.bytes == len(OK)

    asyncio.run(go())


def test_a_second_request_on_a_connection_is_not_passed_on() -> None:
    async def go() -> None:
        origin = Origin()
        async with running(origin) as (guard, port):
            url = f"http://127.0.0.1:{origin.port}/"
            await ask(port, get(url), guard.password, get("http://127.0.0.2/").encode())
            assert b"127.0.0.2" not in b"".join(origin.heard)

    asyncio.run(go())


def test_a_tunnel_passes_both_ways() -> None:
    async def go() -> None:
        origin = Origin()
        async with running(origin) as (guard, port):
            head = f"CONNECT 127.0.0.1:{origin.port} HTTP/1.1"
            got = await ask(port, head, guard.password, b"anything\r\n\r\n")
            assert got == b"HTTP/1.1 200 Connected\r\n\r\n" + OK
            assert origin.heard[0] == b"anything\r\n\r\n"

    asyncio.run(go())


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("GET http://127.0.0.1:9/ HTTP/1.1", Refusal.ADDRESS),
        ("CONNECT 127.0.0.1:9 HTTP/1.1", Refusal.ADDRESS),
        ("GET http://127.0.0.2:{port}/ HTTP/1.1", Refusal.SITE),
        ("CONNECT [::1]:{port} HTTP/1.1", Refusal.SITE),
        ("CONNECT 2130706433:{port} HTTP/1.1", Refusal.SITE),
        ("GET http://other.example/ HTTP/1.1", Refusal.SITE),
        ("GET / HTTP/1.1", Refusal.MALFORMED),
        ("GET ftp://127.0.0.1:{port}/ HTTP/1.1", Refusal.MALFORMED),
        ("GET https://127.0.0.1:{port}/ HTTP/1.1", Refusal.MALFORMED),
        ("CONNECT http://127.0.0.1:{port}/ HTTP/1.1", Refusal.MALFORMED),
        ("CONNECT 127.0.0.1:99999 HTTP/1.1", Refusal.MALFORMED),
        ("CONNECT [::1%eth0]:{port} HTTP/1.1", Refusal.MALFORMED),
        ("GET http://127.0.0.1:{port}/ a HTTP/1.1", Refusal.MALFORMED),
        ("nonsense", Refusal.MALFORMED),
        (
            "POST http://127.0.0.1:{port}/ HTTP/1.1\nTransfer-Encoding: chunked",
            Refusal.MALFORMED,
        ),
        (
            "POST http://127.0.0.1:{port}/ HTTP/1.1\nContent-Length: 1\nContent-Length: 2",
            Refusal.MALFORMED,
        ),
        ("POST http://127.0.0.1:{port}/ HTTP/1.1\nContent-Length: -1", Refusal.MALFORMED),
    ],
)
def test_what_is_refused_is_counted_by_its_reason_and_reaches_nobody(
    head: str, why: Refusal
) -> None:
    async def go() -> None:
        origin = Origin()
        async with running(origin) as (guard, port):
            got = await ask(port, head.format(port=origin.port), guard.password)
            assert got.startswith(b"HTTP/1.1 403 ")
            assert (guard.refused, origin.heard) == ({why: 1}, [])

    asyncio.run(go())


def test_who_does_not_know_the_password_is_a_stranger() -> None:
    async def go() -> None:
        origin = Origin()
        async with running(origin) as (guard, port):
            url = f"http://127.0.0.1:{origin.port}/"
            for password in (None, "wrong", guard.password[:-1]):
                assert (await ask(port, get(url), password)).startswith(b"HTTP/1.1 407 ")
            assert (guard.refused, origin.heard) == ({Refusal.STRANGER: 3}, [])

    asyncio.run(go())


def test_nothing_passes_while_no_page_is_read() -> None:
    async def go() -> None:
        origin = Origin()
        async with running(origin) as (guard, port):
            url = f"http://127.0.0.1:{origin.port}/"
            with guard.reading(url):
                pass
            await ask(port, get(url), guard.password)
            assert (guard.refused, origin.heard) == ({Refusal.NO_PAGE: 1}, [])

    asyncio.run(go())


def test_a_name_is_looked_up_once_and_its_permitted_addresses_alone_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def go() -> None:
        origin = Origin()
        asked: list[str] = []
        server = await asyncio.start_server(origin.serve, "127.0.0.1", 0)
        there = server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()

        async def resolve(host: str, port: int, **_: Any) -> list[Any]:
            asked.append(host)
            # Re-pointed at the second look, and never right alone.
            found = ["10.0.0.1", "127.0.0.1"] if len(asked) == 1 else ["10.0.0.1", "::1"]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

        rules = AddressRules(rules_for(f"http://127.0.0.1:{there}/", ("127.0.0.1",)).private)
        guard = Guard(rules, "http://river-forum.org/", timeout_s=2)
        port = await guard.start()
        connect = asyncio.open_connection
        reached: list[str] = []

        async def connected(host: str, port: int, **more: Any) -> Any:
            reached.append(host)
            return await connect(host, port, **more)

        with guard.reading("http://river-forum.org/"):
            url = f"http://www.river-forum.org:{there}/"
            monkeypatch.setattr(loop, "getaddrinfo", resolve)
            monkeypatch.setattr("crawlers.pages.guard.asyncio.open_connection", connected)
            got = []
            for _ in range(2):
                reader, writer = await connect("127.0.0.1", port)
                word = base64.b64encode(f"guard:{guard.password}".encode()).decode()
                writer.write(
                    f"GET {url} HTTP/1.1\r\nProxy-Authorization: Basic {word}\r\n\r\n".encode()
                )
                got.append(await reader.read())
                writer.close()
        assert got[0].endswith(b"hello")
        assert got[1].startswith(b"HTTP/1.1 403 ")
        assert asked == ["www.river-forum.org"] * 2
        assert reached == ["127.0.0.1"]
        assert guard.faults == {f"www.river-forum.org:{there}": Refusal.ADDRESS}
        await guard.close()
        server.close()

    asyncio.run(go())


def test_what_a_page_loads_is_limited_also_in_the_middle_of_an_answer() -> None:
    async def go() -> None:
        large = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000
        origin = Origin(large)
        async with running(origin, max_page_bytes=50_000) as (guard, port):
            url = f"http://127.0.0.1:{origin.port}/"
            got = await ask(port, get(url), guard.password)
            assert len(got) < len(large)
            assert guard.is_spent
            assert guard.refused == {Refusal.TOO_MUCH: 1}
            with guard.reading(url):
                assert not guard.is_spent

    asyncio.run(go())


def test_a_site_that_says_nothing_is_not_waited_for_for_ever() -> None:
    async def go() -> None:
        async with running(Origin(b""), timeout_s=0.3) as (guard, port):
            origin_port = guard._rules.private[0][1]
            url = f"http://127.0.0.1:{origin_port}/"
            assert await ask(port, get(url), guard.password) == b""

    asyncio.run(go())


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("a.forum.co.uk", "forum.co.uk"),
        ("WWW.River-Forum.org.", "river-forum.org"),
        ("one.github.io", "one.github.io"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("localhost", "localhost"),
    ],
)
def test_a_site_is_what_one_owner_registered(host: str, site: str) -> None:
    assert site_of(host) == site


def test_what_is_below_the_site_and_what_was_listed_passes() -> None:
    async def go() -> None:
        async with running(Origin(), also_from=("cdn.example.net",)) as (guard, _):
            guard._home = "river-forum.org"
            word = base64.b64encode(f"guard:{guard.password}".encode())

            def check(host: bytes) -> None:
                head = b"CONNECT %s:443 HTTP/1.1\r\nProxy-Authorization: Basic %s\r\n\r\n"
                guard._checked(head % (host, word))

            for host in (b"api.river-forum.org", b"cdn.example.net", b"eu.cdn.example.net"):
                check(host)
            for host in (b"example.net", b"notcdn.example.net", b"river-forum.org.evil.test"):
                with pytest.raises(Exception, match="of another site"):
                    check(host)

    asyncio.run(go())
