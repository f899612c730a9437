"""How often enrolled photos and clips are found in posted videos, and what looking costs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from monitor.bench._base import Bench, Options, Row
from monitor.bench._video_bank import Looked, VideoBank
from monitor.bench._video_speed import STEPS, speed
from monitor.bench._video_trial import VideoPost, video_trial
from monitor.models.match import Grade, Match


@dataclass(slots=True)
class _Tally:
    """What became of the posts of one edit; of each way, how many reposts were found.

    Attributes:
        starts_off_s: By how much the time of each found one is off.
    """

    reposts: int = 0
    others: int = 0
    hash_strong: int = 0
    hash_any: int = 0
    strong: int = 0
    any: int = 0
    false_strong: int = 0
    false_review: int = 0
    wrong: int = 0
    starts_off_s: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)


def run(options: Options) -> list[Row]:
    """Enrol photos and clips, and look up videos that were made of them and of strangers'.

    Returns:
        A row for each edit: the reposts and the other posts; the share of reposts found by hashes
        alone and with local features, as strong and at all; the median of the seconds by which the
        start that is told of a found one is off; other posts that were taken for a repost, as
        strong and for review only, and reposts taken for another photo or clip, as strong;
        milliseconds a post from its file to its matches. The row "all" has the means of the shares,
        and sums. Then what looking costs (`monitor.bench._video_speed`).

    Raises:
        Misuse: The folder has too few photos.
    """
    given = video_trial(options)
    total = given.count + STEPS
    done = 0
    tallies: dict[str, _Tally] = {}

    def step() -> None:
        nonlocal done
        done += 1
        options.progress(done, total)

    with TemporaryDirectory() as folder, VideoBank(Path(folder)) as bank:
        for name, photo in given.photos:
            bank.enrol_photo(name, photo)
            step()
        for name, data in given.clips:
            bank.enrol_clip(name, data)
            step()
        for post in given.posts:
            _count(tallies.setdefault(post.edit, _Tally()), post, bank.look_up(post.data))
            step()
        rows = [_row(edit, [tally]) for edit, tally in tallies.items()]
        rows.append(_row("all", tallies.values()))
        return [*rows, *speed(bank, options, Path(folder), step)]


def _count(tally: _Tally, post: VideoPost, looked: Looked) -> None:
    """Count one post."""
    hashed, found = _are_strong(looked.by_hashes), _are_strong(looked.by_all)
    tally.ms.append(looked.ms)
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
    moment = looked.by_all[post.of].moment if post.of in found else None
    if moment is not None and moment.start_s is not None:
        tally.starts_off_s.append(abs(moment.start_s - post.start_s))


def _are_strong(found: dict[str, Match]) -> dict[str, bool]:
    return {name: one.grade is not Grade.REVIEW for name, one in found.items()}


def _row(edit: str, tallies: Iterable[_Tally]) -> Row:
    """Make the row of one edit, or of all."""
    every = list(tallies)
    row: Row = {"what": edit}
    row |= {name: sum(getattr(one, name) for one in every) for name in ("reposts", "others")}
    for name in ("hash_strong", "hash_any", "strong", "any"):
        shares = [getattr(one, name) / one.reposts for one in every if one.reposts]
        row[name] = round(statistics.mean(shares), 4) if shares else None
    off = [one for tally in every for one in tally.starts_off_s]
    row["start_off_s"] = round(statistics.median(off), 2) if off else None
    for name in ("false_strong", "false_review", "wrong"):
        row[name] = sum(getattr(one, name) for one in every)
    row["ms"] = round(statistics.mean(ms for one in every for ms in one.ms), 1)
    return row


BENCH: Final = Bench(
    name="video",
    help="Share of edited videos found, what is false, and what looking through a video costs.",
    run=run,
    takes=frozenset({"enrol", "seed", "large"}),
)
