"""The bank: the fingerprints of all active cases, laid out for exact search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeVar

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
from monitor.windows.index import WindowIndex
from monitor.windows.photo import EnrolledWindows, load

T = TypeVar("T")

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
        windows, window_owners: The same of hashes of windows.
        version: Another one means that a case changed.
    """

    fingerprints: tuple[Fingerprint, ...]
    words: NDArray[np.uint64]
    owners: NDArray[np.intp]
    variants: NDArray[np.intp]
    by_sha256: dict[str, tuple[int, ...]]
    local: LocalIndex
    local_owners: tuple[int, ...]
    windows: WindowIndex
    window_owners: tuple[int, ...]
    version: int

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
    """Lay out fingerprints for search; right for none, one and equal ones.

    Args:
        features: Opened local features by the id of their fingerprint.
        windows: Opened hashes of windows.
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
    with_windows = [index for index, one in enumerate(fingerprints) if one.id in windows]
    return Bank(
        fingerprints=tuple(fingerprints),
        words=to_words(rows),
        owners=np.asarray(owners, dtype=np.intp),
        variants=np.asarray(variants, dtype=np.intp),
        by_sha256=by_sha256,
        local=LocalIndex([features[fingerprints[index].id] for index in with_features]),
        local_owners=tuple(with_features),
        windows=WindowIndex([windows[fingerprints[index].id] for index in with_windows]),
        window_owners=tuple(with_windows),
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


@dataclass(frozen=True, slots=True, eq=False)
class _Opened(Generic[T]):
    """What was sealed, and what is in it."""

    sealed: bytes
    content: T


class Registry:
    """Gives the bank as it is now: enrolments and withdrawals count at once."""

    def __init__(self, store: Store, sealer: Sealer | None = None) -> None:
        """Prepare.

        Args:
            sealer: Opens local features; None: they are left out.
        """
        self._store = store
        self._sealer = sealer
        self._features: dict[str, _Opened[EnrolledFeatures]] = {}
        self._windows: dict[str, _Opened[EnrolledWindows]] = {}
        self._unreadable: set[str] = set()
        self._bank = build((), version=-1)

    def bank(self) -> Bank:
        """Give the bank, read anew when a case changed since the last call."""
        with self._store.read() as db:
            version = audit.version(db)
            if version != self._bank.version:
                found = cases.active_fingerprints(db)
                self._unreadable.clear()
                self._features = self._open(found, lambda one: one.features, unpack, self._features)
                self._windows = self._open(found, lambda one: one.windows, load, self._windows)
                self._bank = build(
                    found,
                    {key: one.content for key, one in self._features.items()},
                    {key: one.content for key, one in self._windows.items()},
                    version,
                )
                if photos := len(self._unreadable):
                    reason = "no key, or another one"
                    log.warning("features.unreadable", photos=photos, reason=reason)
        return self._bank

    def _open(
        self,
        fingerprints: Sequence[Fingerprint],
        sealed_of: Callable[[Fingerprint], bytes | None],
        read: Callable[[bytes], T],
        known: Mapping[str, _Opened[T]],
    ) -> dict[str, _Opened[T]]:
        """Open what is new, and forget what is gone."""
        opened: dict[str, _Opened[T]] = {}
        for one in fingerprints:
            sealed = sealed_of(one)
            if sealed is None:
                continue
            old = known.get(one.id)
            try:
                # Enrolled anew with another crop, a photo is sealed anew.
                if old is None or old.sealed != sealed:
                    old = _Opened(sealed, read(self._unsealed(sealed, one)))
                opened[one.id] = old
            except ValueError:
                self._unreadable.add(one.id)
        return opened

    def _unsealed(self, sealed: bytes, one: Fingerprint) -> bytes:
        """Decrypt.

        Raises:
            ValueError: There is no key, or it is another one.
        """
        if self._sealer is None:
            raise ValueError("no key")
        return self._sealer.open(sealed, cases.content_key(one))
