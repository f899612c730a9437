"""Times several ways of doing a thing in turn, so that a busy moment hits all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Input = TypeVar("Input")


def medians(
    ways: Mapping[str, Callable[[Input], object]],
    inputs: Sequence[Input],
    rounds: int,
    tick: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Time every way on every input.

    Args:
        tick: Called after each round.

    Returns:
        Milliseconds an input of each way, the median of the rounds.
    """
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way(inputs[0])
    for _ in range(rounds):
        round_s = dict.fromkeys(ways, 0.0)
        for one in inputs:
            for name, way in ways.items():
                start = time.perf_counter()
                way(one)
                round_s[name] += time.perf_counter() - start
        for name, seconds in round_s.items():
            spent[name].append(1000 * seconds / len(inputs))
        tick()
    return {name: statistics.median(times) for name, times in spent.items()}
