"""Keeps one browser for a crawl, in a process of its own: started by `crawlers.pages.browser`.

The crawl's limit of address space is not for a browser, which reserves a terabyte and uses a
thousandth. Here, what each of its processes may really have is limited instead. Standard input is
the line to the crawl: when that ends, whatever ended the crawl, all that was started here is
killed, and its folder is removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from typing import Any, Final

from playwright.async_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    Playwright,
    ViewportSize,
    WebSocketRoute,
    async_playwright,
)
from playwright.async_api import TimeoutError as TookTooLong

from crawlers.pages import line
from crawlers.pages.capture import CaptureFailed, Limits, capture
from crawlers.pages.descendants import descendants
from crawlers.pages.line import Captured
from monitor.logs import places_of

_ASKED: Final = 0
_ADOPT_ORPHANS: Final = 36
_START_S: Final = 50.0
# Of a path of a socket 107 bytes are left; Chromium's own name and ours take 61 of them.
_LONGEST_FOLDER: Final = 46
_END_S: Final = 5.0
_CLOSE_S: Final = 5.0
_FLAGS: Final = (
    # The guard is the one way out, also to this machine, and the one that resolves names.
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-quic",
    # By its name of today, and by that of older ones: what is not known is passed over in silence.
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--dns-prefetch-disable",
    "--no-pings",
    "--disable-remote-fonts",
    "--disable-3d-apis",
)
# Playwright's own, by which any script may open windows.
_WITHOUT: Final = ("--disable-popup-blocking",)
# Much is loaded only when it comes into view: a tall window sees more at once.
_WINDOW: Final[ViewportSize] = {"width": 1280, "height": 2000}


def main() -> None:
    """Keep a browser until nobody asks any more."""
    os.umask(0o077)
    is_long = len(tempfile.gettempdir()) > _LONGEST_FOLDER
    folder = tempfile.mkdtemp(prefix="haechi-", dir="/tmp" if is_long else None)  # noqa: S108
    # Whatever a browser leaves, it leaves there.
    os.environ.update(HOME=folder, TMPDIR=folder, XDG_RUNTIME_DIR=folder)
    tempfile.tempdir = folder
    try:
        setup = line.wait_for(_ASKED)
    except EOFError:
        _end(folder)
    _limit(setup["memory_mb"] << 20)
    _adopt()
    loop = asyncio.new_event_loop()
    keeper = _Keeper(setup)
    # A thread, so that the end is noticed whatever hangs.
    threading.Thread(target=_listen, args=(loop, keeper, folder), daemon=True).start()
    try:
        loop.run_until_complete(keeper.work())
    except Exception as bug:  # noqa: BLE001 - its places are told, and it ends
        _tell({"bug": type(bug).__name__, "places": places_of(bug)})
    finally:
        _end(folder)


class _Keeper:
    """The browser, and the context of the site that it reads."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._setup = setup
        self._limits = Limits(setup["timeout_s"], setup["scrolls"], setup["max_bytes"])
        self._context: BrowserContext | None = None
        self._pages = 0
        self._cookies = ""

    async def work(self) -> None:
        """Start the browser and read page after page; ends when the browser is good no more."""
        async with async_playwright() as playwright:
            try:
                browser = await self._launch(playwright)
            except Error as error:
                if isinstance(error, TookTooLong):
                    # As if it had hung: the next page tries again.
                    return
                _tell({"unusable": _why_not(str(error), self._setup["executable"])})
                return
            _tell({"version": browser.version})
            while browser.is_connected():
                await self._answer(browser, await self.asked.get())

    async def _launch(self, playwright: Playwright) -> Browser:
        return await playwright.chromium.launch(
            executable_path=self._setup["executable"],
            chromium_sandbox=self._setup["sandbox"],
            args=list(_FLAGS),
            ignore_default_args=list(_WITHOUT),
            proxy={"server": self._setup["guard"]},
            # Less than the crawl waits for it; a busy machine may need that long.
            timeout=_START_S * 1_000,
        )

    async def _answer(self, browser: Browser, asked: dict[str, Any]) -> None:
        """Read a page and tell what came of it."""
        try:
            context = await self._ready(browser)
            await self._give(context, asked)
            page = await context.new_page()
        except Error:
            await browser.close()
            return
        try:
            _tell_page(await capture(page, asked["url"], self._setup["password"], self._limits))
        except CaptureFailed as failed:
            _tell({"failed": str(failed)})
        except Error:
            _tell({"failed": "the browser is gone"})
        self._pages += 1
        await self._close(browser, page)

    async def _ready(self, browser: Browser) -> BrowserContext:
        """Give the context; a new one after so many pages, so that nothing grows without end."""
        if self._context is not None and self._pages >= self._setup["pages_per_context"]:
            await self._context.close()
            self._context = None
        if self._context is None:
            self._context = await browser.new_context(
                user_agent=self._setup["user_agent"],
                viewport=_WINDOW,
                accept_downloads=False,
                service_workers="block",
                ignore_https_errors=not self._setup["verify_tls"],
                permissions=[],
                # What scripts write in the reader's own time is then of a zone that is known.
                timezone_id="UTC",
                reduced_motion="reduce",
            )
            await self._context.route_web_socket("**/*", _hang_up)
            self._pages, self._cookies = 0, ""
        return self._context

    async def _give(self, context: BrowserContext, asked: dict[str, Any]) -> None:
        """Hand the crawl's cookies over, as they go with its other requests to this address."""
        if asked["cookies"] == self._cookies:
            return
        self._cookies = asked["cookies"]
        pairs = [one.strip().partition("=") for one in self._cookies.split(";")]
        with contextlib.suppress(Error):
            await context.add_cookies(
                [
                    {"name": name, "value": value, "url": asked["url"]}
                    for name, is_pair, value in pairs
                    if is_pair
                ]
            )

    async def _close(self, browser: Browser, page: Page) -> None:
        """Close a page, and all windows that it opened; a page that does not close ends it all."""
        opened = [page] if self._context is None else self._context.pages
        try:
            async with asyncio.timeout(_CLOSE_S):
                for one in opened:
                    await one.close()
        except (Error, TimeoutError):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await browser.close()


