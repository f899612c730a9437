"""What a hostile forum can't make a crawl do: each attempt is one line, and the rest is read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitor.alerts import outbox as mail
from monitor.cli.demo.site import Reply, Request, endless, redirect
from monitor.models.run import Outcome, Run
from monitor.models.source import SourceState
from monitor.store import sources
from schedules import runner
from tests.integration.listener import Listener
from tests.integration.world import Home, World, configuration, empty_world, new_home

BOARDS = "<body id=phpbb class='nojs section-index'><ul class='topiclist forums'>{rows}</ul>"
BOARD = "<body id=phpbb class='nojs section-viewforum'><ul class='topiclist topics'>{rows}</ul>"
FORUM_ROW = "<li class=row><a class=forumtitle href='viewforum.php?f={id}'>B{id}</a></li>"
ROW = (
    "<li class=row><dl><dt><a class=topictitle href='{href}'>T</a></dt><dd class=posts>1</dd>"
    "<dd class=lastpost><time datetime='2026-03-01T10:00:00+00:00'></time></dd></dl></li>"
)
THREAD = (
    "<body id=phpbb class='nojs section-viewtopic'><h2 class=topic-title>"
    "<a href='viewtopic.php?t={id}'>T{id}</a></h2>"
    "<div class=post id=p{post}><div class=postbody><p class=author>"
    "<a class=username>gull</a></p><div class=content>{text}</div></div></div>{more}"
)
MARK = "<link href='./styles/prosilver/x.css'><div class=copyright>Powered by phpBB</div>"


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as made:
        yield made


@pytest.fixture
def home(world: World, tmp_path: Path) -> Iterator[Home]:
    extra = {
        "network": {"timeout_s": 2, "max_page_bytes": 300_000},
        "crawl": {"max_pages": 60, "depth": 30},
    }
    with new_home(tmp_path / "home", configuration(world), extra) as made:
        yield made


class Evil:
    """A forum at /evil/ with one board, whose threads answer as a test says."""

    def __init__(self, world: World) -> None:
        self.site = world.site
        self.threads: dict[int, Callable[[Request], Reply]] = {}
        self.boards: Callable[[], str] = lambda: FORUM_ROW.format(id=1)
        self.hrefs: list[str] = []
        self.board: Callable[[Request], Reply] = self._board
        self.site.route("/evil/", lambda _: page(BOARDS.format(rows=self.boards())))
        self.site.route("/evil/viewforum.php", lambda request: self.board(request))
        self.site.route("/evil/viewtopic.php", self._thread)

    @property
    def address(self) -> str:
        return f"{self.site.url}/evil/"

    def good(self, *ids: int) -> None:
        for id_ in ids:
            self.threads[id_] = lambda _, id_=id_: thread(id_)

    def _board(self, _: Request) -> Reply:
        hrefs = [*self.hrefs, *(f"viewtopic.php?t={id_}" for id_ in self.threads)]
        return page(BOARD.format(rows="".join(ROW.format(href=href) for href in hrefs)))

    def _thread(self, request: Request) -> Reply:
        return self.threads[int(request.query["t"])](request)


def page(html: str, **more: object) -> Reply:
    return Reply((MARK + html).encode(), **more)  # type: ignore[arg-type]


def thread(id_: int, more: str = "", post: int = 0, text: str = "text") -> Reply:
    return page(THREAD.format(id=id_, post=post or id_, text=text, more=more))


@pytest.fixture
def evil(world: World) -> Evil:
    return Evil(world)


def crawl(home: Home, address: str) -> Run:
    return runner.crawl(home.watch(address), home.store, home.settings)


def texts(home: Home) -> dict[str, str]:
    return {str(id_): str(text) for id_, text in home.rows("SELECT native_id, text FROM posts")}


def test_a_thread_without_an_end_gets_a_part_of_each_crawl(home: Home, evil: Evil) -> None:
    def more(request: Request) -> Reply:
        start = int(request.query.get("start", "0"))
        pages = f"<div class=pagination><a href='viewtopic.php?t=1&start={start + 1}'>n</a></div>"
        return thread(1, pages, 1_000 + start)

    evil.threads[1] = more
    evil.good(2, 3)
    run = crawl(home, evil.address)
    assert run.outcome is Outcome.OK
    assert {"2", "3"} <= set(texts(home))
    assert run.counts.pages < 60
    assert run.note == "A thread has very many pages: the next crawl goes on."
    shown = json.loads(home.haechi("sources", "show", evil.address, "--json").stdout)
    assert shown["runs"][0]["note"] == run.note


def test_boards_that_lead_to_ever_more_boards_end_with_the_budget(home: Home, evil: Evil) -> None:
    def farm(request: Request) -> Reply:
        first = int(request.query["f"]) * 3
        rows = "".join(FORUM_ROW.format(id=id_) for id_ in range(first, first + 3))
        threads = ROW.format(href="viewtopic.php?t=1")
        return page(BOARD.format(rows=threads) + f"<ul class='topiclist forums'>{rows}</ul>")

    evil.good(1)
    evil.board = farm
    run = crawl(home, evil.address)
    assert run.outcome is Outcome.OK
    assert run.note == "60 pages were read (crawl.max_pages): the next crawl goes on."
    assert run.counts.requests <= 62


def test_a_calendar_of_pages_ends_with_the_depth(home: Home, evil: Evil) -> None:
    def calendar(request: Request) -> Reply:
        start = int(request.query.get("start", "0"))
        row = ROW.format(href="viewtopic.php?t=1")
        following = f"<a href='viewforum.php?f=1&start={start + 1}'>n</a>"
        return page(BOARD.format(rows=row) + f"<div class=pagination>{following}</div>")

    evil.good(1)
    evil.board = calendar
    run = crawl(home, evil.address)
    assert run.outcome is Outcome.OK
    assert run.note == "A board goes back further than 30 pages (crawl.depth)."
    assert len(evil.site.asked("/evil/viewforum.php")) <= 31


def test_pages_that_are_too_large_or_lead_away_are_one_line_each(home: Home, evil: Evil) -> None:
    bomb = gzip.compress(b"<p>" + b"\0" * 50_000_000)
    with Listener("127.0.0.2") as listener:
        away = f"http://127.0.0.2:{listener.port}"
        evil.good(1)
        evil.threads[2] = lambda _: endless(b"<p>" * 20_000, mime="text/html")
        evil.good(3)
        evil.threads[4] = lambda _: Reply(bomb, headers=(("Content-Encoding", "gzip"),))
        evil.good(5)
        evil.threads[6] = lambda _: redirect(f"{away}/secret")
        evil.threads[7] = lambda _: redirect("file:///etc/passwd")
        evil.good(8)
        evil.hrefs = [f"{away}/viewtopic.php?t=9", "file:///etc/passwd", "viewtopic.php?t=8"]
        run = crawl(home, evil.address)
        assert listener.hits == 0
    assert run.outcome is Outcome.OK
    assert set(texts(home)) == {"1", "3", "5", "8"}
    assert "Thread 2: not fetched: larger than the limit" in run.note
    assert "Thread 4: not fetched: larger than the limit" in run.note
    assert f"127.0.0.2:{listener.port} is not a permitted address" in run.note


def test_a_base_inside_the_network_leads_nowhere(home: Home, evil: Evil) -> None:
    with Listener("127.0.0.2") as listener:
        base = f"<base href='http://127.0.0.2:{listener.port}/'>"
        evil.good(1)
        evil.boards = lambda: base + FORUM_ROW.format(id=1)
        run = crawl(home, evil.address)
        assert listener.hits == 0
    assert run.outcome is Outcome.CHANGED
    assert "no boards" in run.error
    shape = (home.folder / "shapes" / f"{run.source_id}.txt").read_text()
    assert "ul.topiclist.forums" in shape
    assert "127.0.0.2" not in shape.partition("\n\n")[2]


@pytest.mark.parametrize(
    ("text", "real", "told"),
    [
        ("오늘 아침 사진입니다", "euc-kr", "utf-8"),
        ("오늘 아침 사진입니다", "utf-8", "euc-kr"),
        ("今日の朝の写真です", "shift-jis", "utf-8"),
        ("오늘 아침 사진입니다", "euc-kr", "no-such-encoding"),
    ],
)
def test_a_page_in_another_encoding_than_it_says_is_read(
    home: Home, evil: Evil, text: str, real: str, told: str
) -> None:
    html = MARK + THREAD.format(id=1, post=1, text=text, more="")
    mime = f"text/html; charset={told}"
    evil.threads[1] = lambda _: Reply(html.encode(real), mime=mime)
    run = crawl(home, evil.address)
    assert run.outcome is Outcome.OK
    assert texts(home) == {"1": text}


def test_a_board_that_is_closed_is_said_and_not_stored(home: Home, evil: Evil) -> None:
    evil.good(1)
    evil.boards = lambda: FORUM_ROW.format(id=1) + FORUM_ROW.format(id=2)
    inner = evil.board

    def board(request: Request) -> Reply:
        login = "<form id=login action=ucp.php?mode=login><input type=password></form>"
        return inner(request) if request.query["f"] == "1" else page(login)

    evil.board = board
    run = crawl(home, evil.address)
    assert run.outcome is Outcome.OK
    assert run.note == "1 board: The forum does not show this page to guests."
    assert home.source(evil.address).state is SourceState.OK
    assert set(texts(home)) == {"1"}


def test_a_forum_that_changes_is_told_once_and_again_when_it_is_read(
    home: Home, evil: Evil, world: World
) -> None:
    evil.good(1)
    run = crawl(home, evil.address)
    assert run.outcome is Outcome.OK
    boards = "SELECT key, value FROM checkpoints WHERE key LIKE 'board:%'"
    before = home.rows(boards)
    listed = evil.board
    evil.board = lambda _: page("<body id=phpbb class=section-viewforum><div class=new>x</div>")
    for _ in range(2):
        assert crawl(home, evil.address).outcome is Outcome.CHANGED
        mail.drain(home.store, home.settings)
    assert home.rows(boards) == before
    [told] = world.mailbox.mails
    text = str(told.message.get_payload(decode=True), "utf-8")
    assert told.message["Subject"].startswith("[Haechi] a source has changed")
    assert f"haechi sources show {run.source_id}" in text
    assert f"shapes/{run.source_id}" in text
    assert "http://" not in text
    with home.store.write() as db:
        sources.failed(db, run.source_id, SourceState.FAILING, "away in between")
    evil.board = listed
    assert crawl(home, evil.address).outcome is Outcome.OK
    mail.drain(home.store, home.settings)
    assert "is read again" in world.mailbox.mails[1].message["Subject"]
    assert len(world.mailbox.mails) == 2
    assert set(texts(home)) == {"1"}
