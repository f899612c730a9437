"""How long exact search of hashes takes, beside its peers where these are installed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from monitor.bench._base import Bench, Options, Row
from monitor.bench._indexes import EXCHANGE, FLAT, Search, exchange, flat
from monitor.bench._timing import medians
from monitor.compiled import START_S, kernels
from monitor.nearest.index import Index
from monitor.nearest.scan import KERNELS, Words
from monitor.nearest.segment import made, opened, write
from monitor.nearest.tables import MOST_ROWS, RADIUS

_ROUNDS: Final = 5
_HASHES: Final = 1_000_000
_LARGE: Final = 10_000_000
_SINGLE: Final = 82
_BATCH: Final = 1_000
# Planted neighbours differ by 0 bits to this many.
_FARTHEST: Final = 40
_OURS: Final = "haechi, from files"
_INSTALL: Final = {FLAT: "faiss-cpu", EXCHANGE: "threatexchange"}


def run(options: Options) -> list[Row]:
    """Time 82 queries one after the other, 0 to 40 bits from a hash, and a batch, on one core.

    Returns:
        A row for each way: its name, the number of hashes, how many queries at once, milliseconds
        a query (median of 5 rounds in which all take their turn), that in units of ours, and for
        us how many planted neighbours within 31 bits were missed, how many found beyond, and bytes
        a hash in the file.
    """
    kernels(KERNELS, START_S)
    rows = _measured(_HASHES, options)
    if options.large:
        rows += _measured(_LARGE, options)
    return rows


def _measured(count: int, options: Options) -> list[Row]:
    """Measure in so many hashes."""
    random = np.random.default_rng(options.seed)
    words = random.integers(0, 2**64, (count, 4), np.uint64)
    single = _planted(random, words, _SINGLE)
    batch = random.integers(0, 2**64, (_BATCH, 4), np.uint64)
    with TemporaryDirectory() as folder:
        index, size = _filed(words, Path(folder))
        peers = {FLAT: flat(words)}
        if count == _HASHES:
            # At ten million it takes minutes to be made.
            peers[EXCHANGE] = exchange(words)
        ways: dict[str, Search] = {_OURS: index.search}
        ways |= {name: search for name, search in peers.items() if search is not None}
        missed, beyond = _wrong(index, single)
        rows: list[Row] = []
        for at_once, queries, taking in (
            (1, single, {name: partial(_one_by_one, search) for name, search in ways.items()}),
            (_BATCH, batch, {name: ways[name] for name in ways if name != EXCHANGE}),
        ):
            times = medians(taking, [queries], _ROUNDS)
            rows += [
                {
                    "way": name,
                    "hashes": count,
                    "queries_at_once": at_once,
                    "ms_a_query": round(milliseconds / len(queries), 4),
                    "times_ours": round(milliseconds / times[_OURS], 1),
                    "missed": missed if name == _OURS else None,
                    "beyond": beyond if name == _OURS else None,
                    "bytes_a_hash": round(size / count, 1) if name == _OURS else None,
                }
                for name, milliseconds in times.items()
            ]
        rows += [
            {"way": f"{name}: not installed (pip install {_INSTALL[name]})", "hashes": count}
            for name, search in peers.items()
            if search is None
        ]
        return rows


def _one_by_one(search: Search, queries: Words) -> object:
    """Search for one after the other, as crawls do."""
    return [search(one[None]) for one in queries]


def _filed(words: Words, folder: Path) -> tuple[Index, int]:
    """Put hashes into files, as the bank does; says how large these are."""
    segments = []
    for start in range(0, len(words), MOST_ROWS):
        part = words[start : start + MOST_ROWS]
        owners = np.arange(start, start + len(part), dtype=np.uint32)
        segments.append(opened(write(made(part, owners), folder)))
    return Index(segments), sum(one.stat().st_size for one in folder.iterdir())


def _planted(random: np.random.Generator, words: Words, count: int) -> Words:
    """Make queries: each is some bits from the hash of its number."""
    queries = words[:count].copy()
    for number, query in enumerate(queries):
        for bit in random.permutation(256)[: number % (_FARTHEST + 1)].tolist():
            query[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
    return queries


def _wrong(index: Index, queries: Words) -> tuple[int, int]:
    """Count planted neighbours that are not found, and those beyond the radius that are."""
    found = {(query, owner) for query, owner, _ in index.search(queries).tolist()}
    near = {(one, one) for one in range(len(queries)) if one % (_FARTHEST + 1) <= RADIUS}
    far = {(one, one) for one in range(len(queries))} - near
    return len(near - found), len(far & found)


BENCH: Final = Bench(
    name="nearest",
    help="Exact search of a million hashes, beside its peers; --large: in ten million too.",
    run=run,
    takes=frozenset({"large", "seed"}),
)
