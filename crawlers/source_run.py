"""One crawl of one source, whatever reads it: what it gives page by page, how it ended."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from crawlers.context import PAGE_SHARE, CrawlContext
from monitor.alerts.rules import alerting
from monitor.clock import utc_now
from monitor.errors import HaechiError, SourceChanged, SourceUnavailable
from monitor.locks import hold, source_lock
from monitor.logs import places_of
from monitor.models.notice import NoticeKind
from monitor.models.post import Batch, Json
from monitor.models.run import Counts, Outcome
from monitor.models.source import ACCOUNT, PREVIEW, Source, SourceState
from monitor.store import notices, posts, runs, seen, sources

log = structlog.get_logger(__name__)

# Posts whose media failed for a passing reason, tried again at the end of each crawl.
RETRIED_POSTS = 50

Walk = Callable[[Mapping[str, Json]], AsyncGenerator[Batch]]


class Elsewhere(HaechiError):
    """The source can't be read this way, and another one is to be tried by the same run.

    Attributes:
        state: None: nothing was learned of the source, whose state stays as it is.
    """

    def __init__(self, message: str, state: SourceState | None) -> None:
        super().__init__(message)
        self.state = state


class SourceRun:
    """A run on its way.

    Attributes:
        id: Empty until it is opened.
        via: Which way the source is read; None where there is one only.
        note: What the operator is to know of a source that was read well.
        note_state: The state of such a source.
        cost: Set by who reads: requests and bytes.
    """

    def __init__(self, context: CrawlContext, source: Source, run_id: str = "") -> None:
        """Prepare.

        Args:
            run_id: Of a run that the caller opened, and whose lock they hold; by default one is
                opened, and the source is held, when it begins.
        """
        self.context = context
        self.source = source
        self.id = run_id
        self.via: str | None = None
        self.note = ""
        self.note_state = SourceState.OK
        self.cost = Counts()
        self.outcome = Outcome.RUNNING
        self._total = Counts()
        self._last_start = datetime.max.replace(tzinfo=UTC)
        self._held = ExitStack()
        self._elsewhere: Elsewhere | None = None
        self._is_cut = False

    def tell(self, note: str) -> None:
        """Add a sentence for the operator on what was left, and why; the same one only once."""
        if note not in self.note:
            self.note = f"{self.note} {note}".strip()

    def refused(self, elsewhere: Elsewhere) -> None:
        """Take in why all other ways were refused, before the last one is tried."""
        self._elsewhere = elsewhere

    def give_up(self, elsewhere: Elsewhere) -> None:
        """End a run that no way is left for.

        Raises:
            Busy: As for `recorded`.
        """
        self.via = None
        with self.recorded():
            state = elsewhere.state or self.source.state
            raise SourceUnavailable(str(elsewhere), url=self.source.address, state=state)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Open the run, and record how the block ended; it raises nothing of a crawl's.

        Raises:
            Elsewhere: The block raised it: the run stays open for another way.
            Busy: Another process crawls this source.
        """
        error = ""
        with structlog.contextvars.bound_contextvars(source=self.source.address):
            self._open()
            try:
                with structlog.contextvars.bound_contextvars(run=self.id, via=self.via):
                    try:
                        yield
                        stopped = self.context.stopping
                        self.outcome = Outcome.STOPPED if stopped else Outcome.OK
                    except Elsewhere as elsewhere:
                        if elsewhere.state is not None:
                            self._saw(elsewhere.state, str(elsewhere))
                        self._elsewhere = elsewhere
                        raise
                    except SourceChanged as changed:
                        self.outcome = Outcome.CHANGED
                        error = self._failed(SourceState.CHANGED, self._outlined(changed))
                    except SourceUnavailable as away:
                        self.outcome = Outcome.UNAVAILABLE
                        error = self._failed(away.state, str(away))
                    except HaechiError as failure:
                        self.outcome = Outcome.FAILED
                        error = self._failed(SourceState.FAILING, str(failure))
                    except Exception as bug:  # noqa: BLE001 - a run must say how it ended
                        self.outcome = Outcome.FAILED
                        log.error("crawl.bug", error=type(bug).__name__, places=places_of(bug))
                        what = f"error in Haechi: {type(bug).__name__}"
                        error = self._failed(SourceState.FAILING, what)
                    self._close(error)
            finally:
                if self.outcome is not Outcome.RUNNING:
                    self._held.close()

    async def batches(self, walk: Walk) -> AsyncGenerator[Batch]:
        """Give the walk, and what failed before once more: after it, as new posts come first."""
        with self.context.store.read() as db:
            checkpoint = sources.load_checkpoint(db, self.source.id)
            again = posts.to_retry(db, self.source.id, RETRIED_POSTS, via=way_of(self.via))
        shown: set[str] = set()
        async with aclosing(walk(checkpoint)) as pages:
            async for batch in pages:
                # What is tried with its page need not be tried once more.
                shown |= {one.native_id for one in batch.posts} & {one.native_id for one in again}
                yield batch
        for post in again:
            if post.native_id not in shown:
                yield Batch(url=post.url, posts=(post,))

    def took(self, counts: Counts) -> bool:
        """Count a page that was committed; False: no further one is to be begun."""
        self._total += counts
        if self.context.report:
            self._tell()
        if self.context.stopping:
            return False
        if utc_now() > self._last_start:
            log.info("crawl.time_spent")
            self._is_cut = True
            return False
        return True

    def _open(self) -> None:
        """Open a run, and hold the source, where the caller did not."""
        context = self.context
        if not self.id:
            lock = hold(
                context.config.state_folder,
                source_lock(self.source.id),
                what=f"another crawl of {self.source.address}",
            )
            self._held.enter_context(lock)
            with context.store.write() as db:
                self.id = runs.start(db, self.source.id, utc_now())
        with context.store.read() as db:
            run = runs.get(db, self.id)
        # Its time began before this process's.
        began = utc_now() if run is None else run.started_at
        limit_s = context.config.crawl.time_limit_s
        self._last_start = began + timedelta(seconds=limit_s * (1 - PAGE_SHARE))

    def _failed(self, state: SourceState, detail: str) -> str:
        """Record why the source could not be read; of two ways, why neither could.

        Returns:
            Why.
        """
        self._saw(state, detail)
        if self._elsewhere is not None and self.via == PREVIEW:
            # What an account met is said first: it is nearer to the source than a page is.
            detail = f"{self._elsewhere} Its preview: {detail}"
            state = self._elsewhere.state or self.source.state
        log.warning("crawl.failed", state=state.value, reason=detail)
        if self._elsewhere is None or self._elsewhere.state is not None:
            with self.context.store.write() as db:
                sources.failed(db, self.source.id, state, detail)
                if state is SourceState.CHANGED:
                    self._notify(db, NoticeKind.CHANGED, detail)
        return detail

    def _notify(self, db: Connection, kind: NoticeKind, text: str) -> None:
        """Have the operators told, once for each time that it happens.

        By what they were told last: a source may be away between the two.
        """
        last = notices.last_kind(db, self.source.id) or NoticeKind.RECOVERED
        if last is kind:
            return
        notices.add(db, self.source.id, kind, text, alerting(self.context.config), utc_now())

    def _outlined(self, changed: SourceChanged) -> str:
        """Keep the outline of a page that is not as known any more, and say where."""
        if not changed.shape:
            return str(changed)
        folder = self.context.config.home / "shapes"
        file = folder / f"{self.source.id}.txt"
        about = f"{utc_now():%Y-%m-%d %H:%M} UTC\n{changed.url}\n{changed}\n\n"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            file.write_text(about + changed.shape + "\n", encoding="utf-8", errors="replace")
        except OSError:
            return str(changed)
        return f"{changed} Outline of the page: shapes/{file.name}."

    def _saw(self, state: SourceState, detail: str) -> None:
        """Record what this way met."""
        if self.via is not None:
            with self.context.store.write() as db:
                sources.saw(db, self.source.id, self.via, state, detail, utc_now())

    def _close(self, error: str) -> None:
        """Record how the crawl ended and what it cost."""
        now = utc_now()
        with self.context.store.write() as db:
            if self.outcome is Outcome.OK:
                note = self.note
                if self._elsewhere is not None and self.via == PREVIEW:
                    note = f"Read by its web preview: {self._elsewhere}"
                # Cut off by its time, a walk has not said what it met.
                is_open = self._is_cut and self.source.state is SourceState.CHANGED
                sources.succeeded(
                    db,
                    self.source.id,
                    now,
                    new_posts=self._total.posts_new,
                    state=self.source.state if is_open else self.note_state,
                    detail=self.source.state_detail if is_open else note,
                )
                if not is_open:
                    self._notify(db, NoticeKind.RECOVERED, note)
                if self.via is not None:
                    sources.saw(db, self.source.id, self.via, self.note_state, self.note, now)
            runs.add_counts(db, self.id, self.cost)
            runs.end(db, self.id, self.outcome, error, now, via=self.via, note=self.note)
            seen.forget(db, now - timedelta(days=self.context.config.matching.look_back_days))

    def _tell(self) -> None:
        """Tell the process that started this one how far the crawl is."""
        try:
            sys.stdout.write(json.dumps(asdict(self._total)) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # Nobody is there any more to limit this process; the page at hand is committed.
            self.context.report, self.context.stopping = False, True


def way_of(via: str | None) -> str | None:
    """Tell what shows posts so as this way of reading does: all accounts show them alike."""
    return via if via in (None, PREVIEW) else ACCOUNT
