"""Forums whose pages are had as data: it is read in place of them, and they where there is none."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from crawlers.engines import ENGINES
from crawlers.walks.fetch import FetchedPage
from crawlers.walks.forum import walk
from crawlers.walks.reading import Limits
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.source import SourceState

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines"
ROOT = "https://forum.example/"


@dataclass
class Server:
    """Answers by path; what is not there is 404."""

    requests: list[str] = field(default_factory=list)
    has_data: bool = True

    async def __call__(self, url: str, _: object = None) -> FetchedPage:
        self.requests.append(url)
        text = self.answer(urlsplit(url).path, parse_qs(urlsplit(url).query))
        return FetchedPage(url, 404 if text is None else 200, text or "", url)

    def answer(self, path: str, query: dict[str, list[str]]) -> str | None:
        raise NotImplementedError

    def taken(self) -> list[str]:
        taken, self.requests = self.requests, []
        return [one.removeprefix(ROOT) for one in taken]


class Imageboard(Server):
    """Two threads on one board, as pages, and as data where it is given."""

    texts = {31: ["first", "second"], 28: ["third"]}  # noqa: RUF012 - tests add to copies

    def answer(self, path: str, query: dict[str, list[str]]) -> str | None:
        name = path.rpartition("/")[2]
        if path.endswith(".json"):
            return json.dumps(self._data(name)) if self.has_data else None
        if path == "/":
            return (FIXTURES / "vichan" / "index.html").read_text(encoding="utf-8")
        if "/res/" in path:
            return self._thread(int(name.removesuffix(".html")))
        rows = "".join(self._thread(id_) for id_ in self.texts)
        return f"<script>active_page='index'</script><form name=postcontrols>{rows}</form>"

    def _data(self, name: str) -> Any:
        if name == "catalog.json":
            shown = [{"no": id_, "last_modified": 9, "time": 8} for id_ in self.texts]
            return [{"page": 0, "threads": shown}]
        first = int(name.removesuffix(".json"))
        texts = self.texts[first]
        return {"posts": [{"no": first + at, "com": text} for at, text in enumerate(texts)]}

    def _thread(self, first: int) -> str:
        link = f"<a class=post_no href='/pier/res/{first}.html#{first}'>{first}</a>"
        posts = "".join(
            f"<div class='post {kind}' id={kind}_{first + at}><p class=intro>{link}</p>"
            f"<div class=body>{text}</div></div>"
            for at, text in enumerate(self.texts[first])
            for kind in ["reply" if at else "op"]
        )
        return f"<div class=thread id=thread_{first}>{posts}</div>"


def test_a_board_without_data_is_read_by_its_pages_from_then_on(archive: Any) -> None:
    server = Imageboard(has_data=False)
    engine = ENGINES["vichan"]
    limits = Limits(9, 99)
    archive.take(walk(ROOT, engine, archive.checkpoint, server, limits, boards=("pier",)))
    assert {post.text for post in archive.posts.values()} == {"first", "second", "third"}
    assert "pier/catalog.json" in server.taken()
    archive.take(walk(ROOT, engine, archive.checkpoint, server, limits, boards=("pier",)))
    assert "pier/catalog.json" not in server.taken()


def test_a_board_is_read_by_its_data_where_there_is_some(archive: Any) -> None:
    server = Imageboard()
    limits = Limits(9, 99)
    given = walk(ROOT, ENGINES["vichan"], archive.checkpoint, server, limits, boards=("pier",))
    archive.take(given)
    assert set(archive.posts) == {"pier.31", "pier.32", "pier.28"}
    assert all(one.endswith(".json") for one in server.taken()[1:])


@pytest.mark.parametrize("state", [SourceState.RESTRICTED, SourceState.FAILING])
def test_data_that_can_t_be_asked_for_ends_no_crawl(archive: Any, state: SourceState) -> None:
    class Guarded(Imageboard):
        async def __call__(self, url: str, _: object = None) -> FetchedPage:
            if url.endswith("pier/catalog.json"):
                raise SourceUnavailable("not fetched", url=url, state=state)
            return await super().__call__(url)

    server, limits = Guarded(), Limits(9, 99)
    boards = walk(ROOT, ENGINES["vichan"], archive.checkpoint, server, limits)
    with suppress(SourceUnavailable):
        archive.take(boards)
    asked = server.taken()
    assert ("pier/" in asked) is (state is SourceState.RESTRICTED)
    # The boards after it are read all the same.
    assert any("catalog.json" in one for one in asked)


class Flarum(Server):
    """Three discussions under two tags."""

    def answer(self, path: str, query: dict[str, list[str]]) -> str | None:
        if path == "/":
            payload = {"resources": [{"type": "tags", "id": "1", "attributes": {}}]}
            return (
                "<html><body><div id=app class=App></div><div id=flarum-loading></div>"
                "<script src='/assets/forum-1.js'></script><script id=flarum-json-payload "
                f"type=application/json>{json.dumps(payload)}</script>"
            )
        if path == "/api/tags":
            return (FIXTURES / "flarum" / "tags.json").read_text(encoding="utf-8")
        if path == "/api/discussions":
            rows = [self._discussion(id_) for id_ in (3, 2, 1)]
            return json.dumps({"links": {}, "data": rows})
        if path == "/api/posts":
            [id_] = query["filter[discussion]"]
            return json.dumps({"links": {}, "data": [self._post(int(id_))]})
        return None

    def _discussion(self, id_: int) -> Any:
        attributes = {"title": f"T{id_}", "commentCount": 1, "lastPostedAt": "2026-03-01T10:00:00Z"}
        return {"type": "discussions", "id": str(id_), "attributes": attributes}

    def _post(self, id_: int) -> Any:
        about = {"number": 1, "contentType": "comment", "contentHtml": f"<p>text {id_}</p>"}
        link = {"discussion": {"data": {"type": "discussions", "id": str(id_)}}}
        return {"type": "posts", "id": str(id_), "attributes": about, "relationships": link}


def test_all_boards_are_read_by_the_one_list_of_their_threads(archive: Any) -> None:
    server, limits = Flarum(), Limits(9, 99)
    archive.take(walk(ROOT, ENGINES["flarum"], archive.checkpoint, server, limits))
    assert {post.text for post in archive.posts.values()} == {"text 1", "text 2", "text 3"}
    assert archive.checkpoint["boards"]
    server.taken()
    assert archive.take(walk(ROOT, ENGINES["flarum"], archive.checkpoint, server, limits)) == 0
    # The page itself is not asked for any more, only what stands for it.
    first, second = server.taken()
    assert first.startswith("api/tags")
    assert second.startswith("api/discussions")


def test_data_that_leads_to_another_site_is_not_read(archive: Any) -> None:
    class Sold(Flarum):
        is_sold = False

        async def __call__(self, url: str, _: object = None) -> FetchedPage:
            page = await super().__call__(url)
            if self.is_sold and "/api/tags" in url:
                return replace(page, url="https://other.example/api/tags")
            return page

    server, limits = Sold(), Limits(9, 99)
    archive.take(walk(ROOT, ENGINES["flarum"], archive.checkpoint, server, limits))
    server.is_sold = True
    for checkpoint in (archive.checkpoint, {}):
        server.taken()
        with pytest.raises(SourceChanged):
            archive.take(walk(ROOT, ENGINES["flarum"], checkpoint, server, limits))
        assert not any("other.example" in one for one in server.taken())


def test_a_chosen_board_is_read_by_its_own_list(archive: Any) -> None:
    server, limits = Flarum(), Limits(9, 99)
    engine = ENGINES["flarum"]
    board = engine.boards(server.answer("/api/tags", {}) or "", f"{ROOT}api/tags").boards[0]
    archive.take(walk(ROOT, engine, archive.checkpoint, server, limits, boards=(board.id,)))
    lists = [one for one in server.taken() if one.startswith("api/discussions")]
    assert lists
    assert all("filter" in one for one in lists)


class Discourse(Flarum):
    """A forum whose topics go on over pages."""

    def answer(self, path: str, query: dict[str, list[str]]) -> str | None:
        page = int(query.get("page", ["1"])[0])
        if path == "/":
            return "<meta name=generator content='Discourse 3.3'><div id=data-preloaded></div>"
        if path == "/site.json":
            return json.dumps({"categories": [{"id": 4, "name": "사진", "slug": "pictures"}]})
        if path == "/latest.json":
            topic = {"id": 31, "title": "Dawn", "posts_count": 25, "category_id": 4}
            return json.dumps({"topic_list": {"topics": [topic | {"bumped_at": "2026-03-01"}]}})
        if path == "/t/31.json":
            ids = list(range(310, 335))
            shown = [
                {"id": id_, "username": "gull", "cooked": f"<p>{id_}</p>", "post_type": 1}
                for id_ in ids[20 * (page - 1) : 20 * page]
            ]
            stream = {"stream": ids, "posts": shown}
            return json.dumps({"id": 31, "title": "Dawn", "post_stream": stream})
        return None


def test_a_topic_of_more_than_one_page_is_read_to_its_end(archive: Any) -> None:
    server, limits = Discourse(), Limits(9, 99)
    archive.take(walk(ROOT, ENGINES["discourse"], archive.checkpoint, server, limits))
    assert sorted(post.text for post in archive.posts.values()) == [
        str(id_) for id_ in range(310, 335)
    ]
    assert not archive.gone


@pytest.mark.parametrize("name", ["discourse", "flarum"])
def test_data_that_is_gone_is_looked_for_anew(archive: Any, name: str) -> None:
    server, limits = Discourse() if name == "discourse" else Flarum(), Limits(9, 99)
    archive.checkpoint["entry"] = f"{ROOT}old/site.json"
    archive.take(walk(ROOT, ENGINES[name], archive.checkpoint, server, limits))
    assert archive.posts
    assert archive.checkpoint["entry"] != f"{ROOT}old/site.json"


def test_a_board_whose_data_fails_does_not_end_the_crawl_of_others(archive: Any) -> None:
    class Failing(Imageboard):
        async def __call__(self, url: str, _: object = None) -> FetchedPage:
            if "/pier/" in url:
                raise SourceUnavailable("The server answers 503.", url=url)
            return await super().__call__(url)

    server, limits = Failing(), Limits(9, 99)
    with pytest.raises(SourceUnavailable, match="503"):
        archive.take(walk(ROOT, ENGINES["vichan"], archive.checkpoint, server, limits))
    others = {post.native_id.partition(".")[0] for post in archive.posts.values()}
    assert others
    assert "pier" not in others


def test_a_feed_that_the_server_calls_unchanged_is_one_request(archive: Any) -> None:
    text = (FIXTURES / "feed" / "rss.xml").read_text(encoding="utf-8")
    asked: list[dict[str, str]] = []

    async def fetch(url: str, validator: dict[str, str] | None = None) -> FetchedPage:
        asked.append(validator or {})
        if validator:
            return FetchedPage(url, 304, "", url)
        return FetchedPage(url, 200, text, url, {"etag": "x"})

    url, limits = "https://forum.example/feed.xml", Limits(9, 99, reread_percent=5)
    engine = ENGINES["feed"]
    archive.take(walk(url, engine, archive.checkpoint, fetch, limits, now_s=1e9))
    assert archive.posts
    assert archive.take(walk(url, engine, archive.checkpoint, fetch, limits, now_s=1e9 + 60)) == 0
    assert asked == [{}, {"etag": "x"}]
