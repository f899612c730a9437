"""What every forum engine promises, run over all of them with their fixture pages."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from crawlers.engines import ENGINES, recognise
from crawlers.engines._base import ForumEngine, PageKind
from monitor.errors import SourceChanged, SourceUnavailable
from monitor.models.source import SourceState

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "engines"
KINDS = {*(kind.value for kind in PageKind), "nothing"}
SAFE_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Sample:
    engine: ForumEngine
    lists: str
    url: str
    html: str


def _samples() -> dict[str, Sample]:
    """Read the pages that are there; what is missing is told by a test."""
    samples = {}
    for name, engine in ENGINES.items():
        for page, facts in _pages(name).items():
            path = _path(name, page)
            if path is not None and facts.keys() >= {"lists", "url"}:
                html = path.read_text(encoding="utf-8")
                samples[f"{name}-{page}"] = Sample(engine, facts["lists"], facts["url"], html)
    return samples


def _path(name: str, page: str) -> Path | None:
    """Find a page: HTML, or data as JSON or XML."""
    return next((FIXTURES / name).glob(f"{page}.*"), None)


def _pages(name: str) -> dict[str, dict[str, str]]:
    path = FIXTURES / name / "pages.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


SAMPLES = _samples()


@pytest.fixture(params=list(SAMPLES.values()), ids=list(SAMPLES))
def sample(request: pytest.FixtureRequest) -> Sample:
    chosen: Sample = request.param
    return chosen


def listing(lists: str) -> pytest.MarkDecorator:
    """Run a test over the pages that list one kind of thing."""
    chosen = {name: sample for name, sample in SAMPLES.items() if sample.lists == lists}
    return pytest.mark.parametrize("page", chosen.values(), ids=list(chosen))


@pytest.mark.parametrize("name", list(ENGINES))
def test_each_engine_has_pages_of_each_kind(name: str) -> None:
    folder = FIXTURES / name
    how = "see crawlers/engines/README.md"
    assert _pages(name), f"add {folder}/pages.toml, and the pages that it names: {how}"
    for page, facts in _pages(name).items():
        assert _path(name, page), f"add {folder}/{page}.html, or take [{page}] out"
        assert facts.keys() == {"url", "lists"}, f"give [{page}] in {folder}/pages.toml both: {how}"
    # A feed is one page of posts.
    kinds = {"posts"} if name == "feed" else KINDS
    missing = kinds - {facts["lists"] for facts in _pages(name).values()}
    assert not missing, f"add a page to {folder} with lists = one of {sorted(missing)}: {how}"
    wrong = {facts["lists"] for facts in _pages(name).values()} - KINDS
    assert not wrong, f"{folder}/pages.toml: lists is one of {sorted(KINDS)}, not {sorted(wrong)}"


def test_an_engine_is_named_after_its_file() -> None:
    assert all(engine.name == name for name, engine in ENGINES.items())


def test_a_page_is_recognised_by_its_own_engine_only(sample: Sample) -> None:
    found = recognise(sample.html, sample.url)
    assert found is not None
    assert found[0] == sample.engine.name
    others = [engine for engine in ENGINES.values() if engine is not sample.engine]
    assert all(engine.recognise(sample.html, sample.url) < 0.5 for engine in others)


def test_a_page_of_no_forum_is_recognised_by_none() -> None:
    html = "<html><body><div class='post' id='p1'>A blog about phpBB and forums</div></body></html>"
    assert recognise(html, "https://blog.example/index.php") is None


def test_the_host_name_does_not_matter(sample: Sample) -> None:
    elsewhere = sample.url.replace("forum.example", "192.0.2.7:8080")
    here = sample.engine.recognise(sample.html, sample.url)
    assert sample.engine.recognise(sample.html, elsewhere) == here


def test_a_page_tells_what_it_lists(sample: Sample) -> None:
    if sample.lists != "nothing":
        assert sample.engine.kind(sample.html, sample.url) == sample.lists


def test_an_address_made_canonical_twice_is_the_same(sample: Sample) -> None:
    once = sample.engine.canonical(sample.url)
    assert sample.engine.canonical(once) == once
    assert "sid=" not in once


def test_data_is_on_the_site_of_its_page_and_stands_for_itself(sample: Sample) -> None:
    entry = sample.engine.entry(sample.html, sample.url)
    assert entry is None or sample.engine.canonical(entry) == entry
    if sample.html.lstrip()[:1] in {"{", "["}:
        assert entry is None


@listing("boards")
def test_boards_have_safe_ids_and_canonical_addresses(page: Sample) -> None:
    boards = page.engine.boards(page.html, page.url).boards
    assert boards
    assert len({board.id for board in boards}) == len(boards)
    for board in boards:
        assert SAFE_ID.fullmatch(board.id)
        assert page.engine.canonical(board.url) == board.url


@listing("threads")
def test_threads_have_safe_ids_canonical_addresses_and_a_signal(page: Sample) -> None:
    threads = page.engine.threads(page.html, page.url).threads
    assert threads
    assert len({thread.id for thread in threads}) == len(threads)
    for thread in threads:
        assert SAFE_ID.fullmatch(thread.id)
        assert page.engine.canonical(thread.url) == thread.url
        assert thread.last_post


@listing("threads")
def test_a_list_of_threads_may_be_asked_for_the_boards_in_it(page: Sample) -> None:
    for board in page.engine.boards(page.html, page.url).boards:
        assert page.engine.canonical(board.url) == board.url


@listing("posts")
def test_posts_are_complete(page: Sample) -> None:
    read = page.engine.posts(page.html, page.url)
    assert read.posts
    assert read.title
    for post in read.posts:
        assert post.thread_id == read.thread_id
        assert post.author
        assert post.url.startswith("https://")
        assert post.posted is None or post.posted.utcoffset() is not None
        assert all(urlsplit(media.url).scheme == "https" for media in post.media)


@listing("nothing")
def test_a_login_page_is_no_changed_page(page: Sample) -> None:
    for read in (page.engine.threads, page.engine.posts):
        with pytest.raises(SourceUnavailable) as caught:
            read(page.html, page.url)
        assert caught.value.state is SourceState.RESTRICTED


@pytest.mark.parametrize("engine", ENGINES.values(), ids=list(ENGINES))
def test_a_page_without_anything_known_is_a_changed_page(engine: ForumEngine) -> None:
    for read in (engine.boards, engine.threads, engine.posts):
        with pytest.raises(SourceChanged):
            read("<html><body><p>Under construction</p></body></html>", "https://forum.example/")
