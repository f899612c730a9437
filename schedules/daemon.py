"""The daemon: crawls when sources are due, indexes and mails what the crawls left to do."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from types import FrameType

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from monitor.alerts import outbox as mail
from monitor.clock import Clock, utc_now
from monitor.errors import Busy, HaechiError
from monitor.locks import hold
from monitor.models.run import Outcome, Run
from monitor.models.source import Source, SourceKind
from monitor.search import drain as index
from monitor.settings import Settings
from monitor.store import accounts, runs, sources
from monitor.store.store import Store
from schedules import runner
from schedules.jobs import HOUSEKEEPING, MISFIRE_GRACE_S, Job, crawl_jobs

log = structlog.get_logger(__name__)

# Sources of one process: what is due meanwhile comes next.
_MOST_AT_ONCE = 200


class Daemon:
    """Runs the table of jobs until it is stopped."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        on_run: Callable[[Run], None] = lambda _: None,
        clock: Clock = utc_now,
    ) -> None:
        """Prepare; `run` starts.

        Args:
            on_run: Told of every run that ended.
        """
        self._store = store
        self._settings = settings
        self._on_run = on_run
        self._clock = clock
        self._stop = threading.Event()
        self._jobs: dict[str, Job] = {}
        # Telegram sources that are due: accounts read them one after the other.
        self._due: deque[Source] = deque()
        self._reading = threading.Lock()
        self._noting = threading.Lock()
        self._executors = {
            "default": ThreadPoolExecutor(2),
            "crawls": ThreadPoolExecutor(settings.crawl.workers),
        }
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors=self._executors,
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": MISFIRE_GRACE_S,
            },
        )
        self._scheduler.add_listener(self._missed, EVENT_JOB_MISSED)
        self._scheduler.add_listener(self._still_running, EVENT_JOB_MAX_INSTANCES)

    def run(self, *, install_signal_handlers: bool = True) -> None:
        """Run until SIGTERM, SIGINT or `stop`; crawls at work commit their page and end.

        Raises:
            Busy: Another daemon runs on this store.
        """
        with hold(self._settings.state_folder, "daemon", what="another `haechi run`"):
            if install_signal_handlers:
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, self._on_signal)
            runner.close_interrupted(self._store, self._settings, self._clock)
            for job in HOUSEKEEPING:
                self._add(job)
            self._reload()
            self._scheduler.start()
            log.info("daemon.started", sources=len(self._jobs))
            # In slices: a wait without end would keep Python from its signal handlers.
            while not self._stop.wait(0.5):
                pass
            # Waiting for the jobs is left to the next lines: the scheduler would do it with its
            # lock held, for which a job that changes the schedule waits in turn.
            self._scheduler.shutdown(wait=False)
            for executor in self._executors.values():
                executor.shutdown(wait=True)
            log.info("daemon.stopped")

    def stop(self) -> None:
        """Ask the daemon to end; may be called from any thread."""
        self._stop.set()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """End on a signal."""
        self.stop()

    def _add(self, job: Job, first: datetime | None = None) -> None:
        """Put a job on the schedule.

        Args:
            first: Its first start; None or a time that is past: now.
        """
        targets: dict[str, Callable[[], None]] = {
            "crawl": lambda: self._crawl(job.source_id),
            "reload": self._reload,
            "deliver": self._deliver,
        }
        now = max(self._clock() + timedelta(milliseconds=1), first or self._clock())
        self._scheduler.add_job(
            targets[job.target],
            IntervalTrigger(
                seconds=job.every_s, jitter=job.jitter_s or None, start_date=now, timezone="UTC"
            ),
            id=job.id,
            name=job.id,
            executor="crawls" if job.target == "crawl" else "default",
            next_run_time=now,
            replace_existing=True,
        )

    def _reload(self) -> None:
        """Take over sources that were added, changed, paused or removed."""
        with self._store.read() as db:
            wanted = {job.id: job for job in crawl_jobs(sources.every(db))}
            started = runs.last_starts(db)
        for job_id in self._jobs.keys() - wanted.keys():
            self._scheduler.remove_job(job_id)
            log.info("job.removed", job=job_id)
        for job_id, job in wanted.items():
            if self._jobs.get(job_id) != job:
                # A restart must not crawl everything anew at once.
                last = started.get(job.source_id)
                self._add(job, last and last + timedelta(seconds=job.every_s))
        self._jobs = wanted

    def _crawl(self, source_id: str) -> None:
        """Crawl one source; whatever goes wrong is recorded and the daemon goes on."""
        with self._store.read() as db:
            source = sources.find(db, source_id)
        if source is None or self._stop.is_set():
            return
        if source.kind is SourceKind.TELEGRAM and self._has_accounts():
            with self._noting:
                if all(one.id != source.id for one in self._due):
                    self._due.append(source)
            self._crawl_due()
            return
        try:
            run = runner.crawl(source, self._store, self._settings, stop=self._stop)
        except Busy as busy:
            log.info("crawl.skipped", source=source.address, reason=str(busy))
            return
        self._ended(run)

    def _has_accounts(self) -> bool:
        """Tell whether Telegram is read by accounts, whose connections crawls share."""
        with self._store.read() as db:
            return accounts.has_any(db)

    def _crawl_due(self) -> None:
        """Crawl the Telegram sources that are due, in one process; none where one is at work."""
        while self._due and self._reading.acquire(blocking=False):
            try:
                with self._noting:
                    many = min(len(self._due), _MOST_AT_ONCE)
                    group = [self._due.popleft() for _ in range(many)]
                runner.crawl_group(
                    group, self._store, self._settings, ended=self._ended, stop=self._stop
                )
            except HaechiError as error:
                log.warning("crawl.ended_badly", reason=str(error))
            finally:
                self._reading.release()
            if self._stop.is_set():
                return

    def _ended(self, run: Run) -> None:
        """Tell of a run that ended, and have what it found delivered."""
        log.info(
            "crawl.ended",
            source=run.source_id,
            outcome=run.outcome.value,
            posts_new=run.counts.posts_new,
            findings=run.counts.findings,
        )
        self._on_run(run)
        if (run.counts.posts_new or run.counts.findings) and not self._stop.is_set():
            self._scheduler.modify_job("deliver", next_run_time=self._clock())

    def _deliver(self) -> None:
        """Index and mail what waits; a service that is away is tried again by the next call."""
        for deliver in (
            lambda: index.drain(self._store, self._settings, stop=self._stop.is_set),
            lambda: mail.drain(self._store, self._settings, stop=self._stop.is_set),
        ):
            try:
                deliver()
            except HaechiError as error:
                log.warning("delivery.waits", reason=str(error))

    def _missed(self, event: JobEvent) -> None:
        """Record a crawl that was not started: a gap must not look like silence."""
        job = self._jobs.get(event.job_id)
        log.warning("job.missed", job=event.job_id)
        if job is not None:
            with self._store.write() as db:
                runs.start(db, job.source_id, self._clock(), Outcome.MISSED)

    def _still_running(self, event: JobEvent) -> None:
        """Tell that a crawl was due while the one before it goes on."""
        log.info("job.still_running", job=event.job_id)
