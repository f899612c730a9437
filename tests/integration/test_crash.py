"""Kill -9 before and after every commit of the whole job, start again: nothing lost or twice."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitor.models.run import Outcome
from schedules import runner
from tests.integration.state import difference, state
from tests.integration.world import World, configuration, empty_world, new_home, small_talk

FAULTS = Path(__file__).parent / "faults"
# Fault points are dealt out to this many tests of a job, so that workers share them.
PARTS = 3


@dataclass
class Job:
    """A command on a prepared home, and what it leaves when nothing disturbs it.

    Attributes:
        words: The command.
        points: A line for each point before and after a commit: process, when, file.
        sent_at: Numbers of the points before the commit of an alert as sent.
    """

    name: str
    template: Path
    words: tuple[str, ...]
    points: list[str]
    reference: dict[str, Any]
    mails: set[str]

    @property
    def sent_at(self) -> set[int]:
        """Points at which the server has a mail, and the store does not say so yet."""
        last = len(self.points) + 1
        return {last - 2 - 4 * number for number in range(len(self.mails))}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One world for all points of a worker: reports are equal only for equal ports."""
    with empty_world() as made:
        small_talk(made)
        # A second page: the newest is read by every crawl, whatever the checkpoint says.
        for number in range(18):
            made.message(f"내일 소식 {number}")
        yield made


@pytest.fixture(scope="module")
def job(world: World, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Job]:
    """Prepare a job by name, once a worker."""
    ready: dict[str, Job] = {}

    def prepare(name: str) -> Job:
        if name not in ready:
            ready[name] = _prepare(name, world, tmp_path_factory.mktemp(name))
        return ready[name]

    return prepare


def _prepare(name: str, world: World, folder: Path) -> Job:
    """Make the home that every point starts from, and run the job on a copy, undisturbed."""
    words = ("crawl", "--all")
    with new_home(folder / "template", configuration(world)) as home:
        home.enrol("case-1", 1)
        home.enrol("case-2", 2)
        if name != "channel":
            home.watch(world.forum_address)
        if name != "forum":
            home.watch(world.channel_address)
        if name == "delivery":
            # All is crawled, and the process died before it indexed or mailed anything.
            for address in (world.forum_address, world.channel_address):
                run = runner.crawl(home.source(address), home.store, home.settings)
                assert run.outcome is Outcome.OK
            words = ("hunt",)
    template = folder / "template"
    log = folder / "undisturbed.log"
    world.forget()
    with _copy(template, folder / "undisturbed") as home:
        home.env |= _faults(log)
        done = home.haechi(*words)
        assert done.returncode == 0, done.stderr
        reference = state(home.folder)
    points = [line.strip() for line in log.read_text().splitlines()]
    assert len(points) % 2 == 0
    return Job(name, template, words, points, reference, set(_mailed(world)))


def _copy(template: Path, folder: Path) -> Any:
    """Open a copy of a prepared home."""
    shutil.copytree(template, folder)
    return new_home(folder, (folder / "haechi.toml").read_text(encoding="utf-8"))


def _faults(log: Path, at: int = 0, whom: str = "all") -> dict[str, str]:
    """Make the environment of a job that is killed at a point; 0 only counts them."""
    return {
        "PYTHONPATH": str(FAULTS),
        "FAULT_LOG": str(log),
        "FAULT_AT": str(at),
        "FAULT_WHOM": whom,
    }


def _mailed(world: World) -> Counter[str]:
    """Count mails by Message-ID."""
    return Counter(str(mail.message["Message-ID"]) for mail in world.mailbox.mails)


def _crash(job: Job, world: World, folder: Path, at: int, whom: str) -> str:
    """Kill at a point and start again.

    Returns:
        What is not as it should be; empty when all is.
    """
    world.forget()
    with _copy(job.template, folder) as home:
        home.env |= _faults(folder.with_suffix(".log"), at, whom)
        ended = home.haechi(*job.words).returncode
        if ended != (1 if whom == "self" else -9):
            return f"ended with {ended}"
        home.env.clear()
        again = home.haechi(*job.words)
        if again.returncode != 0:
            return f"does not start again: {again.stderr}"
        wrong = difference(state(home.folder), job.reference)
        mailed = _mailed(world)
        allowed = 2 if at in job.sent_at else 1
        if set(mailed) != job.mails or sum(mailed.values()) != len(job.mails) + allowed - 1:
            wrong += f"\nmailed {mailed}"
    shutil.rmtree(folder)
    return wrong


def _crash_all(job: Job, world: World, folder: Path, points: list[int], whom: str = "all") -> None:
    """Crash at each point; tell of all that went wrong."""
    wrong = {
        f"{at} ({job.points[at - 1]})": problem
        for at in points
        if (problem := _crash(job, world, folder / f"at-{at}-{whom}", at, whom))
    }
    assert not wrong, "\n".join(f"{at}: {problem}" for at, problem in wrong.items())


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", ["forum", "channel", "delivery"])
def test_a_job_killed_at_any_commit_ends_as_if_undisturbed(
    name: str, part: int, job: Callable[[str], Job], world: World, tmp_path: Path
) -> None:
    ready = job(name)
    points = list(range(1, len(ready.points) + 1))
    if name != "delivery":
        # What comes after the crawl is the other job's.
        points = [at for at in points if _is_of_the_crawl(ready, at)]
    _crash_all(ready, world, tmp_path, points[part::PARTS])


def _is_of_the_crawl(job: Job, at: int) -> bool:
    """Tell whether a point is the opening of a run, or the crawl's own."""
    return any(point.startswith("crawl") for point in job.points[at - 1 :])


def test_a_crawl_that_is_killed_alone_is_recorded_and_the_rest_of_the_job_goes_on(
    job: Callable[[str], Job], world: World, tmp_path: Path
) -> None:
    ready = job("channel")
    points = [n for n, point in enumerate(ready.points, 1) if point.startswith("crawl before")]
    _crash_all(ready, world, tmp_path, points, whom="self")


@pytest.mark.parametrize(
    ("limit_kib", "possible"),
    [(2, {0}), (40, {0}), (120, {20, 24})],
    ids=["at once", "in the first page", "later"],
)
def test_a_full_disk_is_told_in_one_line_and_nothing_is_half_there(
    limit_kib: int, possible: set[int], job: Callable[[str], Job], world: World, tmp_path: Path
) -> None:
    ready = job("channel")
    world.forget()
    with _copy(ready.template, tmp_path / "home") as home:
        done = subprocess.run(
            home.command(*ready.words),
            env=home.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            # No file may grow beyond: a write fails as on a full disk, and root can't pass.
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_kib << 10,) * 2),
        )
        assert 0 <= done.returncode <= 1
        told = done.stderr.splitlines()
        assert told
        assert all(line.startswith("haechi: ") and "disk" in line for line in told), told
        ((posts,),) = home.rows("SELECT count(*) FROM posts")
        assert posts in possible
        spans = home.rows("SELECT value FROM checkpoints WHERE key = 'spans'")
        assert spans == {0: [], 20: [("[[6, 25]]",)], 24: [("[[1, 25]]",)]}[posts]
        again = home.haechi(*ready.words)
        assert again.returncode == 0, again.stderr
        assert difference(state(home.folder), ready.reference) == ""
        assert set(_mailed(world)) == ready.mails
