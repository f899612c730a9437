"""A person's case and the fingerprints enrolled for it."""

from __future__ import annotations

from collections.abc import Mapping
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
class Partner:
    """Who gave a hash, and what they say of it.

    Attributes:
        reference: What the partner calls it by.
        status: In the partner's words; empty where they give none.
        cases: The partner's case numbers, with their statuses.
    """

    name: str
    reference: str = ""
    status: str = ""
    cases: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Say for people whose hash it is, and what they call it."""
        said = [f"{number} ({state})" if state else number for number, state in self.cases.items()]
        about = f": {', '.join(said[:_MOST_SAID])}" if said else ""
        more = f" and {len(said) - _MOST_SAID} more" if len(said) > _MOST_SAID else ""
        status = f"; {self.status}" if self.status else ""
        return f"{self.name}{about}{more}{status}"


# Of a partner's case numbers, in one line.
_MOST_SAID = 5

# Of a list that does not say whose it is.
HASH_LIST = Partner("hash list")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Hashes of one enrolled photo or video; neither itself nor its file name.

    Attributes:
        id: Random; tells nothing of the photo once the fingerprint is gone.
        sha256: Of the enrolled file, 64 hex digits; None where a partner gave none.
        pdq: The hashes of the photo's 8 turns and mirrors, 64 hex digits each, in the order of
            `monitor.hashes.pdq.DIHEDRAL`; a partner's bare hash list gives one, or none and a
            digest of the file, and a video has none.
        quality: PDQ quality, 0-100.
        phash: 16 hex digits or None.
        recipe: Version of the decoding and hashing recipe.
        windows: Hashes of the photo's parts, encrypted (`monitor.features.sealing`); None where
            only a bare hash is known.
        features: Local features, encrypted (`monitor.features.sealing`); None without consent.
        md5: Of the file, 32 hex digits; partners give it.
        partner: Whose bare hash it is; None: made of a photo.
        frames: Hashes of a video's frames (`monitor.models.frames.dump`), of all turns or, from a
            partner, as they are; None: of a photo. `windows` and `features` are then those of
            several of them (`monitor.registry.moments`).
    """

    id: str
    case_id: str
    sha256: str | None
    pdq: tuple[str, ...]
    quality: int
    phash: str | None
    recipe: int
    created_at: datetime
    windows: bytes | None = field(default=None, repr=False)
    features: bytes | None = field(default=None, repr=False)
    md5: str | None = None
    partner: Partner | None = None
    frames: bytes | None = field(default=None, repr=False)
