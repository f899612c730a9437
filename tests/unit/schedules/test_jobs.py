from __future__ import annotations

from dataclasses import replace

from monitor.models.source import Source, SourceKind, SourceState
from schedules.jobs import HOUSEKEEPING, crawl_jobs
from tests.fixtures.stock import NOW

SOURCE = Source("s1", SourceKind.TELEGRAM, "@a", None, 900, False, SourceState.OK, "", NOW)


def test_each_source_has_a_job_of_its_interval() -> None:
    first, second = crawl_jobs([SOURCE, replace(SOURCE, id="s2", interval_s=60)])
    assert (first.source_id, first.every_s, first.target) == ("s1", 900, "crawl")
    assert (second.source_id, second.every_s) == ("s2", 60)


def test_a_paused_source_has_none_and_a_failing_one_has() -> None:
    assert crawl_jobs([replace(SOURCE, paused=True)]) == []
    assert len(crawl_jobs([replace(SOURCE, state=SourceState.FAILING)])) == 1


def test_a_job_is_the_same_after_a_restart_and_starts_are_spread_a_little() -> None:
    (job,) = crawl_jobs([SOURCE])
    assert job == crawl_jobs([replace(SOURCE, failures=3, state_detail="x")])[0]
    assert 0 < job.jitter_s <= job.every_s / 5


def test_no_two_jobs_have_one_id() -> None:
    jobs = [*HOUSEKEEPING, *crawl_jobs([SOURCE, replace(SOURCE, id="s2")])]
    assert len({job.id for job in jobs}) == len(jobs)
