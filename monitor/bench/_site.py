"""A forum of made pages in a process of its own: `python -m monitor.bench._site THREADS`.

It tells its port on standard output, and ends when standard input closes. Nothing but sending what
was made costs it time, so that it is never what is measured.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

BOARDS: Final = 8
_ON_A_LIST = 25
ON_A_PAGE = 10
_HEAD = (
    "<!DOCTYPE html><html><head><meta charset=utf-8><title>Board</title>"
    "<link rel=stylesheet href='./styles/prosilver/theme/stylesheet.css'></head>"
    "<body id='phpbb' class='nojs notouch section-{section} ltr'><div id=wrap><ul class=linklist>"
    "<li><a href='./index.php'>Home</a></li><li><a href='./ucp.php?mode=login'>Login</a></li></ul>"
)
_FOOT = "<div class=copyright>Powered by <a href='https://www.phpbb.com/'>phpBB</a></div></body>"
_TEXT = (
    "오늘 아침 하천 산책로에서 본 풍경입니다. 물이 맑고 새가 많았습니다. The light was soft at the "
    "old pier, and {id} gulls were on the rail when the first ferry came in from the islands."
)


def pages(threads: int) -> dict[str, str]:
    """Make the pages of a forum, by their addresses.

    Args:
        threads: In all; each is one page of ten posts, and 25 are on a page of a list.
    """
    rows = "".join(
        f"<li class=row><dl><dt><a href='./viewforum.php?f={board}' class=forumtitle>Board {board}"
        "</a></dt></dl></li>"
        for board in range(1, BOARDS + 1)
    )
    made = {"/": _page("index", f"<ul class='topiclist forums'>{rows}</ul>")}
    each = threads // BOARDS
    for board in range(1, BOARDS + 1):
        ids = range((board - 1) * each + 1, board * each + 1)
        for start in range(0, each, _ON_A_LIST):
            shown = "".join(_row(id_) for id_ in ids[start : start + _ON_A_LIST])
            offset = start + _ON_A_LIST
            following = f"<a href='./viewforum.php?f={board}&amp;start={offset}' rel=next>Next</a>"
            pager = f"<div class=pagination>{following if offset < each else ''}</div>"
            body = f"<ul class='topiclist topics'>{shown}</ul>{pager}"
            address = f"/viewforum.php?f={board}" + (f"&start={start}" if start else "")
            made[address] = _page("viewforum", body)
        made |= {f"/viewtopic.php?t={id_}": _thread(id_) for id_ in ids}
    return made


def _page(section: str, body: str) -> str:
    return _HEAD.format(section=section) + body + _FOOT


def _row(id_: int) -> str:
    return (
        f"<li class='row bg1'><dl><dt><a href='./viewtopic.php?t={id_}' class=topictitle>Thread "
        f"{id_}</a></dt><dd class=posts>{ON_A_PAGE - 1}</dd><dd class=lastpost>"
        f"<time datetime='2026-03-01T10:{id_ % 60:02}:00+00:00'>x</time></dd></dl></li>"
    )


def _thread(id_: int) -> str:
    posts = "".join(
        f"<div id=p{post} class='post has-profile bg2'><div class=inner><dl class=postprofile>"
        f"<dt><a class=avatar href='./memberlist.php?u=7'><img src='./file.php?avatar=7.jpg'></a>"
        f"<a class=username href='./memberlist.php?u=7'>gull</a></dt></dl><div class=postbody>"
        f"<p class=author>by <strong><a class=username href='./memberlist.php?u=7'>gull</a>"
        f"</strong> » <time datetime='2026-03-01T10:00:00+00:00'>x</time></p>"
        f"<div class=content>{_TEXT.format(id=post)}<br><a href='https://a.example/{post}'>link</a>"
        f"</div><div id=sig{post} class=signature>Feed the gulls</div></div></div></div>"
        for post in range(id_ * 100, id_ * 100 + ON_A_PAGE)
    )
    title = f"<h2 class=topic-title><a href='./viewtopic.php?t={id_}'>Thread {id_}</a></h2>"
    return _page("viewtopic", title + posts)


def _answers(made: dict[str, str]) -> dict[bytes, bytes]:
    answers = {}
    for address, page in made.items():
        body = page.encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: "
        answers[address.encode()] = f"{head}{len(body)}\r\n\r\n".encode() + body
    return answers


class _Server(asyncio.Protocol):
    """Answers requests over connections that stay open."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self._way = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._heard += data
        while (end := self._heard.find(b"\r\n\r\n")) >= 0:
            target = self._heard.split(b" ", 2)[1]
            self._heard = self._heard[end + 4 :]
            missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
            if isinstance(self._way, asyncio.WriteTransport):
                self._way.write(self._answers.get(target, missing))


async def _serve(threads: int) -> None:
    loop = asyncio.get_running_loop()
    answers = _answers(pages(threads))
    server = await loop.create_server(lambda: _Server(answers), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
