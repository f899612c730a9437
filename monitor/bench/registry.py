"""How soon an enrolment and a withdrawal are in force in a large bank, and what a hunt costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from sqlalchemy import insert

from monitor.bench._base import Bench, Options, Row
from monitor.clock import utc_now
from monitor.exchange import FORMATS, Given, Kind
from monitor.hashes import RECIPE
from monitor.models.media import MediaFacts
from monitor.nearest.index import Index
from monitor.registry import files
from monitor.registry.bank import Registry
from monitor.registry.matcher import match
from monitor.registry.prints import words_of
from monitor.registry.taking import Tally, take
from monitor.store import cases, posts
from monitor.store.store import Store
from monitor.store.tables import media

_FEW: Final = 100_000
_MANY: Final = 1_000_000
_TRIES: Final = 5
_AT_ONCE: Final = 20_000
_ACTOR: Final = "bench"


def run(options: Options) -> list[Row]:
    """Time a store of random hashes: of a partner's photos, and of media seen in posts.

    Returns:
        A row for each step: its name, how many hashes or media there are, and seconds (the median
        of 5 for one enrolment and one withdrawal, from the commit on until it is seen in a process
        at work).
    """
    count = _MANY if options.large else _FEW
    with TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'bench.db'}")
        try:
            store.migrate()
            return _measured(store, Path(folder), count, options)
        finally:
            store.close()


def _measured(store: Store, state: Path, count: int, options: Options) -> list[Row]:
    """Go through the steps."""
    random = np.random.default_rng(options.seed)
    path = state / "list.txt"
    path.write_text("".join(f"{one}\n" for one in _drawn(random, count)))
    given = FORMATS["plain"].read(path, Kind.PDQ)
    taking = partial(take, store, "partner", given, actor=_ACTOR, tally=Tally())
    steps = {"import a list of them": _took(taking)}
    options.progress(1, 4)
    steps["put them into files"] = _took(lambda: files.keep_up(store, state))
    registry = Registry(store, folder=files.folder_of(state))
    steps["open the bank"] = _took(registry.bank)
    enrolled: list[float] = []
    withdrawn: list[float] = []
    for number in range(_TRIES):
        case_id, (one,) = f"new-{number}", _drawn(random, 1)
        _enrol(store, case_id, [one])
        enrolled.append(_took(partial(_check, registry, one, {case_id})))
        _withdraw(store, case_id)
        withdrawn.append(_took(partial(_check, registry, one, set())))
    steps["see an enrolment"] = statistics.median(enrolled)
    steps["see a withdrawal"] = statistics.median(withdrawn)
    options.progress(2, 4)
    _see_media(store, random, count)
    options.progress(3, 4)
    steps["look for a photo in as many media"] = _took(lambda: _hunt(store, _drawn(random, 8)))
    return [
        {"step": step, "hashes": count, "seconds": round(seconds, 4)}
        for step, seconds in steps.items()
    ]


def _took(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _drawn(random: np.random.Generator, count: int) -> list[str]:
    """Draw hashes, in hex; like PDQ's, a half of their bits is set."""
    halves = np.frombuffer(random.bytes(16 * count), np.uint8).reshape(count, 16)
    digits = np.concatenate([halves, ~halves], axis=1).tobytes().hex()
    return [digits[start : start + 64] for start in range(0, len(digits), 64)]


def _enrol(store: Store, case_id: str, hashes: list[str]) -> None:
    """Enrol photos of which only a hash is known."""
    given = (Given(str(number), {Kind.PDQ: one}) for number, one in enumerate(hashes))
    take(store, case_id, given, actor=_ACTOR, tally=Tally())


def _withdraw(store: Store, case_id: str) -> None:
    with store.write() as db:
        cases.withdraw(db, case_id, actor=_ACTOR, now=utc_now())


def _check(registry: Registry, pdq: str, expected: set[str]) -> None:
    """Match a picture in a process at work.

    Raises:
        RuntimeError: It is found in other cases than it must be.
    """
    facts = MediaFacts("", "image/jpeg", 1, 1, 1, pdq, 100, "", RECIPE)
    if {one.case_id for one in match(registry.bank(), facts)} != expected:
        raise RuntimeError("a change of the bank is not in force")


def _see_media(store: Store, random: np.random.Generator, count: int) -> None:
    """Have as many media been seen; every other one with a panel."""
    for start in range(0, count, _AT_ONCE):
        size = min(_AT_ONCE, count - start)
        hashes = _drawn(random, 3 * size)
        rows = [
            {
                "sha256": sha256,
                "mime": "image/jpeg",
                "size": 1,
                "width": 1,
                "height": 1,
                "pdq": whole,
                "pdq_quality": 100,
                "phash": "",
                "recipe": RECIPE,
                "panels": [{"region": [0, 0, 0.5, 0.5], "pdq": panel, "quality": 100}] * (i % 2),
                "first_seen_at": utc_now(),
                "partial": False,
            }
            for i, (sha256, whole, panel) in enumerate(
                zip(hashes[:size], hashes[size : 2 * size], hashes[2 * size :], strict=True)
            )
        ]
        with store.write() as db:
            db.execute(insert(media), rows)


def _hunt(store: Store, turns: list[str]) -> None:
    """Compare all that was seen with a photo's turns, as a hunt does."""
    index = Index()
    index.add(words_of(turns), np.zeros(len(turns), np.uint32))
    row = 0
    while True:
        with store.read() as db:
            part = posts.hashes_after(db, row, _AT_ONCE)
        if not part.files:
            return
        index.search(words_of([part.digits]))
        row = part.last


BENCH: Final = Bench(
    name="registry",
    help="Enrolling and withdrawing in a bank of 100,000 hashes; --large: of a million.",
    run=run,
    takes=frozenset({"large", "seed"}),
)
