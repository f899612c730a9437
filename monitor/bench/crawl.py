"""How fast a forum is crawled, beside Scrapy that only fetches its pages; and pages by engine."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from crawlers.engines import ENGINES
from monitor.bench import _site
from monitor.bench._base import Bench, Options, Row
from monitor.clock import utc_now
from monitor.models.source import SourceKind
from monitor.settings import FILE_NAME, load
from monitor.store import runs, sources
from monitor.store.store import Store

_FIXTURES: Final = Path(__file__).parents[2] / "tests" / "fixtures" / "engines"
_THREADS, _THREADS_LARGE = 960, 4_800
_ROUNDS: Final = 3
_WAYS: Final = {
    "follow": "links followed, as `scrapy bench` does, with a crawl's settings",
    "fetch": "all addresses known beforehand, with a crawl's settings",
    "eager": "all addresses known beforehand, Scrapy's own settings, 8 at once",
}
_PARSED: Final = 30
# Modules of this package are imported before they are run: nothing comes of it.
_PYTHON: Final = (sys.executable, "-P", "-W", "ignore::RuntimeWarning")


def _run(options: Options) -> list[Row]:
    """Measure; `large` is 5,000 pages, else 1,000."""
    threads = _THREADS_LARGE if options.large else _THREADS
    with TemporaryDirectory(prefix="haechi-bench-") as folder:
        rows = _speed(Path(folder), threads, options)
    return [*rows, *_parsing()]


def _speed(folder: Path, threads: int, options: Options) -> list[Row]:
    """Fetch the pages by Scrapy alone, and crawl them, in turn."""
    addresses = list(_site.pages(threads))
    crawled: list[tuple[float, float]] = []
    bare: dict[str, list[float]] = {way: [] for way in _WAYS}
    steps = (len(_WAYS) + 1) * _ROUNDS
    with _serving(threads) as port:
        file = folder / "addresses.txt"
        file.write_text("\n".join(f"http://127.0.0.1:{port}{one}" for one in addresses), "utf-8")
        for number in range(_ROUNDS):
            home = folder / str(number)
            _make_home(home, port)
            for step, way in enumerate(_WAYS):
                bare[way].append(_bare(home, way, file))
                options.progress((len(_WAYS) + 1) * number + step + 1, steps)
            crawled.append(_crawl(home, port, threads, len(addresses)))
            options.progress((len(_WAYS) + 1) * (number + 1), steps)
    speeds = [len(addresses) / seconds for seconds, _ in crawled]
    whole: Row = {
        "what": f"{len(addresses)} pages crawled: parsed, cleaned, hashed, committed",
        "pages_a_second": round(median(speeds)),
        "mib_more_after_the_first_tenth": round(median(more for _, more in crawled), 1),
    }
    rows = [whole]
    for way, what in _WAYS.items():
        ratios = [mine / its for mine, its in zip(speeds, bare[way], strict=True)]
        row: Row = {
            "what": f"the same by Scrapy alone: {what}",
            "pages_a_second": round(median(bare[way])),
            "crawl_to_it": round(median(ratios), 2),
        }
        rows.append(row)
    return rows


@contextmanager
def _serving(threads: int) -> Iterator[int]:
    """Run the site; gives its port."""
    command = [*_PYTHON, "-m", "monitor.bench._site", str(threads)]
    with subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield int(process.stdout.readline() if process.stdout else "0")
        finally:
            process.terminate()


def _make_home(home: Path, port: int) -> None:
    """Make a home whose crawls wait for nothing."""
    home.mkdir()
    (home / FILE_NAME).write_text(
        '[operator]\ncontact = "mailto:bench@example.org"\n'
        f'[network]\ndelay_s = 0\nallow_private = ["127.0.0.1:{port}"]\n'
        "[crawl]\nmax_pages = 100000\ntime_limit_s = 3600\n",
        encoding="utf-8",
    )
    store = Store(load(home).store_url)
    store.migrate()
    store.close()


def _bare(home: Path, way: str, file: Path) -> float:
    """Fetch by Scrapy alone; gives pages a second, without the start of the process."""
    command = [*_PYTHON, "-m", "monitor.bench._bare", str(home), way]
    done = subprocess.run(  # noqa: S603 - our own module
        [*command, str(file)], capture_output=True, text=True, check=True
    )
    fetched, seconds = done.stdout.split()
    return float(fetched) / float(seconds)


def _crawl(home: Path, port: int, threads: int, pages: int) -> tuple[float, float]:
    """Crawl all of it in a process of its own, as `haechi crawl` does.

    Returns:
        Seconds from its first page on, as the others are timed; MiB that it grew by after a tenth.
    """
    settings = load(home)
    store = Store(settings.store_url)
    with store.write() as db:
        source = sources.add(
            db,
            kind=SourceKind.FORUM,
            address=f"http://127.0.0.1:{port}/",
            engine=None,
            interval_s=3_600,
            now=utc_now(),
        )
    command = [sys.executable, "-P", "-m", "crawlers", "--group", source.id, "--home", str(home)]
    began = first = last = 0.0
    with subprocess.Popen(  # noqa: S603 - our own module
        [*command, "--memory-mb", str(settings.crawl.memory_mb)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout or ():
            began = began or time.perf_counter()
            done = json.loads(line).get("pages", 0)
            if done >= pages // 10:
                last = _memory_mib(process.pid) or last
                first = first or last
        seconds = time.perf_counter() - began
    with store.read() as db:
        [run] = runs.latest(db, 1)
    store.close()
    if run.counts.posts_new != _site.ON_A_PAGE * threads:
        # No figure of a crawl that missed something.
        raise RuntimeError(f"the crawl gave {run.counts.posts_new} posts of {threads} threads")
    return seconds, last - first


def _memory_mib(pid: int) -> float:
    """Read how much memory a process has resident."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    # Without any where it has just ended.
    return next((int(one.split()[1]) / 1_024 for one in status if one.startswith("VmRSS")), 0.0)


def _parsing() -> list[Row]:
    """Time how each engine reads a page of posts, where the tests' pages are there."""
    rows: list[Row] = []
    for name, engine in ENGINES.items():
        facts = _FIXTURES / name / "pages.toml"
        if not facts.exists():
            continue
        for page, about in tomllib.loads(facts.read_text(encoding="utf-8")).items():
            path = next((_FIXTURES / name).glob(f"{page}.*"))
            if about["lists"] == "posts":
                rows.append(_parsed(f"{name}: {path.name}", engine, path, about["url"]))
    return rows


def _parsed(what: str, engine: Any, path: Path, url: str) -> Row:  # noqa: ANN401 - an engine
    text = path.read_text(encoding="utf-8")
    times = []
    for _ in range(_PARSED):
        began = time.perf_counter()
        read = engine.posts(text, url)
        times.append(1_000 * (time.perf_counter() - began))
    return {
        "what": what,
        "ms_a_page": round(median(times), 2),
        "kib": round(len(text) / 1_024, 1),
        "posts": len(read.posts),
    }


BENCH = Bench(
    name="crawl",
    help="A forum crawled, and Scrapy that only fetches its pages; parse time by engine.",
    run=_run,
    takes=frozenset({"large"}),
)
