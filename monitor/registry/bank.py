"""The bank: the fingerprints of all active cases, laid out for exact search."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

import structlog
from sqlalchemy import Connection, Table

from monitor.errors import NotConfigured
from monitor.features.codec import EnrolledFeatures, unpack
from monitor.features.index import LocalIndex
from monitor.features.sealing import Sealer, sealer
from monitor.models import frames
from monitor.models.case import Fingerprint
from monitor.nearest.index import Index
from monitor.nearest.segment import Segment
from monitor.registry import files
from monitor.registry.clips import ClipIndex
from monitor.registry.moments import parted
from monitor.registry.prints import GivenPrints, Prints, StoredPrints, laid_out
from monitor.settings import Settings
from monitor.store import audit, cases
from monitor.store.store import Store
from monitor.store.tables import local_features
from monitor.store.tables import windows as sealed_windows
from monitor.windows.index import WindowIndex
from monitor.windows.photo import EnrolledWindows, load

log = structlog.get_logger(__name__)

BOTH_UP_TO: Final = 1_000

Searched = TypeVar("Searched", LocalIndex, WindowIndex)


@dataclass(frozen=True)
class Bank:
    """Fingerprints of active cases.

    Attributes:
        prints: The fingerprints, by what finds them.
        nearest: The hashes of those whose quality allows matching; `HASHES_OF_ONE` owners each.
        local: The local features of those that have them.
        local_prints: The fingerprints of the photos in `local`, by their numbers there.
        local_ms: Of those of them that are pictures of videos, when; ms.
        windows, window_prints, window_ms: The same of hashes of windows.
        clips: The frames of videos, by the numbers of their fingerprints.
        version: Another one means that a case changed.
    """

    prints: Prints
    nearest: Index
    local: LocalIndex
    local_prints: Mapping[int, Fingerprint]
    windows: WindowIndex
    window_prints: Mapping[int, Fingerprint]
    version: int
    local_ms: Mapping[int, int] = field(default_factory=dict)
    window_ms: Mapping[int, int] = field(default_factory=dict)
    clips: ClipIndex = field(default_factory=ClipIndex)

    @cached_property
    def local_is_in_windows(self) -> bool:
        """Tell whether each photo that has local features is looked for by windows, too."""
        with_windows = {one.id for one in self.window_prints.values()}
        return all(one.id in with_windows for one in self.local_prints.values())

    @property
    def sees_parts(self) -> bool:
        """Tell whether a picture's pixels are worth a look: a part of a photo may be found."""
        return len(self.windows) > 0 or len(self.local) > 0


def build(
    fingerprints: Sequence[Fingerprint],
    features: Mapping[str, EnrolledFeatures] = MappingProxyType({}),
    windows: Mapping[str, EnrolledWindows] = MappingProxyType({}),
    version: int = 0,
) -> Bank:
    """Lay out fingerprints in memory; right for none, one and equal ones.

    Args:
        features: Opened local features by the id of their fingerprint.
        windows: Opened hashes of windows.
    """
    nearest = Index()
    nearest.add(*laid_out((i, one.quality, list(one.pdq)) for i, one in enumerate(fingerprints)))
    with_features = [one for one in fingerprints if one.id in features]
    with_windows = [one for one in fingerprints if one.id in windows]
    clips = {
        i: frames.load(one.frames) for i, one in enumerate(fingerprints) if one.frames is not None
    }
    return Bank(
        prints=GivenPrints(fingerprints),
        nearest=nearest,
        local=LocalIndex([features[one.id] for one in with_features]),
        local_prints=dict(enumerate(with_features)),
        windows=WindowIndex([windows[one.id] for one in with_windows]),
        window_prints=dict(enumerate(with_windows)),
        version=version,
        clips=ClipIndex(clips),
    )


def open_registry(store: Store, settings: Settings) -> Registry:
    """Give the registry of a home folder; without a usable key, parts of photos aren't found."""
    folder = files.folder_of(settings.state_folder)
    tiers = settings.matching
    try:
        return Registry(
            store,
            sealer(settings),
            folder,
            windows=tiers.windows,
            local=tiers.local_features,
            both_up_to=tiers.both_up_to,
        )
    except NotConfigured as error:
        log.warning("features.no_key", reason=str(error))
        return Registry(store, folder=folder)


