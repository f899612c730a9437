"""A crawl's browser: started when it is needed, watched by the clock, replaced when it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from crawlers.addresses import AddressRules
from crawlers.pages import line
from crawlers.pages.executable import WAY_OUT, find
from crawlers.pages.guard import Guard, Refusal
from crawlers.pages.line import Captured
from monitor.errors import NotConfigured
from monitor.settings import Settings

log = structlog.get_logger(__name__)

# Until the first answer, on a busy machine.
_START_S: Final = 60.0
# More than the keeper's own limits take to be noticed.
_GRACE_S: Final = 15.0
_END_S: Final = 10.0
# Nothing of ours: no secret, and no variable by which something would be loaded.
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR")


class BrowserGone(Exception):
    """The browser died, or did not answer: the next page gets a new one."""


class PageFailed(Exception):
    """A page could not be read.

    Attributes:
        reason: One of ours.
        refusal: What the guard said of the page's host meanwhile.
    """

    def __init__(self, reason: str, refusal: Refusal | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refusal = refusal


@dataclass(slots=True)
class _Keeper:
    """The process that keeps a browser, and the line to it."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    version: str = ""


class Browser:
    """One source's browser, for one page at a time."""

    def __init__(
        self,
        settings: Settings,
        rules: AddressRules,
        address: str,
        user_agent: str,
    ) -> None:
        """Prepare; nothing is started.

        Args:
            settings: The operator's.
            rules: Addresses that this source's pages may reach.
            address: Of the source.
            user_agent: What sites are told.
        """
        self._settings = settings
        self._address = address
        self._user_agent = user_agent
        self._guard = Guard(
            rules,
            address,
            also_from=settings.browser.also_from,
            timeout_s=settings.network.timeout_s,
        )
        self._port = 0
        self._keeper: _Keeper | None = None
        self._turn = asyncio.Lock()
        self._starts = 0
        self._pages = 0

    @property
    def pid(self) -> int | None:
        """The process that keeps the browser, if there is one."""
        return None if self._keeper is None else self._keeper.process.pid

    @property
    def bytes_passed(self) -> int:
        """What came through the guard, in all."""
        return self._guard.bytes

    async def version(self) -> str:
        """Start the browser where it is not running; gives its version.

        Raises:
            NotConfigured: There is none, or it can't be started.
            BrowserGone: It ended at once.
        """
        async with self._turn:
            return (await self._ready()).version

    async def read(self, url: str, cookies: str = "") -> Captured:
        """Read a page.

        Args:
            cookies: As in a request's header.

        Raises:
            NotConfigured: There is no browser, or it can't be started.
            BrowserGone: It ended, or hung and was ended.
            PageFailed: The page can't be read; the browser is well.
        """
        async with self._turn:
            keeper = await self._ready()
            self._pages += 1
            with self._guard.reading(url):
                head, body = await self._ask(keeper, {"url": url, "cookies": cookies})
            return self._taken(url, head, body)

    async def close(self) -> None:
        """End the browser and its guard."""
        async with self._turn:
            await self._end()
            await self._guard.close()
        if self._starts:
            refused = {reason.value: number for reason, number in self._guard.refused.items()}
            log.info(
                "browser.done",
                pages=self._pages,
                starts=self._starts,
                bytes=self._guard.bytes,
                refused=refused,
            )

    def _taken(self, url: str, head: dict[str, Any], body: bytes) -> Captured:
        """Check what the browser's keeper says of a page."""
        faults = self._guard.faults
        place = _place(url)
        if "failed" in head:
            raise PageFailed(str(head["failed"]), faults.get(place))
        if self._guard.is_spent:
            raise PageFailed(Refusal.TOO_MUCH, None)
        if head.get("status") == 403 and place in faults:
            # That was the guard's answer, not the site's.
            raise PageFailed("refused", faults[place])
        others = sorted(one for one, why in faults.items() if why is Refusal.SITE)
        if others:
            log.info("page.without", hosts=others[:10])
        headers = {str(name): str(value) for name, value in dict(head["headers"]).items()}
        return Captured(
            str(head["url"]), int(head["status"]), headers, body, bool(head["is_rendered"])
        )

    async def _ready(self) -> _Keeper:
        """Give a keeper at work."""
        if self._keeper is not None and self._keeper.process.returncode is not None:
            await self._end()
        if self._keeper is None:
            if not self._port:
                self._port = await self._guard.start()
            self._keeper = await self._start()
        return self._keeper

    async def _start(self) -> _Keeper:
        """Start a keeper and its browser."""
        browser, network = self._settings.browser, self._settings.network
        executable = find(browser)
        process = await asyncio.create_subprocess_exec(
            # -P: the folder that a command is started in is no place to import from.
            *(sys.executable, "-P", "-m", "crawlers.pages.keeper"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            # Whoever kills the crawl with all of its group leaves this one to end its browser.
            start_new_session=True,
        )
        if process.stdin is None or process.stdout is None:
            raise BrowserGone
        keeper = _Keeper(process, process.stdout, process.stdin)
        self._keeper = keeper
        self._starts += 1
        setup = {
            "executable": str(executable),
            "sandbox": has_sandbox(self._settings),
            "memory_mb": browser.memory_mb,
            "timeout_s": browser.timeout_s,
            "scrolls": browser.scrolls,
            "pages_per_context": browser.pages_per_context,
            "max_bytes": network.max_page_bytes,
            "verify_tls": network.verify_tls,
            "user_agent": self._user_agent,
            "guard": f"http://127.0.0.1:{self._port}",
            "password": self._guard.password,
        }
        head, _ = await self._ask(keeper, setup, _START_S)
        if "unusable" in head:
            await self._end()
            raise NotConfigured(f"{head['unusable']} {WAY_OUT}")
        keeper.version = str(head.get("version", ""))
        log.info("browser.started", version=keeper.version)
        return keeper

    async def _ask(
        self, keeper: _Keeper, asked: dict[str, Any], most_s: float | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """Ask the keeper, and wait for its answer; one that gives none is ended."""
        most_s = self._settings.browser.timeout_s + _GRACE_S if most_s is None else most_s
        try:
            async with asyncio.timeout(most_s):
                keeper.writer.write(line.packed(asked))
                await keeper.writer.drain()
                head, body = await line.read(keeper.reader, self._settings.network.max_page_bytes)
        except (TimeoutError, EOFError, OSError, ValueError, KeyError) as error:
            await self._end()
            log.warning("browser.gone", error=type(error).__name__)
            raise BrowserGone from error
        except asyncio.CancelledError:
            # An answer that nobody takes must not be taken for that of the next page.
            await self._end()
            raise
        if "bug" in head:
            await self._end()
            log.error("browser.bug", error=head["bug"], places=head.get("places"))
            raise BrowserGone
        return head, body

    async def _end(self) -> None:
        """Have the keeper end all that it started; it does as its input ends."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        keeper.writer.close()
        try:
            async with asyncio.timeout(_END_S):
                await keeper.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(keeper.process.pid, signal.SIGKILL)
            await keeper.process.wait()


def has_sandbox(settings: Settings) -> bool:
    """Tell whether the browser's own sandbox is used, which it does not start for root."""
    return settings.browser.sandbox and os.geteuid() != 0


async def version_of(settings: Settings) -> str:
    """Start a browser, ask for its version and end it; no page is read.

    Raises:
        NotConfigured: There is none, or it can't be started.
    """
    browser = Browser(settings, AddressRules(), "", "")
    try:
        return await browser.version()
    except BrowserGone as gone:
        raise NotConfigured("the browser ends as soon as it is started") from gone
    finally:
        await browser.close()


def _place(url: str) -> str:
    """Name a page's host and port as the guard does."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{(parts.hostname or '').rstrip('.')}:{port}"
