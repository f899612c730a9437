"""The bank: the fingerprints of all active cases, laid out for exact search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import structlog
from sqlalchemy import Connection

from monitor.errors import NotConfigured
from monitor.features.codec import EnrolledFeatures, unpack
from monitor.features.index import LocalIndex
from monitor.features.sealing import Sealer, sealer
from monitor.models.case import Fingerprint
from monitor.nearest.index import Index
from monitor.registry import files
from monitor.registry.prints import GivenPrints, Prints, StoredPrints, laid_out
from monitor.settings import Settings
from monitor.store import audit, cases
from monitor.store.store import Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Bank:
    """Fingerprints of active cases.

    Attributes:
        prints: The fingerprints, by what finds them.
        nearest: The hashes of those whose quality allows matching; `HASHES_OF_ONE` owners each.
        local: The local features of those that have them.
        local_prints: The fingerprints of the photos in `local`, by their numbers there.
        version: Another one means that a case changed.
    """

    prints: Prints
    nearest: Index
    local: LocalIndex
    local_prints: Mapping[int, Fingerprint]
    version: int


def build(
    fingerprints: Sequence[Fingerprint],
    features: Mapping[str, EnrolledFeatures] = MappingProxyType({}),
    version: int = 0,
) -> Bank:
    """Lay out fingerprints in memory; right for none, one and equal ones.

    Args:
        features: Opened local features by the id of their fingerprint.
    """
    nearest = Index()
    nearest.add(*laid_out((i, one.quality, list(one.pdq)) for i, one in enumerate(fingerprints)))
    with_features = [one for one in fingerprints if one.id in features]
    return Bank(
        prints=GivenPrints(fingerprints),
        nearest=nearest,
        local=LocalIndex([features[one.id] for one in with_features]),
        local_prints=dict(enumerate(with_features)),
        version=version,
    )


def open_registry(store: Store, settings: Settings) -> Registry:
    """Give the registry of a home folder; without a usable key, local features are left out."""
    folder = files.folder_of(settings.state_folder)
    try:
        return Registry(store, sealer(settings), folder)
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
        hashes_only: bool = False,
    ) -> None:
        """Prepare.

        Args:
            sealer: Opens local features; None: they are left out, and the log says so.
            folder: Of the files that `monitor.registry.files` keeps; None: all is read.
            hashes_only: Local features are not wanted.
        """
        self._store = store
        self._sealer = sealer
        self._hashes_only = hashes_only
        self._folder = folder
        self._stamp = (0, 0)
        self._read_up_to = 0
        # The number in the local index of each fingerprint that has features, by its own.
        self._placed: dict[int, int] = {}
        self._following = 0
        self._bank = Bank(StoredPrints(store), Index(), LocalIndex(), {}, version=-1)

    def bank(self) -> Bank:
        """Give the bank, brought up to date when a case or the files changed since."""
        stamp = files.stamp(self._folder) if self._folder else self._stamp
        with self._store.read() as db:
            version = audit.version(db)
            if stamp != self._stamp:
                self._map_files(db)
                self._stamp = stamp
            elif version != self._bank.version:
                self._read(db, [(self._read_up_to + 1, cases.latest_seq(db))])
            if version != self._bank.version:
                self._bank = replace(self._with_features(db), version=version)
        return self._bank

    def _map_files(self, db: Connection) -> None:
        """Begin again with the files as they are now."""
        segments = files.load(self._folder) if self._folder else []
        self._bank = replace(self._bank, nearest=Index(segments))
        self._read(db, files.missing(segments, cases.latest_seq(db)))
        # They may be newer than what this look at the store shows.
        self._read_up_to = max([self._read_up_to, *(one.last for one in segments)])

    def _read(self, db: Connection, ranges: Iterable[tuple[int, int]]) -> None:
        """Read ranges of numbers from the store."""
        for first, last in ranges:
            for block in files.blocks(db, first, last):
                self._bank.nearest.add(*block[3:])
        self._read_up_to = cases.latest_seq(db)

    def _with_features(self, db: Connection) -> Bank:
        """Open local features that are new, and forget those that are gone."""
        there = [] if self._hashes_only else cases.seqs_with_features(db)
        local, prints = self._bank.local, dict(self._bank.local_prints)
        gone = [self._placed.pop(seq) for seq in self._placed.keys() - set(there)]
        if gone:
            local = local.dropped(gone)
            for number in gone:
                del prints[number]
        new = [seq for seq in there if seq not in self._placed]
        if new:
            local = local.added(self._opened(db, new, prints))
        return replace(self._bank, local=local, local_prints=prints)

    def _opened(
        self, db: Connection, seqs: list[int], prints: dict[int, Fingerprint]
    ) -> Iterator[EnrolledFeatures]:
        """Open local features, and note whose they are."""
        failed = 0
        for seq, one in cases.with_features(db, seqs):
            try:
                features = self._opened_features(one)
            except ValueError:
                failed += 1
                continue
            self._placed[seq] = self._following
            prints[self._following] = replace(one, features=None)
            self._following += 1
            yield features
        if failed:
            log.warning("features.unreadable", photos=failed, reason="no key, or another one")

    def _opened_features(self, one: Fingerprint) -> EnrolledFeatures:
        """Open one photo's local features.

        Raises:
            ValueError: There is no key, or it is another one.
        """
        if self._sealer is None:
            raise ValueError("no key")
        return unpack(self._sealer.open(one.features or b"", cases.content_key(one)))
