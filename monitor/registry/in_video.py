"""Says of a posted video which enrolled photos and videos are in it, when, and how sure that is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Final

import numpy as np

from monitor.hashes.pdq import DIHEDRAL, MIN_QUALITY, THRESHOLD
from monitor.models.case import Fingerprint
from monitor.models.frames import Frames, Region, load, region_of
from monitor.models.match import Grade, Match, Moment, inverted
from monitor.models.media import MediaFacts
from monitor.registry.bank import Bank
from monitor.registry.prints import HASHES_OF_ONE, words_of

# Shares of frames, of the post's video or of the enrolled one, whichever is more: a part of it was
# posted, or it is in a longer one. What only begins like it has the same intro. (vPDQ's two
# published defaults are 80 % of the one and of the other.)
_STRONG: Final = 0.6
_REVIEW: Final = 0.5
_LEAST_FRAMES: Final = 3
# A frame of the enrolled video counts as found where one as near to it in time is.
_NEAR_MS, _MOST_NEAR_MS = 400, 3_000


@dataclass(frozen=True, slots=True)
class Met:
    """A picture of a posted video that matches.

    Attributes:
        ms: When it is shown.
        clip_ms: When it is in the enrolled video; None: it is a photo.
    """

    ms: int
    match: Match
    clip_ms: int | None = None


@dataclass(slots=True)
class Timeline:
    """What of a posted video was looked at.

    Attributes:
        hashed: Times of the frames whose hashes are matched on; ms, in order.
        closely: Times of its pictures that were looked at closely.
        every: Times of all of its frames.
        end: Its length.
    """

    hashed: list[int]
    every: list[int]
    end: int
    closely: list[int] = field(default_factory=list)


def timeline(frames: Frames, closely: Iterable[int] = ()) -> Timeline:
    """Tell what of a video was looked at."""
    rows = frames.rows
    good = sorted(set(rows["ms"][rows["quality"] >= MIN_QUALITY].tolist()))
    every = sorted({*rows["ms"].tolist(), *closely})
    return Timeline(good, every, max([frames.duration_ms, *every[-1:]]), sorted(set(closely)))


def met_by_hash(bank: Bank, facts: MediaFacts, frames: Frames) -> list[Met]:
    """Match the hashes of a video's frames, each as a picture's is."""
    rows = frames.rows[frames.rows["quality"] >= MIN_QUALITY]
    if not len(rows):
        return []
    plain = np.ascontiguousarray(rows["hash"][:, 0]).astype(np.uint64)
    # In inverted colours each bit of a hash is the other one.
    queries = np.concatenate([plain, ~plain])
    return [*_photos_met(bank, facts, rows, queries), *_clips_met(bank, facts, rows, queries)]


def summed_up(
    bank: Bank, facts: MediaFacts, frames: Frames, met: Sequence[Met], looked_at: Timeline
) -> list[Match]:
    """Sum up what was met in a video: one match a photo or video that was enrolled."""
    photos: dict[str, list[Met]] = defaultdict(list)
    clips: dict[str, list[Met]] = defaultdict(list)
    for one in met:
        (photos if one.clip_ms is None else clips)[one.match.fingerprint_id].append(one)
    found = [_photo_match(some, looked_at) for some in photos.values()]
    enrolled = {one.id: frames for one, frames in _enrolled(bank)} if clips else {}
    for key, some in clips.items():
        if key in enrolled and (match := _clip_match(some, enrolled[key], looked_at)):
            found.append(match)
    return sorted(found, key=lambda one: one.rank)


def all_of_it(looked_at: Timeline) -> Moment:
    """Say of the very file that was enrolled that it is all there."""
    moment = _moment(0, looked_at.end, 1.0, len(looked_at.every), looked_at)
    return replace(moment, clip_start_s=0.0, clip_end_s=looked_at.end / 1000, clip_share=1.0)


def at_moment(match: Match, facts: MediaFacts, ms: int) -> Match:
    """Say of a picture of a video that matches when it is shown."""
    looked_at = timeline(load(facts.frames or b""))
    share = 1 / max(1, len(looked_at.every))
    moment = _moment(ms, _after(ms, looked_at), share, 1, looked_at)
    return replace(match, moment=moment)


def _enrolled(bank: Bank) -> list[tuple[Fingerprint, Frames]]:
    """List the enrolled videos that are watched for."""
    prints = bank.prints.of_numbers(bank.clips.numbers)
    return [(one, bank.clips.frames_of(number)) for number, one in prints.items()]


def _photos_met(bank: Bank, facts: MediaFacts, rows: np.ndarray, queries: np.ndarray) -> list[Met]:
    near = bank.nearest.search(queries)
    prints = bank.prints.of_numbers(set((near[:, 1] // HASHES_OF_ONE).tolist()))
    found = []
    for query, owner, _ in near.tolist():
        number, variant = divmod(owner, HASHES_OF_ONE)
        one = prints.get(number)
        if one is None:
            continue
        # The fingerprint's own hash counts, as with pictures.
        own = words_of(one.pdq[variant : variant + 1])
        distance = int(np.bitwise_count(own ^ queries[query]).sum())
        if len(own) and distance <= THRESHOLD:
            at = _At(rows, query, variant % len(DIHEDRAL), distance)
            found.append(at.met(one, facts))
    return found


def _clips_met(bank: Bank, facts: MediaFacts, rows: np.ndarray, queries: np.ndarray) -> list[Met]:
    hits = bank.clips.search(queries)
    prints = bank.prints.of_numbers({one.number for one in hits})
    return [
        _At(rows, one.query, one.turn, one.distance).met(prints[one.number], facts, one.ms)
        for one in hits
        if one.number in prints
    ]


@dataclass(frozen=True, slots=True)
class _At:
    """Where a hash was met."""

    rows: np.ndarray
    query: int
    turn: int
    distance: int

    def met(self, one: Fingerprint, facts: MediaFacts, clip_ms: int | None = None) -> Met:
        is_inverted, at = divmod(self.query, len(self.rows))
        row = self.rows[at]
        turn = DIHEDRAL[self.turn]
        match = Match(
            case_id=one.case_id,
            fingerprint_id=one.id,
            media_sha256=facts.sha256,
            method="pdq",
            distance=self.distance,
            quality=min(one.quality, int(row["quality"])),
            transform=inverted(turn) if is_inverted else turn,
            grade=Grade.STRONG,
            region=region_of(row),
            partner=one.partner,
        )
        return Met(int(row["ms"]), match, clip_ms)


def _photo_match(met: Sequence[Met], looked_at: Timeline) -> Match:
    """Say of a photo that was met: the surest of its matches, and from when to when it is shown."""
    best = min(met, key=lambda one: (one.match.rank, one.ms))
    times = {one.ms for one in met}
    start, end = _run(best.ms, times, looked_at, _tested(best.match, looked_at))
    share = len(times) / max(1, len(looked_at.every))
    return replace(best.match, moment=_moment(start, end, share, len(times), looked_at))


def _tested(match: Match, looked_at: Timeline) -> list[int]:
    """List the times at which it would have been met as it was, had it been shown."""
    return looked_at.every if match.placing is None else looked_at.closely


def _run(at: int, times: set[int], looked_at: Timeline, tested: Sequence[int]) -> tuple[int, int]:
    """Tell from when to when something is shown: until a picture that was looked at lacks it."""
    lacking = [one for one in tested if one not in times]
    after = min((one for one in lacking if one > at), default=looked_at.end)
    before = max((one for one in lacking if one < at), default=-1)
    start = min(one for one in times if before < one < after)
    return start, after


def _clip_match(met: Sequence[Met], clip: Frames, looked_at: Timeline) -> Match | None:
    """Say of a video that was met how much of it, and of the post, is the same; None: too little.

    Both shares are counted in frames that are unlike the one before, of each side: a still end
    card is one of them.
    """
    transform, _ = Counter(one.match.transform for one in met).most_common(1)[0]
    same = [one for one in met if one.match.transform == transform]
    hashed = {one.ms for one in same if one.match.placing is None}
    times = {one.ms for one in same}
    of_hashed = len(hashed) / len(looked_at.hashed) if looked_at.hashed else 0.0
    of_closely = (
        len(times.intersection(looked_at.closely)) / len(looked_at.closely)
        if looked_at.closely
        else 0.0
    )
    share = max(of_hashed, of_closely)
    clip_times = {one.clip_ms for one in same if one.clip_ms is not None}
    clip_share, clip_frames = _found_again(clip, clip_times, looked_at)
    tested = looked_at.hashed if of_hashed >= of_closely else looked_at.closely
    least = min(_LEAST_FRAMES, len(tested), clip_frames)
    most = max(share, clip_share)
    if len(times) < least or most < _REVIEW:
        return None
    best = min(same, key=lambda one: (one.match.rank, one.ms))
    by_hash = [one for one in same if one.match.placing is None]
    # A frame may be near to several of a video that hardly moves.
    nearest: dict[int, int] = {}
    for one in by_hash:
        nearest[one.ms] = min(one.match.distance or 0, nearest.get(one.ms, THRESHOLD))
    moment = replace(
        _moment(min(times), _after(max(times), looked_at), share, len(times), looked_at),
        clip_start_s=min(clip_times) / 1000,
        clip_end_s=max(clip_times) / 1000,
        clip_share=round(clip_share, 3),
    )
    match = replace(
        best.match,
        grade=Grade.STRONG if most >= _STRONG else Grade.REVIEW,
        transform=transform,
        moment=moment,
    )
    if of_hashed < of_closely or not by_hash:
        return match
    return replace(
        match,
        method="vpdq",
        distance=round(median(nearest.values())),
        region=_usual_region(by_hash),
        placing=None,
    )


def _found_again(clip: Frames, times: set[int], looked_at: Timeline) -> tuple[float, int]:
    """Tell which share of an enrolled video's frames is found again, and how many it has."""
    rows = clip.rows[clip.rows["quality"] >= MIN_QUALITY]
    every = np.array(sorted(set(rows["ms"].tolist())), np.int64)
    if not len(every) or not times:
        return 0.0, len(every)
    # A post is looked at in fewer places.
    gaps = np.diff(looked_at.closely or looked_at.hashed)
    reach = min(_MOST_NEAR_MS, max(_NEAR_MS, int(np.median(gaps)) if len(gaps) else 0))
    found = np.array(sorted(times), np.int64)
    at = np.searchsorted(found, every)
    before = np.abs(every - found[np.maximum(at - 1, 0)])
    after = np.abs(every - found[np.minimum(at, len(found) - 1)])
    return float((np.minimum(before, after) <= reach).mean()), len(every)


def _usual_region(met: Sequence[Met]) -> Region:
    regions = Counter(one.match.region for one in met)
    return regions.most_common(1)[0][0]


def _after(ms: int, looked_at: Timeline) -> int:
    """Tell when a frame is followed by another one."""
    return min((one for one in looked_at.every if one > ms), default=looked_at.end)


def _moment(start: int, end: int, share: float, frames: int, looked_at: Timeline) -> Moment:
    return Moment(
        start_s=start / 1000,
        end_s=end / 1000,
        share=round(min(1.0, share), 3),
        length_s=looked_at.end / 1000,
        frames=frames,
    )