def _hang_up(route: WebSocketRoute) -> None:
    """Leave a page's WebSocket without anybody at the other end."""
    asyncio.ensure_future(route.close())  # noqa: RUF006 - it ends with the page


def _tell_page(captured: Captured) -> None:
    """Tell the crawl what was read."""
    head = {
        "url": captured.url,
        "status": captured.status,
        "headers": dict(captured.headers),
        "is_rendered": captured.is_rendered,
    }
    _tell(head, captured.body)


def _tell(head: dict[str, Any], body: bytes = b"") -> None:
    """Write a message to the crawl; nobody there is noticed by the one who listens."""
    with contextlib.suppress(BrokenPipeError):
        left = memoryview(line.packed(head, body))
        while left:
            left = left[os.write(sys.stdout.fileno(), left) :]


def _why_not(error: str, executable: str) -> str:
    """Say why the browser did not start, in one line."""
    if "No usable sandbox" in error:
        return (
            f"{executable}: its sandbox does not work here: allow user namespaces or install its "
            "helper (on Debian: apt install chromium-sandbox), or, at a risk, browser.sandbox = "
            "false"
        )
    return f"{executable} can't be started as a browser; is it a Chromium, and of today?"


def _listen(loop: asyncio.AbstractEventLoop, keeper: _Keeper, folder: str) -> None:
    """Pass on what the crawl asks; end everything when it asks no more."""
    try:
        while True:
            asked = line.wait_for(_ASKED)
            loop.call_soon_threadsafe(keeper.asked.put_nowait, asked)
    finally:
        _end(folder)


def _limit(memory: int) -> None:
    """Take the crawl's limit off, and set one of what is really used.

    Args:
        memory: Bytes that each process may write to: its data, not what it reserved.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    if sys.platform.startswith("linux"):
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def _adopt() -> None:
    """Become the parent of what the browser leaves behind, so that it is found."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)


def _end(folder: str) -> None:
    """Kill all that was started here, remove its folder, and end."""
    until = time.monotonic() + _END_S
    while (left := descendants(os.getpid())) and time.monotonic() < until:
        for one in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
