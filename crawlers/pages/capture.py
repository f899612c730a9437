"""Reads one page in a browser: loads it, waits until it is there, scrolls, gives its HTML."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urldefrag

from playwright.async_api import CDPSession, Error, Page

from crawlers.pages.line import Captured

# What shows a page's text; all else is answered or refused here, and reaches no network.
_LOADED: Final = frozenset({"Script", "Stylesheet", "XHR", "Fetch"})
# In place of every picture: scripts that show one only when it was loaded go on.
_PIXEL: Final = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
_HTML: Final = ("text/html", "application/xhtml+xml")
# Headers that a crawl heeds.
_HEEDED: Final = frozenset({"content-type", "location", "retry-after"})
# Nothing changed for so long: it is there. A page with next to no text is waited for longer.
_QUIET_S: Final = 0.5
_QUIET_WITHOUT_TEXT_S: Final = 3.0
_QUIET_IN_SCROLLS_S: Final = 0.25
_POLL_S: Final = 0.1
_MIN_TEXT: Final = 40
_MAX_WAIT_S: Final = 10.0
# A script that does not let another one in for so long never ends.
_ANSWER_S: Final = 10.0
# A page may load itself once more, as to set a cookie.
_MAX_LOADS: Final = 3

# Run in a world of their own, where no script of the page can have changed anything.
_STATE: Final = """(() => {
  const now = performance.now();
  if (globalThis.changed === undefined) {
    globalThis.changed = now;
    new MutationObserver(() => { globalThis.changed = performance.now(); }).observe(document, {
      subtree: true, childList: true, characterData: true, attributes: true,
      attributeFilter: ['src', 'srcset', 'href', 'data-src'],
    });
  }
  const text = document.body ? document.body.innerText.slice(0, 1000).trim().length : 0;
  return [(now - globalThis.changed) / 1000, text];
})()"""
_SCROLL: Final = """(() => {
  const page = document.scrollingElement || document.documentElement;
  const room = (one) => one.scrollHeight - one.clientHeight;
  let found = page;
  if (room(page) < 50) {
    // Some scroll a part of the page: the largest that can be.
    let most = 0;
    for (const one of [...document.querySelectorAll('div, main, section, ul')].slice(0, 5000)) {
      const size = room(one) < 50 ? 0 : one.clientHeight * one.clientWidth;
      if (size > most && /auto|scroll/.test(getComputedStyle(one).overflowY)) {
        found = one;
        most = size;
      }
    }
  }
  const before = found.scrollTop;
  found.scrollTo({top: before + found.clientHeight * 0.9, behavior: 'instant'});
  return found.scrollTop > before;
})()"""
_SERIALIZE: Final = """(() => {
  const html = document.documentElement ? document.documentElement.outerHTML : '';
  return html.length > %d ? null : ['<!DOCTYPE html>' + html, location.href];
})()"""


class CaptureFailed(Exception):
    """A page that can't be read; the text is one of ours, never the page's."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one page.

    Attributes:
        timeout_s: In all.
        scrolls: At most.
        max_bytes: Of its HTML.
    """

    timeout_s: float
    scrolls: int
    max_bytes: int


@dataclass(slots=True)
class _Visit:
    """A page on its way.

    Attributes:
        answer: Done when there is nothing to be rendered, or nothing more.
        loading: Requests on their way.
    """

    session: CDPSession
    frame: str
    password: str
    answer: asyncio.Future[Captured]
    wanted: str = ""
    loads: int = 0
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    loading: set[str] = field(default_factory=set)
    world: int | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def ends(self, answer: Captured | CaptureFailed) -> None:
        """Say what came of it; the first word counts."""
        if self.answer.done():
            return
        if isinstance(answer, Captured):
            self.answer.set_result(answer)
        else:
            self.answer.set_exception(answer)

    def spawn(self, event: dict[str, Any], *, is_auth: bool = False) -> None:
        """Answer the browser, which waits for it."""
        task = asyncio.ensure_future(self._log_in(event) if is_auth else self._decide(event))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _send(self, method: str, event: dict[str, Any], **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        try:
            answer = await self.session.send(method, {"requestId": event["requestId"], **more})
        except Error:
            # The page is gone, or has given the request up.
            self.loading.discard(event.get("networkId", ""))
        return answer

    async def _log_in(self, event: dict[str, Any]) -> None:
        """Tell the guard its password; a site that asks for one gets none."""
        is_guard = event["authChallenge"].get("source") == "Proxy"
        given = {"response": "CancelAuth"}
        if is_guard:
            given = {"response": "ProvideCredentials", "username": "guard"}
            given["password"] = self.password
        await self._send("Fetch.continueWithAuth", event, authChallengeResponse=given)

    async def _decide(self, event: dict[str, Any]) -> None:
        """Let a request through, or not."""
        kind = event["resourceType"]
        if kind == "Document" and event["frameId"] == self.frame:
            await self._document(event)
        elif kind in _LOADED:
            await self._send("Fetch.continueRequest", event)
        elif kind == "Image":
            await self._send(
                "Fetch.fulfillRequest",
                event,
                responseCode=200,
                responseHeaders=[{"name": "Content-Type", "value": "image/gif"}],
                body=_PIXEL,
            )
        else:
            await self._send("Fetch.failRequest", event, errorReason="BlockedByClient")

    async def _document(self, event: dict[str, Any]) -> None:
        """Read where the page leads, or how it was answered."""
        url = urldefrag(event["request"]["url"]).url
        if "responseErrorReason" in event:
            await self._send("Fetch.continueRequest", event)
            return
        if "responseStatusCode" in event:
            await self._answered(event, url)
            return
        self.wanted = self.wanted or url
        self.loads += url == self.wanted
        if url != self.wanted or event["request"]["method"] != "GET":
            self.ends(Captured(self.wanted, 302, {"Location": url}, b""))
        elif self.loads > _MAX_LOADS:
            self.ends(CaptureFailed("it loads itself anew over and over"))
        else:
            await self._send("Fetch.continueRequest", event)
            return
        await self._send("Fetch.failRequest", event, errorReason="Aborted")

    async def _answered(self, event: dict[str, Any], url: str) -> None:
        """Have a page of HTML rendered; hand back anything else as it is."""
        self.status = event["responseStatusCode"]
        self.headers = {
            header["name"].title(): header["value"]
            for header in event.get("responseHeaders", [])
            if header["name"].lower() in _HEEDED
        }
        kind = self.headers.get("Content-Type", "text/html").partition(";")[0].strip().lower()
        is_redirect = 300 <= self.status < 400 and "Location" in self.headers
        if kind in _HTML and not is_redirect:
            await self._send("Fetch.continueRequest", event)
            return
        content = b""
        if not is_redirect:
            got = await self._send("Fetch.getResponseBody", event)
            text = got.get("body", "")
            content = base64.b64decode(text) if got.get("base64Encoded") else text.encode()
        self.ends(Captured(url, self.status, self.headers, content))
        await self._send("Fetch.failRequest", event, errorReason="Aborted")

    async def ask(self, script: str) -> Any:  # noqa: ANN401 - what a script gives
        """Run a script of ours in the page.

        Raises:
            CaptureFailed: Its own scripts let none in.
            Error: The page was replaced meanwhile, or is gone.
        """
        try:
            async with asyncio.timeout(_ANSWER_S):
                if self.world is None:
                    made = await self.session.send(
                        "Page.createIsolatedWorld", {"frameId": self.frame, "worldName": "haechi"}
                    )
                    self.world = made["executionContextId"]
                told = await self.session.send(
                    "Runtime.evaluate",
                    {"expression": script, "contextId": self.world, "returnByValue": True},
                )
        except TimeoutError:
            raise CaptureFailed("its scripts do not end") from None
        except Error:
            self.world = None
            raise
        if "exceptionDetails" in told:
            raise CaptureFailed("it can't be read in the browser")
        return told["result"].get("value")

    async def settle(self, quiet_s: float, most_s: float) -> None:
        """Wait until nothing changes and nothing is loaded any more; not for ever."""
        until = time.monotonic() + most_s
        while time.monotonic() < until:
            await asyncio.sleep(_POLL_S)
            try:
                calm_s, text = await self.ask(_STATE)
            except Error:
                continue
            enough_s = quiet_s if text >= _MIN_TEXT else _QUIET_WITHOUT_TEXT_S
            if calm_s >= enough_s and not self.loading:
                return


async def capture(page: Page, url: str, password: str, limits: Limits) -> Captured:
    """Read a page.

    Args:
        page: New; the caller closes it, whatever happened.
        password: The guard's.

    Raises:
        CaptureFailed: Says why in one line.
    """
    try:
        session = await page.context.new_cdp_session(page)
        frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        visit = _Visit(session, frame, password, asyncio.get_running_loop().create_future())
        await _watch(page, visit)
        reading = asyncio.ensure_future(_read(page, visit, url, limits))
    except Error as error:
        raise CaptureFailed("the browser is gone") from error
    try:
        done, _ = await asyncio.wait(
            [visit.answer, reading],
            timeout=limits.timeout_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not done:
            raise CaptureFailed("no answer in time")
        return (visit.answer if visit.answer in done else reading).result()
    finally:
        # The refused requests are to be answered before the page is closed.
        await asyncio.wait([*visit.tasks, asyncio.ensure_future(asyncio.sleep(0))], timeout=1)
        left: list[asyncio.Future[Any]] = [reading, visit.answer, *visit.tasks]
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _watch(page: Page, visit: _Visit) -> None:
    """Have everything that the page asks for pass through `_Visit`."""
    session = visit.session
    # Playwright writes into the object of a bound method, which has slots.
    session.on("Fetch.requestPaused", lambda event: visit.spawn(event))
    session.on("Fetch.authRequired", lambda event: visit.spawn(event, is_auth=True))

    def begun(event: dict[str, Any]) -> None:
        if event.get("type") in _LOADED:
            visit.loading.add(event["requestId"])

    def ended(event: dict[str, Any]) -> None:
        visit.loading.discard(event["requestId"])

    session.on("Network.requestWillBeSent", begun)
    session.on("Network.loadingFinished", ended)
    session.on("Network.loadingFailed", ended)
    page.on("crash", lambda _: visit.ends(CaptureFailed("it needs more memory than it may")))
    await session.send("Network.enable")
    patterns = [
        {"urlPattern": "*", "requestStage": "Request"},
        {"urlPattern": "*", "resourceType": "Document", "requestStage": "Response"},
    ]
    await session.send("Fetch.enable", {"handleAuthRequests": True, "patterns": patterns})


async def _read(page: Page, visit: _Visit, url: str, limits: Limits) -> Captured:
    """Load, wait, scroll and take the page."""
    started = time.monotonic()
    # Half of the time for what is loaded, so that some is left for taking it.
    enough = started + limits.timeout_s / 2
    try:
        await page.goto(url, wait_until="commit", timeout=limits.timeout_s * 1_000)
    except Error as error:
        # Where it was ended by us, the answer is there already.
        await asyncio.sleep(_POLL_S)
        raise CaptureFailed(_net_error(str(error))) from error
    await visit.settle(_QUIET_S, min(_MAX_WAIT_S, limits.timeout_s / 4))
    for _ in range(limits.scrolls):
        try:
            if time.monotonic() > enough or not await visit.ask(_SCROLL):
                break
        except Error:
            continue
        await visit.settle(_QUIET_IN_SCROLLS_S, _MAX_WAIT_S / 4)
    try:
        taken = await visit.ask(_SERIALIZE % limits.max_bytes)
    except Error as error:
        raise CaptureFailed("it loads itself anew over and over") from error
    html = taken[0].encode("utf-8", "replace") if isinstance(taken, list) else b""
    if taken is None or len(html) > limits.max_bytes:
        raise CaptureFailed("larger than the limit")
    headers = {**visit.headers, "Content-Type": "text/html; charset=utf-8"}
    place = urldefrag(str(taken[1])).url
    if not place.startswith(("http://", "https://")):
        raise CaptureFailed("it shows something else than a web page")
    return Captured(place, visit.status, headers, html, is_rendered=True)


def _net_error(text: str) -> str:
    """Say in words of ours why a page could not be loaded."""
    if "ERR_CERT" in text or "ERR_SSL" in text:
        return "its certificate can't be verified"
    if "Timeout" in text or "TIMED_OUT" in text:
        return "no answer in time"
    return "the connection failed"
