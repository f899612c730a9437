"""How a crawl is started: with a stand-in for Python that writes down what it is given."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from monitor import logs
from monitor.errors import Busy, HaechiError
from monitor.locks import hold, is_held, source_lock
from monitor.models.run import Counts, Outcome, Run
from monitor.models.source import Source, SourceState
from monitor.settings import Settings, build
from monitor.store import runs, sources
from monitor.store.store import Store
from schedules import runner
from tests.fixtures.stock import NOW, new_source, new_store, settings_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path)
    yield made
    made.close()


@pytest.fixture
def source(store: Store) -> Source:
    with store.write() as db:
        return new_source(db)


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in Python's place; it gets the arguments as $@."""

    def put(script: str) -> None:
        path = tmp_path / "pretend"
        path.write_text(f"#!/bin/sh\n{script}\nexit 1\n")
        path.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(path))

    return put


def environment(folder: Path) -> dict[str, str]:
    lines = (folder / "env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.mark.parametrize(
    ("sealed", "kept"),
    [(False, {"HAECHI_MAIL__HOST", "HAECHI_HOME", "HAECHI_STORE__URL"}), (True, set())],
)
def test_a_crawl_gets_neither_the_mail_password_nor_in_a_trial_any_setting(
    store: Store,
    source: Source,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pretend: Callable[[str], None],
    sealed: bool,
    kept: set[str],
) -> None:
    given = {
        "HAECHI_MAIL__HOST": "smtp.example.org",
        "HAECHI_HOME": str(tmp_path),
        "HAECHI_STORE__URL": store.url,
        "HAECHI_MAIL__PASSWORD": "hunter2",
        "UNRELATED": "stays",
    }
    for name in [name for name in os.environ if name.startswith("HAECHI_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    pretend(f"env > {tmp_path}/env")
    runner.crawl(source, store, build(tmp_path, {}, sealed=sealed))
    found = environment(tmp_path)
    assert {name for name in found if name.startswith("HAECHI_")} == kept
    assert found["UNRELATED"] == "stays"
    assert "hunter2" not in found.values()


def run_with(
    pretend: Callable[[str], None], script: str, source: Source, store: Store, settings: Settings
) -> Run:
    pretend(script)
    return runner.crawl(source, store, settings)


def test_a_crawl_imports_nothing_from_the_folder_it_is_started_in(
    store: Store, source: Source, tmp_path: Path, pretend: Callable[[str], None]
) -> None:
    run = run_with(pretend, f'echo "$@" > {tmp_path}/args', source, store, settings_of(tmp_path))
    words = (tmp_path / "args").read_text().split()
    assert words[:5] == ["-P", "-m", "crawlers", source.id, run.id]
    assert run.outcome is not Outcome.OK


def test_a_crawl_that_breaks_off_is_logged_by_its_places_and_not_by_what_it_says(
    store: Store, source: Source, tmp_path: Path, pretend: Callable[[str], None]
) -> None:
    before = logging.getLogger().handlers[:]
    logs.configure(tmp_path)
    script = (
        "printf 'Traceback (most recent call last):\\n"
        '  File "/app/crawlers/http.py", line 7, in page\\n'
        "    raise ValueError(text)\\n"
        "ValueError: a word of a crawled page\\n' >&2"
    )
    try:
        run_with(pretend, script, source, store, settings_of(tmp_path))
    finally:
        logs.configure(None)
        logging.getLogger().handlers[:] = before
    text = (tmp_path / "logs" / logs.FILE_NAME).read_text()
    (line,) = [json.loads(one) for one in text.splitlines() if "crawl.traceback" in one]
    assert line["places"] == ['File "/app/crawlers/http.py", line 7, in page']
    assert "crawled page" not in text


def test_a_crawl_that_says_a_lot_on_its_way_out_does_not_hang(
    store: Store, source: Source, tmp_path: Path, pretend: Callable[[str], None]
) -> None:
    run = run_with(pretend, "head -c 1000000 /dev/zero >&2", source, store, settings_of(tmp_path))
    assert run.ended_at is not None


def test_a_crawl_that_is_waited_for_no_longer_is_closed_as_stopped(
    store: Store,
    source: Source,
    tmp_path: Path,
    pretend: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    pretend("exec sleep 60")
    with monkeypatch.context() as patch:
        patch.setattr("schedules.runner.time.sleep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            runner.crawl(source, store, settings_of(tmp_path))
    with store.read() as db:
        (run,) = runs.latest(db, 10)
        (known,) = sources.every(db)
    assert (run.outcome, run.error) == (Outcome.STOPPED, "")
    assert run.ended_at is not None
    assert known.state is SourceState.NEW
    assert not is_held(tmp_path, source_lock(source.id))


def test_an_open_run_is_running_only_while_its_source_is_held(
    store: Store, source: Source, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path)
    with store.write() as db:
        key = runs.start(db, source.id, NOW)
    with store.read() as db:
        run = runs.get(db, key)
    assert run is not None
    with hold(tmp_path, source_lock(source.id), what="a test"):
        assert runner.as_it_is(run, settings) == run
        assert runner.close_interrupted(store, settings) == 0
    assert runner.as_it_is(run, settings).outcome is Outcome.INTERRUPTED
    assert runner.close_interrupted(store, settings) == 1


def test_two_homes_of_one_store_crawl_a_source_one_after_another(
    store: Store, source: Source, tmp_path: Path
) -> None:
    other = build(tmp_path / "other", {"store": {"url": store.url}})
    assert other.state_folder == tmp_path
    with hold(tmp_path, source_lock(source.id), what="a test"), pytest.raises(Busy):
        runner.crawl(source, store, other)


def test_a_source_that_is_crawled_names_the_process_that_crawls_it(
    store: Store, source: Source, tmp_path: Path, pretend: Callable[[str], None]
) -> None:
    script = f"echo $$ > {tmp_path}/pid; sleep 0.3; cp {tmp_path}/run/source-*.lock {tmp_path}/told"
    run_with(pretend, script, source, store, settings_of(tmp_path))
    assert (tmp_path / "told").read_text() == (tmp_path / "pid").read_text().strip()


@pytest.mark.parametrize("state", [SourceState.NEW, SourceState.CHANGED])
def test_a_new_source_whose_crawl_was_stopped_after_some_pages_is_not_new_any_more(
    store: Store,
    source: Source,
    tmp_path: Path,
    pretend: Callable[[str], None],
    state: SourceState,
) -> None:
    stop = threading.Event()
    stop.set()

    def pages(run_id: str) -> None:
        with store.write() as db:
            runs.add_counts(db, run_id, Counts(pages=1, posts_new=3))

    with store.write() as db:
        sources.change(db, source.id, state=state.value)
    pretend("exec sleep 60")
    with pytest.MonkeyPatch.context() as patch:
        start = runner._start
        patch.setattr(runner, "_start", lambda *given: (pages(given[0][1]), start(*given))[1])
        run = runner.crawl(source, store, settings_of(tmp_path), stop=stop)
    assert run.outcome is Outcome.STOPPED
    with store.read() as db:
        (known,) = sources.every(db)
    assert known.state is (SourceState.OK if state is SourceState.NEW else state)
    assert known.last_new_at is not None
    assert known.last_success_at is None


@pytest.fixture
def group(store: Store, tmp_path: Path) -> list[Source]:
    """Three sources, each with a run that its crawl would tell of."""
    made = []
    with store.write() as db:
        for name in ("@one_one", "@two_two", "@three"):
            source = new_source(db, name)
            run_id = runs.start(db, source.id, NOW)
            runs.end(db, run_id, Outcome.OK, "", NOW)
            (tmp_path / f"run-{source.id}").write_text(json.dumps({"run": run_id}) + "\n")
            made.append(source)
    return made


def test_a_group_goes_on_in_another_process_where_one_of_its_crawls_ends_it(
    store: Store, tmp_path: Path, group: list[Source], pretend: Callable[[str], None]
) -> None:
    # As if each crawl of the group ended the process that it is in.
    pretend(f'echo "$@" >> {tmp_path}/calls; cat {tmp_path}/run-$5')
    ended: list[Run] = []
    runner.crawl_group(group, store, settings_of(tmp_path), ended=ended.append)
    assert [run.source_id for run in ended] == [one.id for one in group]
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [line.count(" s") for line in calls] == [3, 2, 1]


def test_a_group_is_one_process_where_nothing_goes_wrong(
    store: Store, tmp_path: Path, group: list[Source], pretend: Callable[[str], None]
) -> None:
    pretend(f"for id in $5 $6 $7; do cat {tmp_path}/run-$id; done; exit 0")
    ended: list[Run] = []
    runner.crawl_group(group, store, settings_of(tmp_path), ended=ended.append)
    assert len(ended) == 3


def test_a_group_that_does_not_begin_says_so(
    store: Store, tmp_path: Path, group: list[Source], pretend: Callable[[str], None]
) -> None:
    pretend("exit 1")
    with pytest.raises(HaechiError, match="before it began"):
        runner.crawl_group(group, store, settings_of(tmp_path))


def test_of_a_group_the_crawl_at_hand_is_closed_when_the_process_is_killed(
    store: Store, tmp_path: Path, group: list[Source], pretend: Callable[[str], None]
) -> None:
    with store.write() as db:
        begun = runs.start(db, group[0].id, NOW + timedelta(seconds=1))
    pretend("exec sleep 60")
    ended: list[Run] = []
    limited = settings_of(tmp_path, crawl={"time_limit_s": 0.5})
    with pytest.MonkeyPatch.context() as patch:
        # It was begun by the process; what is open before it starts is somebody else's.
        patch.setattr(runner, "close_interrupted", lambda *_: 0)
        stop = threading.Event()

        def note(run: Run) -> None:
            ended.append(run)
            stop.set()

        runner.crawl_group(group, store, limited, ended=note, stop=stop)
    assert [(run.id, run.outcome) for run in ended] == [(begun, Outcome.KILLED)]
