import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from monitor.cli.demo.site import Reply, Request, Site, drop, endless, in_parts, redirect, slow


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        site.route("/", lambda request: Reply(request.path.encode()))
        yield site


def ask(
    site: Site, target: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
    try:
        headers = {"User-Agent": "tester/1", "Cookie": "a=1; b=2", **headers}
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_the_longest_prefix_answers(site: Site) -> None:
    site.route("/a/", lambda _: Reply(b"short"))
    site.route("/a/b", lambda _: Reply(b"long", mime="text/plain"))
    assert ask(site, "/a/bc")[1] == b"long"
    assert ask(site, "/a/c")[1] == b"short"
    assert ask(site, "/x")[1] == b"/x"
    assert ask(site, "/a/b")[0].headers["Content-Type"] == "text/plain"


def test_a_path_without_a_route_is_not_found() -> None:
    with Site() as site:
        assert ask(site, "/nowhere")[0].status == 404


def test_requests_are_recorded_with_who_asked_and_when(site: Site) -> None:
    ask(site, "/%EC%82%AC?q=1&q=2&empty=")
    ask(site, "/b", "POST", b"x=1")
    first, second = site.requests
    assert (first.method, first.path, first.target) == ("GET", "/사", "/%EC%82%AC?q=1&q=2&empty=")
    assert first.query == {"q": "2", "empty": ""}
    assert first.user_agent == "tester/1"
    assert first.cookies == {"a": "1", "b": "2"}
    assert first.at <= second.at
    assert second.method == "POST"
    assert site.asked("/b") == [second]


def test_robots_are_served_and_can_be_changed_or_taken_away(site: Site) -> None:
    assert ask(site, "/robots.txt")[1] == b"User-agent: *\nDisallow:\n"
    site.robots = "User-agent: *\nDisallow: /\n"
    assert ask(site, "/robots.txt")[1].endswith(b"Disallow: /\n")
    site.robots = None
    assert ask(site, "/robots.txt")[0].status == 404


@pytest.mark.parametrize(
    ("asked", "status", "body", "said"),
    [
        ("bytes=0-2", 206, b"012", "bytes 0-2/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("", 200, b"0123456789", None),
    ],
)
def test_a_file_is_given_in_parts(
    site: Site, asked: str, status: int, body: bytes, said: str | None
) -> None:
    site.route("/file", lambda request: in_parts(request, b"0123456789", "video/mp4"))
    response, given = ask(site, "/file", Range=asked)
    assert (response.status, given) == (status, body)
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Range"] == said


def test_failures_come_as_often_as_asked_and_only_below_their_prefix(site: Site) -> None:
    site.fail_next("/a", 429, times=2, retry_after="7")
    assert ask(site, "/b")[0].status == 200
    assert [ask(site, "/a")[0].status for _ in range(3)] == [429, 429, 200]
    site.fail_next("/a", 500, retry_after="7")
    assert ask(site, "/a")[0].headers["Retry-After"] == "7"


def test_faults_for_one_path_are_used_up_in_the_order_they_were_set(site: Site) -> None:
    site.fail_next("/", 500)
    site.answer_next("/a", lambda: redirect("/elsewhere"))
    assert ask(site, "/a")[0].status == 500
    response, _ = ask(site, "/a")
    assert (response.status, response.headers["Location"]) == (302, "/elsewhere")


def test_a_dropped_connection_gives_no_answer(site: Site) -> None:
    site.answer_next("/", drop)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(site, "/")
    assert ask(site, "/")[0].status == 200


def test_a_slow_body_arrives_whole_in_the_end(site: Site) -> None:
    site.answer_next("/", lambda: slow(b"abc", pause_s=0.01))
    assert ask(site, "/")[1] == b"abc"


def test_an_endless_body_goes_on_until_the_client_leaves(site: Site) -> None:
    site.answer_next("/", endless)
    with socket.create_connection(("127.0.0.1", site.port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        got = 0
        while got < 1_000_000:
            got += len(client.recv(65536))
    assert site.errors == []


def test_a_delay_holds_answers_back_until_it_is_lifted(site: Site) -> None:
    site.delay("/a", 0.1)
    began = time.monotonic()
    ask(site, "/a")
    assert time.monotonic() - began >= 0.1
    site.delay("/a", 0)
    assert ask(site, "/a")[0].status == 200


def test_an_error_in_a_route_is_kept_and_answered_with_500(site: Site) -> None:
    def broken(_: Request) -> Reply:
        raise KeyError("lost")

    site.route("/broken", broken)
    assert ask(site, "/broken")[0].status == 500
    assert [type(error) for error in site.errors] == [KeyError]


def test_a_head_request_gets_no_body(site: Site) -> None:
    response, body = ask(site, "/abc", "HEAD")
    assert (response.headers["Content-Length"], body) == ("4", b"")


def test_one_connection_serves_several_requests(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
    connection.request("GET", "/1")
    connection.getresponse().read()
    kept = connection.sock
    connection.request("GET", "/2")
    assert connection.getresponse().read() == b"/2"
    assert connection.sock is kept
    connection.close()


def test_twenty_starts_and_stops_leave_no_thread_and_no_open_port() -> None:
    before = threading.active_count()
    for _ in range(20):
        with Site() as site:
            site.route("/", lambda _: Reply(b"ok"))
            assert ask(site, "/")[1] == b"ok"
            port = site.port
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    assert threading.active_count() == before


def test_stopping_does_not_wait_for_clients_that_idle_hang_or_drip() -> None:
    clients = []
    began = time.monotonic()
    with Site() as site:
        site.route("/endless", lambda _: endless())
        site.route("/slow", lambda _: slow(b"x" * 1000, pause_s=60))
        site.delay("/late", 60)
        for line in ("", "GET /endless", "GET /slow", "GET /late", "GET /half-a-li"):
            client = socket.create_connection(("127.0.0.1", site.port), timeout=5)
            ending = b" HTTP/1.1\r\n\r\n" if line and "half" not in line else b""
            client.sendall(line.encode() + ending)
            clients.append(client)
        while len(site.requests) < 3:
            time.sleep(0.005)
    assert time.monotonic() - began < 5
    for client in clients:
        client.close()


def test_a_site_that_is_started_again_keeps_its_port_and_what_it_recorded(site: Site) -> None:
    ask(site, "/before")
    port = site.port
    site.stop()
    site.stop()
    site.start()
    assert site.port == port
    assert ask(site, "/after")[1] == b"/after"
    assert [request.path for request in site.requests] == ["/before", "/after"]
