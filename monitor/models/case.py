"""A person's case and the fingerprints enrolled for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class CaseStatus(StrEnum):
    """Only active cases are matched and alerted."""

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Case:
    """An opaque id under which fingerprints are enrolled; no name is needed or wanted.

    Attributes:
        has_consent: The photos' owner agreed that local features are kept, encrypted.
    """

    id: str
    status: CaseStatus
    opened_at: datetime
    withdrawn_at: datetime | None
    fingerprints: int
    has_consent: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A fingerprint in quarantine: it suddenly matched many pictures that are unlike each other.

    Attributes:
        findings: How many were held back, listed for review and not mailed.
    """

    fingerprint_id: str
    case_id: str
    since: datetime
    findings: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Hashes of one enrolled photo; neither the photo nor its file name.

    Attributes:
        id: Random; tells nothing of the photo once the fingerprint is gone.
        sha256: Of the enrolled file, 64 hex digits; None where a partner gave none.
        pdq: The hashes of the photo's 8 turns and mirrors, 64 hex digits each, in the order of
            `monitor.hashes.pdq.DIHEDRAL`; a partner's bare hash list gives one.
        quality: PDQ quality, 0-100.
        phash: 16 hex digits or None.
        recipe: Version of the decoding and hashing recipe.
        features: Local features, encrypted (`monitor.features.sealing`); None without consent.
    """

    id: str
    case_id: str
    sha256: str | None
    pdq: tuple[str, ...]
    quality: int
    phash: str | None
    recipe: int
    created_at: datetime
    features: bytes | None = field(default=None, repr=False)
