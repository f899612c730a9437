"""How many edited reposts are found, by hashes alone and with local features."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from monitor.bench._banks import banks, looked_up, named
from monitor.bench._base import Bench, Options, Row
from monitor.bench._trial import Post, trial


@dataclass(slots=True)
class _Tally:
    """What became of the posts of one edit; of each way, how many reposts were found."""

    reposts: int = 0
    others: int = 0
    hash_strong: int = 0
    hash_any: int = 0
    strong: int = 0
    any: int = 0
    false_strong: int = 0
    false_review: int = 0
    wrong: int = 0
    hash_ms: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)


def run(options: Options) -> list[Row]:
    """Enrol photos as `haechi enrol` does, and look up posts as `haechi scan` does.

    Returns:
        A row for each edit: the reposts and the other posts; the share of reposts found by hashes
        alone and with local features, as strong and at all; other posts that were taken for a
        repost, as strong and for review only, and reposts taken for another photo, as strong;
        milliseconds a post from its file to its matches, for hashes alone and for all. The last
        row has the mean of the shares, and sums.

    Raises:
        Misuse: The folder has too few photos, or its trial can't be read.
    """
    given = trial(options)
    by_hashes, by_all, names = banks(given.enrolled, options.beside)
    tallies: dict[str, _Tally] = {}
    for done, post in enumerate(given.posts, 1):
        tally = tallies.setdefault(post.edit, _Tally())
        hashed, hash_ms = looked_up(by_hashes, post.data)
        found, ms = looked_up(by_all, post.data)
        tally.hash_ms.append(hash_ms)
        tally.ms.append(ms)
        _count(tally, post, named(hashed, names), named(found, names))
        options.progress(done, given.count)
    rows = [_row(edit, [tally]) for edit, tally in tallies.items()]
    return [*rows, _row("all", tallies.values())]


def _count(tally: _Tally, post: Post, hashed: dict[str, bool], found: dict[str, bool]) -> None:
    """Count one post."""
    if post.of is None:
        tally.others += 1
        tally.false_strong += any(found.values())
        tally.false_review += bool(found) and not any(found.values())
        return
    tally.reposts += 1
    tally.hash_strong += hashed.get(post.of, False)
    tally.hash_any += post.of in hashed
    tally.strong += found.get(post.of, False)
    tally.any += post.of in found
    tally.wrong += any(strong for name, strong in found.items() if name != post.of)


def _row(edit: str, tallies: Iterable[_Tally]) -> Row:
    """Make the row of one edit, or of all."""
    every = list(tallies)
    row: Row = {"edit": edit}
    row |= {name: sum(getattr(one, name) for one in every) for name in ("reposts", "others")}
    for name in ("hash_strong", "hash_any", "strong", "any"):
        shares = [getattr(one, name) / one.reposts for one in every if one.reposts]
        row[name] = round(statistics.mean(shares), 4) if shares else None
    for name in ("false_strong", "false_review", "wrong"):
        row[name] = sum(getattr(one, name) for one in every)
    for name in ("hash_ms", "ms"):
        times = [ms for one in every for ms in getattr(one, name)]
        row[name] = round(statistics.mean(times), 1)
    return row


BENCH: Final = Bench(
    name="reposts",
    help="Share of edited reposts found, by hashes and with local features, and what is false.",
    run=run,
    takes=frozenset({"enrol", "seed", "screenshots", "beside"}),
)
