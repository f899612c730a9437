"""The bank: the fingerprints of all active cases, laid out for exact search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import structlog
from numpy.typing import NDArray

from monitor.errors import NotConfigured
from monitor.features.codec import EnrolledFeatures, unpack
from monitor.features.index import LocalIndex
from monitor.features.sealing import Sealer, sealer
from monitor.hashes.pdq import DIHEDRAL, MIN_QUALITY
from monitor.models.case import Fingerprint
from monitor.settings import Settings
from monitor.store import audit, cases
from monitor.store.store import Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Bank:
    """Fingerprints of active cases.

    Attributes:
        fingerprints: All of them; also those of too little texture, found by sha256 only.
        words: uint64, (n, 4): one row a hash of a fingerprint whose quality allows matching.
        owners: (n,): index into `fingerprints` of each row.
        variants: (n,): which turn of the photo each row is, as in `DIHEDRAL`.
        by_sha256: Indices into `fingerprints`.
        local: The local features of those that have them.
        local_owners: Index into `fingerprints` of each photo in `local`.
        version: Another one means that a case changed.
    """

    fingerprints: tuple[Fingerprint, ...]
    words: NDArray[np.uint64]
    owners: NDArray[np.intp]
    variants: NDArray[np.intp]
    by_sha256: dict[str, tuple[int, ...]]
    local: LocalIndex
    local_owners: tuple[int, ...]
    version: int


def build(
    fingerprints: Sequence[Fingerprint],
    features: Mapping[str, EnrolledFeatures] = MappingProxyType({}),
    version: int = 0,
) -> Bank:
    """Lay out fingerprints for search; right for none, one and equal ones.

    Args:
        features: Opened local features by the id of their fingerprint.
    """
    rows: list[bytes] = []
    owners: list[int] = []
    variants: list[int] = []
    by_sha256: dict[str, tuple[int, ...]] = {}
    for index, one in enumerate(fingerprints):
        if one.sha256 is not None:
            by_sha256[one.sha256] = (*by_sha256.get(one.sha256, ()), index)
        if one.quality < MIN_QUALITY:
            continue
        for variant, digest in enumerate(one.pdq):
            rows.append(bytes.fromhex(digest))
            owners.append(index)
            variants.append(variant % len(DIHEDRAL))
    with_features = [index for index, one in enumerate(fingerprints) if one.id in features]
    return Bank(
        fingerprints=tuple(fingerprints),
        words=to_words(rows),
        owners=np.asarray(owners, dtype=np.intp),
        variants=np.asarray(variants, dtype=np.intp),
        by_sha256=by_sha256,
        local=LocalIndex([features[fingerprints[index].id] for index in with_features]),
        local_owners=tuple(with_features),
        version=version,
    )


def to_words(digests: Sequence[bytes]) -> NDArray[np.uint64]:
    """Lay 32-byte digests out as rows of four 64-bit words."""
    return np.frombuffer(b"".join(digests), dtype=np.uint64).reshape(len(digests), 4)


def open_registry(store: Store, settings: Settings) -> Registry:
    """Give the registry of a home folder; without a usable key, local features are left out."""
    try:
        return Registry(store, sealer(settings))
    except NotConfigured as error:
        log.warning("features.no_key", reason=str(error))
        return Registry(store)


class Registry:
    """Gives the bank as it is now: enrolments and withdrawals count at once."""

    def __init__(self, store: Store, sealer: Sealer | None = None) -> None:
        """Prepare.

        Args:
            sealer: Opens local features; None: they are left out.
        """
        self._store = store
        self._sealer = sealer
        self._opened: dict[str, EnrolledFeatures] = {}
        self._bank = build((), version=-1)

    def bank(self) -> Bank:
        """Give the bank, read anew when a case changed since the last call."""
        with self._store.read() as db:
            version = audit.version(db)
            if version != self._bank.version:
                fingerprints = cases.active_fingerprints(db)
                self._open(fingerprints)
                self._bank = build(fingerprints, self._opened, version)
        return self._bank

    def _open(self, fingerprints: Sequence[Fingerprint]) -> None:
        """Open local features that are new, and forget those that are gone."""
        sealed = {one.id: one for one in fingerprints if one.features is not None}
        opened = {key: one for key, one in self._opened.items() if key in sealed}
        failed = 0
        for key, one in sealed.items():
            if key in opened:
                continue
            try:
                opened[key] = self._opened_features(one)
            except ValueError:
                failed += 1
        if failed:
            log.warning("features.unreadable", photos=failed, reason="no key, or another one")
        self._opened = opened

    def _opened_features(self, one: Fingerprint) -> EnrolledFeatures:
        """Open one photo's local features.

        Raises:
            ValueError: There is no key, or it is another one.
        """
        if self._sealer is None:
            raise ValueError("no key")
        return unpack(self._sealer.open(one.features or b"", cases.content_key(one)))
