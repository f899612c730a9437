"""What others search hashes with, where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np

from monitor.nearest.scan import Words
from monitor.nearest.tables import RADIUS

FLAT = "faiss IndexBinaryFlat"
EXCHANGE = "python-threatexchange PDQIndex"

Search = Callable[[Words], object]


def _installed(name: str) -> Any:  # noqa: ANN401 - a module that is not there for mypy
    """Import a peer; None where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


faiss = _installed("faiss")
exchanged = _installed("threatexchange.signal_type.pdq.pdq_index")


def flat(words: Words) -> Search | None:
    """Give faiss's scan, on one core; None where it is not installed."""
    if faiss is None:
        return None
    faiss.omp_set_num_threads(1)
    index = faiss.IndexBinaryFlat(256)
    index.add(_bytes(words))
    # It takes what is nearer than the radius.
    return lambda queries: index.range_search(_bytes(queries), RADIUS + 1)


def exchange(words: Words) -> Search | None:
    """Give the index of python-threatexchange, on one core; None where it is not installed."""
    if exchanged is None:
        return None
    index = exchanged.PDQIndex.build(_named(words))
    return lambda queries: [index.query(one.tobytes().hex()) for one in queries]


def _named(words: Words) -> Iterator[tuple[str, int]]:
    for number, one in enumerate(words):
        yield one.tobytes().hex(), number


def _bytes(words: Words) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.ascontiguousarray(words).view(np.uint8).reshape(len(words), -1)
