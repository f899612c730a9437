"""What reading pages made by scripts costs, and whether a browser's memory stays as it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from crawlers.addresses import rules_for
from crawlers.pages.browser import Browser
from crawlers.pages.descendants import descendants
from monitor import logs
from monitor.bench._base import Bench, Options, Row
from monitor.settings import Settings, build

_PAGES: Final = 100
_POSTS: Final = 6
_WARM: Final = 20
_SAMPLES: Final = 10

_PAGE: Final = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>Bench</title>
<script type="module" src="/app.js"></script></head><body><div id="app"></div></body></html>"""
# As large as an application's own code often is; it is to be loaded once.
_PADDING: Final = "\n".join(f"export const padding{n} = '{'x' * 1_000}';" for n in range(300))
_APPLICATION: Final = """
const got = await (await fetch('/data' + location.pathname)).json();
const app = document.getElementById('app');
const lazy = new IntersectionObserver((entries) => {
  for (const {isIntersecting, target} of entries) {
    if (isIntersecting) { target.src = target.dataset.file; lazy.unobserve(target); }
  }
});
for (const post of got.posts) {
  const made = document.createElement('article');
  const said = document.createElement('p');
  const shown = document.createElement('img');
  said.textContent = post.text;
  shown.dataset.file = post.file;
  shown.height = 400;
  lazy.observe(shown);
  made.append(said, shown);
  app.append(made);
}
"""


class _Application(BaseHTTPRequestHandler):
    """A forum that is built by scripts."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the page, its code or what it shows."""
        kept = ""
        if self.path.startswith("/data/"):
            posts = [
                {"text": f"{self.path}, post {n}: " + "a few words " * 20, "file": f"/{n}.jpg"}
                for n in range(_POSTS)
            ]
            body, kind = json.dumps({"posts": posts}), "application/json"
        elif self.path == "/app.js":
            body, kind, kept = _APPLICATION + _PADDING, "text/javascript", "max-age=86400"
        else:
            body, kind = _PAGE, "text/html"
        content = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if kept:
            self.send_header("Cache-Control", kept)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def run(options: Options) -> list[Row]:
    """Measure."""
    logs.configure(None)
    pages = _PAGES * 10 if options.large else _PAGES
    with TemporaryDirectory(prefix="haechi-bench-") as folder, _serving() as port:
        network = {"allow_private": [f"127.0.0.1:{port}"]}
        settings = build(Path(folder), {"network": network}, sealed=True)
        return asyncio.run(_read(settings, f"http://127.0.0.1:{port}/", pages, options))


async def _read(settings: Settings, address: str, pages: int, options: Options) -> list[Row]:
    """Read one page after the other, and look at the memory now and then."""
    rules = rules_for(address, settings.network.allow_private)
    browser = Browser(settings, rules, address, "Haechi (bench)")
    memory: list[float] = []
    began = time.perf_counter()
    try:
        for number in range(pages):
            if number == _WARM:
                warmed, began = browser.bytes_passed, time.perf_counter()
            captured = await browser.read(f"{address}{number}")
            if captured.body.count(b".jpg") < _POSTS:
                raise RuntimeError("a page was not read to its end")
            if number >= _WARM and (number + 1) % (pages // _SAMPLES) == 0:
                memory.append(_pss_mib(browser.pid))
            options.progress(number + 1, pages)
        seconds = time.perf_counter() - began
        passed = browser.bytes_passed - warmed
    finally:
        await browser.close()
    read = pages - _WARM
    return [
        {
            "pages": pages,
            "seconds_a_page": round(seconds / read, 2),
            "kib_loaded_a_page": round(passed / read / 1024, 1),
            "mib_first": round(memory[0]),
            "mib_most": round(max(memory)),
            "mib_last": round(memory[-1]),
        }
    ]


@contextmanager
def _serving() -> Iterator[int]:
    """Serve the application; gives its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Application) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            serving.join()


def _pss_mib(keeper: int | None) -> float:
    """Tell how much memory a browser has, with the processes that keep it: what is shared, once."""
    if keeper is None:
        raise RuntimeError("the browser is gone")
    total = 0
    for one in (keeper, *descendants(keeper)):
        with contextlib.suppress(OSError):
            told = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii")
            total += sum(int(line.split()[1]) for line in told.splitlines() if line[:4] == "Pss:")
    return total / 1024


BENCH = Bench(
    name="browser",
    help="pages made by scripts: time, bytes and memory over 100 pages, or with --large 1,000",
    run=run,
    takes=frozenset({"large"}),
)
