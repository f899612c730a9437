"""Looks for parts of photos that are being enrolled in the pictures that crawls saw lately."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from monitor.alerts.rules import alerting
from monitor.clock import Clock, utc_now
from monitor.features.extract import Luma
from monitor.features.sealing import Sealer
from monitor.models.match import Match
from monitor.registry.in_video import at_moment
from monitor.registry.matcher import best_of_each_case
from monitor.registry.moments import parted
from monitor.registry.placed import seen_match
from monitor.settings import Settings
from monitor.store import cases, posts, seen
from monitor.store.store import Store
from monitor.windows.index import WindowIndex
from monitor.windows.photo import EnrolledWindows, load
from monitor.windows.post import post_windows
from monitor.windows.pyramid import Pyramid
from pipelines.hunt import write_historic

# Pictures that are laid out at a time.
AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True, eq=False)
class Sought:
    """A photo that was just enrolled; only now there are pixels to look for.

    Attributes:
        content: Names its fingerprint (`monitor.store.cases.content_key`).
        grey: Its brightness at the size that posts are looked at.
    """

    content: str
    grey: Luma


def look_back(
    store: Store,
    settings: Settings,
    sealer: Sealer,
    photos: Sequence[Sought],
    *,
    clock: Clock = utc_now,
) -> int:
    """Match photos against what crawls saw; what is found is written and alerted as historic.

    The roles are exchanged: all windows of the photo are held against the squares that are kept of
    each picture. So a picture is found that shows a part of the photo, or has it in it, large.

    Returns:
        How many findings are new.
    """
    days = settings.matching.look_back_days if settings.matching.windows else 0
    with store.read() as db:
        files = seen.since(db, clock() - timedelta(days=days)) if days else []
    if not files:
        return 0
    told, new = alerting(settings), 0
    with store.read() as db:
        enrolled = [(cases.of_content(db, one.content), one.grey) for one in photos]
    made = [(one, post_windows(Pyramid(grey))) for one, grey in enrolled if one is not None]
    for first in range(0, len(files), AT_ONCE):
        some = files[first : first + AT_ONCE]
        with store.read() as db:
            opened = list(_opened(seen.sealed_of(db, some), sealer))
            index = WindowIndex(windows for _, _, windows in opened)
            found: dict[str, list[Match]] = defaultdict(list)
            for fingerprint, windows in made:
                for hit in index.search(windows):
                    sha256, ms, _ = opened[hit.photo]
                    facts = posts.facts_of_sha256(db, sha256)
                    if facts is None:
                        continue
                    match = seen_match(fingerprint, facts, hit, index.size_of(hit.photo), windows)
                    if match is not None:
                        found[sha256].append(match if ms is None else at_moment(match, facts, ms))
        if found:
            with store.write() as db:
                for sha256, matches in found.items():
                    best = best_of_each_case(matches)
                    new += write_historic(db, sha256, best, told, clock())
    return new


def _opened(
    sealed: Iterable[tuple[str, bytes]], sealer: Sealer
) -> Iterator[tuple[str, int | None, EnrolledWindows]]:
    """Open pictures, and those of videos with their times in ms.

    What was sealed with another key is passed over.
    """
    for sha256, one in sealed:
        try:
            parts = [(ms, load(data)) for ms, data in parted(sealer.open(one, sha256))]
        except ValueError:
            continue
        yield from ((sha256, ms, windows) for ms, windows in parts)
