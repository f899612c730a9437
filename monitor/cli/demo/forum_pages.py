"""The pages of the demo forum, in the shape of phpBB's prosilver style."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import TypeVar
from urllib.parse import quote as percent

from markupsafe import Markup, escape
from PIL import Image

from monitor.cli.demo.forum import File, Forum, Rank, Show, Thread
from monitor.cli.demo.pages import PAGES
from monitor.cli.demo.pictures import Encoded
from monitor.cli.demo.site import Reply, Request, Site

Item = TypeVar("Item")

COOKIE = "phpbb3_demo_sid"
# Pages that a crawler has no business on: replies, logins, searches, profiles, reports.
TRAPS = ("posting.php", "ucp.php", "memberlist.php", "search.php", "mcp.php", "app.php/post/")
TRAP_PARAMETERS = ("view", "mark", "hash")
_CATEGORY = 1
_DENIED = "You are not authorised to download this attachment."
_LINK = re.compile(r"https?://[^\s<>\"]{1,500}")
_SMILEY = Markup(
    '<img class="smilies" src="./images/smilies/icon_e_smile.gif" width="15" height="17"'
    ' alt=":)" title="Smile">'
)


def serve(forum: Forum, site: Site, at: str = "/forum/") -> None:
    """Serve a forum on a site, below a path that ends with a slash."""
    forum.home = lambda: f"{site.url}{at}"
    answers = _Pages(forum).answers()
    site.route(
        at, lambda request: answers["index.php"](request) if request.path == at else _missing()
    )
    for path, answer in answers.items():
        site.route(at + path, answer)


class _Pages:
    """Answers requests from the forum as it is at that moment."""

    def __init__(self, forum: Forum) -> None:
        self._forum = forum
        self._sessions = count(1)

    def answers(self) -> dict[str, Callable[[Request], Reply]]:
        """What is served under which path, relative to the forum's own."""
        return {
            "index.php": self._index,
            "viewforum.php": self._board,
            "viewtopic.php": self._thread,
            "download/file.php": self._file,
            "gallery/": self._gallery,
            "images/smilies/": lambda _: Reply(_GIF, mime="image/gif"),
            **dict.fromkeys(TRAPS, lambda request: self._page(request, "login")),
        }

    def _index(self, request: Request) -> Reply:
        rows = []
        for board in list(self._forum.boards.values()):
            threads = [t for t in self._forum.threads if t.board_id == board.id]
            posts = [thread.posts[-1] for thread in threads]
            rows.append((board, threads, max(posts, key=lambda p: p.posted, default=None)))
        return self._page(request, "index", {"rows": rows})

    def _board(self, request: Request) -> Reply:
        number = _number(request, "f")
        if number == _CATEGORY:
            return self._index(request)
        if number not in self._forum.boards:
            return self._lost(request, "The forum you selected does not exist.")
        board = self._forum.boards[number]
        if board.login_only:
            return self._page(request, "login", {"board": board})
        threads = sorted(
            self._forum.threads, key=lambda t: (t.rank, t.posts[-1].posted), reverse=True
        )
        mine = [t for t in threads if t.board_id == number and t.rank is not Rank.GLOBAL]
        return self._page(
            request,
            "board",
            {
                "board": board,
                "announcements": [t for t in threads if t.rank is Rank.GLOBAL],
                **_part("threads", mine, self._forum.topics_per_page, _number(request, "start")),
            },
        )

    def _thread(self, request: Request) -> Reply:
        thread = self._find(lambda t: t.id == _number(request, "t"))
        start = _number(request, "start")
        if wanted := _number(request, "p"):
            thread = self._find(lambda t: any(post.id == wanted for post in t.posts))
            start = [p.id for p in thread.posts].index(wanted) if thread else 0
        if thread is None:
            return self._lost(request, "The requested topic does not exist.")
        board = self._forum.boards[thread.board_id]
        if board.login_only:
            return self._page(request, "login", {"board": board})
        part = _part("posts", thread.posts, self._forum.posts_per_page, start)
        return self._page(request, "thread", {"board": board, "thread": thread, **part})

    def _file(self, request: Request) -> Reply:
        if avatar := request.query.get("avatar"):
            head = avatar.partition("_")[0]
            member = self._forum.members.get(int(head)) if head.isdecimal() else None
            return _sent(member.avatar, "avatar.jpg") if member and member.avatar else _missing()
        file = self._forum.files.get(_number(request, "id"))
        if file is None or file.show is Show.LINKED:
            return self._lost(request, "The selected attachment does not exist anymore.")
        if self._is_hidden(file):
            return self._page(request, "message", {"message": _DENIED}, 403)
        content = _thumbnail(file.content) if request.query.get("t") == "1" else file.content
        return _sent(content, file.name)

    def _gallery(self, request: Request) -> Reply:
        name = request.path.rpartition("/")[2].partition(".")[0]
        file = self._forum.files.get(int(name)) if name.isdecimal() else None
        return _sent(file.content, file.name) if file and file.show is Show.LINKED else _missing()

    def _find(self, is_wanted: Callable[[Thread], bool]) -> Thread | None:
        return next((thread for thread in self._forum.threads if is_wanted(thread)), None)

    def _is_hidden(self, file: File) -> bool:
        for thread in self._forum.threads:
            if any(file in post.files for post in thread.posts):
                return self._forum.boards[thread.board_id].login_only
        return False

    def _lost(self, request: Request, message: str) -> Reply:
        return self._page(request, "message", {"message": message}, 404)

    def _page(
        self,
        request: Request,
        name: str,
        values: Mapping[str, object] | None = None,
        status: int = 200,
    ) -> Reply:
        sid = request.cookies.get(COOKIE, "")
        headers: tuple[tuple[str, str], ...] = ()
        if not sid:
            sid = request.query.get("sid", "") or _new_sid(next(self._sessions))
            headers = (("Set-Cookie", f"{COOKIE}={sid}; path=/; HttpOnly"),)

        def address(path: str) -> str:
            """Relative, and with the session in it until the client shows its cookie."""
            joined = f"{path}{'&' if '?' in path else '?'}sid={sid}" if headers else path
            return f"./{joined}"

        html = PAGES.get_template(f"forum_{name}.html").render(
            {
                "board": None,
                "heading": "Demo",
                "section": request.path.rpartition("/")[2].removesuffix(".php") or "index",
                "canonical": f"{self._forum.url}{_canonical(request)}",
                "forum": self._forum,
                "u": address,
                "rich": rich,
                "linked": lambda file: f"{self._forum.url}gallery/{file.id}{file.content.suffix}",
                **(values or {}),
            }
        )
        return Reply(html.encode(), status, headers=headers)