class Registry:
    """Gives the bank as it is now: enrolments and withdrawals count at once.

    What it has read it keeps: an enrolment costs the reading of what is new, and a withdrawal
    nothing, as `Bank.prints` has only who is there.
    """

    def __init__(
        self,
        store: Store,
        sealer: Sealer | None = None,
        folder: Path | None = None,
        *,
        windows: bool = True,
        local: bool = True,
        both_up_to: int = BOTH_UP_TO,
    ) -> None:
        """Prepare.

        Args:
            sealer: Opens local features; None: they are left out, and the log says so.
            folder: Of the files that `monitor.registry.files` keeps; None: all is read.
            windows, local: Whether hashes of windows and local features are wanted.
            both_up_to: Of photos that have both, both are wanted while there are no more.
        """
        self._store = store
        self._sealer = sealer
        self._folder = folder
        self._stamp = (0, 0)
        self._read_up_to = 0
        self._local = _Opened(local_features, unpack, LocalIndex())
        self._windows = _Opened(sealed_windows, load, WindowIndex())
        self._is_local, self._has_windows, self._both_up_to = local, windows, both_up_to
        self._bank = build((), version=-1)
        self._bank = replace(self._bank, prints=StoredPrints(store))

    def bank(self) -> Bank:
        """Give the bank, brought up to date when a case or the files changed since."""
        stamp = files.stamp(self._folder) if self._folder else self._stamp
        filed = files.load(self._folder) if self._folder and stamp != self._stamp else None
        with self._store.read() as db:
            version = audit.version(db)
            if filed is not None:
                self._begin(db, filed.of(db))
                self._stamp = stamp
            elif version != self._bank.version:
                self._read(db, [(self._read_up_to + 1, cases.latest_seq(db))])
            if version != self._bank.version:
                self._bank = replace(self._with_sealed(db), version=version)
        return self._bank

    def _begin(self, db: Connection, segments: list[Segment]) -> None:
        """Begin again with the files as they are now."""
        self._bank = replace(self._bank, nearest=Index(segments))
        self._read(db, files.missing(segments, cases.latest_seq(db)))

    def _read(self, db: Connection, ranges: Iterable[tuple[int, int]]) -> None:
        """Read ranges of numbers from the store."""
        for first, last in ranges:
            for block in files.blocks(db, first, last):
                self._bank.nearest.add(*block[3:])
        self._read_up_to = cases.latest_seq(db)

    def _with_sealed(self, db: Connection) -> Bank:
        """Open what is newly sealed, and forget what is gone."""
        failed: set[int] = set()
        if self._is_local:
            failed |= self._local.bring_up_to_date(db, self._sealer)
        if self._has_windows:
            # Of many photos, by features or by windows: both would take twice the time.
            numbers = self._local.numbers
            others = numbers if len(numbers) > self._both_up_to else frozenset()
            failed |= self._windows.bring_up_to_date(db, self._sealer, others)
        if failed:
            log.warning("features.unreadable", photos=len(failed), reason="no key, or another one")
        return replace(
            self._bank,
            local=self._local.index,
            local_prints=dict(self._local.prints),
            local_ms=dict(self._local.ms),
            windows=self._windows.index,
            window_prints=dict(self._windows.prints),
            window_ms=dict(self._windows.ms),
            clips=self._with_clips(db),
        )

    def _with_clips(self, db: Connection) -> ClipIndex:
        """Read which videos are new, and forget which are gone."""
        there, known = set(cases.seqs_of_videos(db)), self._bank.clips.numbers
        if there == known:
            return self._bank.clips
        new = {
            number: frames.load(one.frames)
            for number, one in cases.of_seqs(db, there - known).items()
            if one.frames is not None
        }
        return self._bank.clips.changed(known - there, new)


class _Opened(Generic[Searched]):
    """What is sealed of photos in one table, opened and laid out for search.

    Attributes:
        index: Of all that could be opened.
        prints: Whose they are, by their numbers in the index.
        ms: When in a video, of those that are a picture of one.
    """

    def __init__(self, table: Table, read: Callable[[bytes], Any], index: Searched) -> None:
        self._table = table
        self._read = read
        self.index: Searched = index
        self.prints: dict[int, Fingerprint] = {}
        self.ms: dict[int, int] = {}
        # The numbers in the index of each fingerprint, by its own.
        self._placed: dict[int, list[int]] = {}
        self._following = 0

    @property
    def numbers(self) -> Collection[int]:
        """List the fingerprints that were opened, by their numbers."""
        return self._placed.keys()

    def bring_up_to_date(
        self, db: Connection, sealer: Sealer | None, others: Collection[int] = frozenset()
    ) -> set[int]:
        """Open what is new, forget what is gone.

        Args:
            others: Numbers of fingerprints that are not wanted.

        Returns:
            The numbers of what can't be opened.
        """
        there = [seq for seq in cases.seqs_with(db, self._table) if seq not in others]
        gone = {seq: self._placed[seq] for seq in self._placed.keys() - set(there)}
        if gone:
            self.index = self.index.dropped([one for some in gone.values() for one in some])
            for seq, numbers in gone.items():
                del self._placed[seq]
                for number in numbers:
                    del self.prints[number]
                    self.ms.pop(number, None)
        new = [seq for seq in there if seq not in self._placed]
        failed: set[int] = set()
        if new:
            read: list[tuple[int, Fingerprint, int | None]] = []
            self.index = self.index.added(self._opened(db, sealer, new, failed, read))
            # Only now: of a reading that failed halfway the index has nothing.
            for seq, one, ms in read:
                self._placed.setdefault(seq, []).append(self._following)
                self.prints[self._following] = one
                if ms is not None:
                    self.ms[self._following] = ms
                self._following += 1
        return failed

    def _opened(
        self,
        db: Connection,
        sealer: Sealer | None,
        seqs: list[int],
        failed: set[int],
        read: list[tuple[int, Fingerprint, int | None]],
    ) -> Iterator[Any]:
        """Open photos; notes which could be read, in their order, and which could not."""
        for seq, one, sealed in cases.with_sealed(db, self._table, seqs):
            if sealer is None:
                failed.add(seq)
                continue
            try:
                opened = sealer.open(sealed, cases.content_key(one))
                contents = [(ms, self._read(data)) for ms, data in parted(opened)]
            except ValueError:
                failed.add(seq)
                continue
            for ms, content in contents:
                read.append((seq, one, ms))
                yield content
