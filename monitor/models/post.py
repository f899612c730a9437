"""One post as a page shows it, and the pages that are committed as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

# What a checkpoint may hold: plain JSON.
Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


class MediaKind(StrEnum):
    """What a reference on a page points at."""

    PHOTO = "photo"
    VIDEO = "video"
    VIDEO_THUMB = "video_thumb"
    STICKER = "sticker"
    FILE = "file"
    # Named by the page, which does not give it; its address is the post's.
    DOCUMENT = "document"
    SOUND = "sound"
    # Of a page that the post links to.
    LINK_PREVIEW = "link_preview"


@dataclass(frozen=True, slots=True)
class MediaRef:
    """A picture, video or file that a post shows, not yet fetched.

    Attributes:
        url: Absolute; of the file at full size where the page tells.
        origin_id: The site's own id of the stored file, made unique over all sites; None where
            the page has none. The same id means the same bytes: they are not fetched again.
        name: File name as the page gives it. Hostile text.
        md5: 32 hex digits, as the site says; a file that was seen with it is not fetched.
    """

    url: str
    kind: MediaKind
    origin_id: str | None = None
    name: str | None = None
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One post with its media, as read from a page. All text is hostile.

    Attributes:
        native_id: The site's own id, unique within the source; never a position.
        url: Permalink.
        text: Plain text without quotes and signatures, lines separated by a newline.
        posted: Aware, UTC; None where the page does not tell.
        edited: The page says that the post was edited.
        member_ids: Native ids that an album has beside `native_id`.
        forwarded_from: Permalink or name of the origin of a forward.
        reactions: How often, by the character or the number of what stands for it.
        via: Which way of reading the source shows it so: "preview" or "account" for Telegram, which
            name the same media differently; None where a source has one way only.
    """

    native_id: str
    url: str
    text: str = ""
    posted: datetime | None = None
    author: str | None = None
    board: str | None = None
    thread: str | None = None
    thread_id: str | None = None
    edited: bool = False
    links: tuple[str, ...] = ()
    media: tuple[MediaRef, ...] = ()
    member_ids: tuple[str, ...] = ()
    forwarded_from: str | None = None
    reply_to: str | None = None
    views: int | None = None
    reactions: Mapping[str, int] = field(default_factory=dict)
    via: str | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which numeric post ids a page accounts for: stored posts in it that the page lacks are gone.

    Attributes:
        low: Smallest id accounted for.
        high: Largest id accounted for.
        thread_id: Only posts of this thread; None: the whole source.
        is_whole: All posts of the thread, those whose ids are no numbers, too.
    """

    low: int
    high: int
    thread_id: str | None = None
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """What one page gave; committed with its checkpoint in one transaction.

    Attributes:
        url: The page.
        checkpoint: Keys to set; a value of None removes the key.
        coverage: None where the page can't tell which posts are gone.
    """

    url: str
    posts: tuple[Post, ...] = ()
    checkpoint: Mapping[str, Json] = field(default_factory=dict)
    coverage: Coverage | None = None
