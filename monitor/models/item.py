"""One post on its way through the pipeline, with what became of its media."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from monitor.models.match import Match
from monitor.models.media import MediaFacts, MediaStatus
from monitor.models.post import MediaRef, Post
from monitor.models.source import Source
from monitor.streams import Stream


class Change(StrEnum):
    """How a post compares with what is stored."""

    NEW = "new"
    EDITED = "edited"
    SAME = "same"


class Look(Protocol):
    """Matches one picture, or a video, by its pixels, which only the step that made it holds."""

    @property
    def pictures(self) -> int:
        """How many are in memory."""

    def matches(self, bank: Any) -> Sequence[Match]:  # noqa: ANN401 the registry's bank
        """Match against a bank; the same bank is not searched twice."""

    def settle(self) -> None:
        """Let go of the picture, and keep what was matched."""


@dataclass(frozen=True, slots=True)
class MediaItem:
    """A media reference and what became of it.

    Attributes:
        status: None while it was not looked at.
        reason: One short phrase of ours when it was skipped or failed.
        is_put_off: It failed without having been asked for: that is no attempt.
        known: The facts were stored already: nothing was fetched or hashed for them.
        data: The fetched bytes, between fetching and hashing only.
        is_cut: They are a file's beginning: it is too large, and its server gives no parts.
        stream: Reads the file in parts, which is too large to be held; between fetching and
            hashing only, in place of `data`.
        windows: Hashes of the picture's parts, encrypted.
        look: What is seen in the picture, until its page is committed.
    """

    ref: MediaRef
    status: MediaStatus | None = None
    reason: str = ""
    facts: MediaFacts | None = None
    is_put_off: bool = False
    known: bool = False
    data: bytes | None = field(default=None, repr=False)
    is_cut: bool = False
    stream: Stream | None = field(default=None, repr=False)
    windows: bytes | None = field(default=None, repr=False)
    look: Look | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Item:
    """A post in the pipeline.

    Attributes:
        digest: Of the content; another digest of the same post means that it was edited.
        media: Empty for a post that is the same as stored and has nothing to be tried again.
    """

    source: Source
    post: Post
    digest: str = ""
    change: Change = Change.NEW
    media: tuple[MediaItem, ...] = ()
    matches: tuple[Match, ...] = ()