def rich(text: str) -> Markup:
    """Turn plain text into a post's HTML: links, smilies, line breaks."""
    html = Markup("")
    at = 0
    for link in _LINK.finditer(text):
        html += escape(text[at : link.start()])
        html += Markup('<a href="{0}" class="postlink">{0}</a>').format(link.group())
        at = link.end()
    html += escape(text[at:])
    return html.replace(":)", _SMILEY).replace("\n", Markup("<br />\n"))


def _canonical(request: Request) -> str:
    kept = [f"{key}={_number(request, key)}" for key in "ftp" if _number(request, key)]
    script = request.path.rpartition("/")[2]
    return f"{script}?{'&'.join(kept)}" if kept else script


def _new_sid(number: int) -> str:
    return hashlib.sha256(f"session {number}".encode()).hexdigest()[:32]


def _number(request: Request, name: str) -> int:
    value = request.query.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 10 else 0


def _part(name: str, items: Sequence[Item], size: int, start: int) -> dict[str, object]:
    """The page of a list that holds position `start`, and what a pager needs to know."""
    number = max(1, -(-len(items) // size))
    current = min(start // size, number - 1)
    shown = items[current * size : (current + 1) * size]
    return {name: shown, "pages": number, "current": current, "size": size, "items": len(items)}


def _thumbnail(content: Encoded) -> Encoded:
    with Image.open(io.BytesIO(content.data)) as picture:
        small = picture.convert("RGB")
    small.thumbnail((200, 200))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=75)
    return Encoded(buffer.getvalue(), ".jpg")


def _sent(content: Encoded, name: str) -> Reply:
    disposition = f"inline; filename*=UTF-8''{percent(name)}"
    return Reply(content.data, mime=content.mime, headers=(("Content-Disposition", disposition),))


def _missing() -> Reply:
    return Reply(b"<h1>Not Found</h1>", 404)


_GIF = bytes.fromhex(
    "47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b"
)
