"""A Telegram channel's messages, which can change while its preview is served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitor.cli.demo.pictures import Encoded


@dataclass(frozen=True, slots=True)
class LinkPreview:
    """The card below a message with a link; its picture is not the message's own."""

    url: str
    site_name: str
    title: str
    description: str
    image: Encoded


@dataclass(frozen=True, slots=True)
class Video:
    """A video with its still."""

    thumb: Encoded
    content: Encoded
    duration: str = "0:27"


@dataclass(frozen=True, slots=True)
class Forward:
    """Where a forwarded message is from; `url` is None for a hidden author."""

    name: str
    url: str | None


@dataclass(slots=True)
class Message:
    """A message. An album takes one id a photo, the first of which is the message's.

    Attributes:
        text: Plain, with lines, links, hashtags and emoji.
        reply_to: Id of an earlier message.
        is_service: A notice such as "Channel created": no views, no preview.
        document: Name and size of a file, which the preview never links.
    """

    id: int
    posted: datetime
    text: str = ""
    photos: tuple[Encoded, ...] = ()
    video: Video | None = None
    sticker: Encoded | None = None
    document: tuple[str, str] | None = None
    preview: LinkPreview | None = None
    forwarded_from: Forward | None = None
    reply_to: int | None = None
    signer: str = ""
    views: int = 120
    is_service: bool = False
    is_edited: bool = False

    @property
    def last_id(self) -> int:
        """Id of the last member of an album, else the message's own."""
        return self.id + max(len(self.photos), 1) - 1


@dataclass(slots=True)
class Channel:
    """A public channel.

    Attributes:
        name: In its canonical spelling; looked up without regard to case.
        id: Telegram's number of it, positive; each page tells it, and it outlives a new name.
        has_preview: False redirects to the landing page, as for a restricted channel.
    """

    name: str
    title: str
    id: int = 1_500_000_001
    about: str = ""
    subscribers: int = 1
    avatar: Encoded | None = None
    has_preview: bool = True
    next_id: int = 1
    _messages: dict[int, Message] = field(default_factory=dict)

    @property
    def messages(self) -> list[Message]:
        """All messages as they are now, oldest first."""
        return list(self._messages.values())

    def post(
        self,
        posted: datetime,
        text: str = "",
        photos: Sequence[Encoded] = (),
        *,
        video: Video | None = None,
        sticker: Encoded | None = None,
        document: tuple[str, str] | None = None,
        preview: LinkPreview | None = None,
        forwarded_from: Forward | None = None,
        reply_to: int | None = None,
        signer: str = "",
        views: int = 120,
        is_service: bool = False,
    ) -> Message:
        """Add the newest message."""
        message = Message(
            id=self.next_id,
            posted=posted,
            text=text,
            photos=tuple(photos),
            video=video,
            sticker=sticker,
            document=document,
            preview=preview,
            forwarded_from=forwarded_from,
            reply_to=reply_to,
            signer=signer,
            views=views,
            is_service=is_service,
        )
        self._messages[message.id] = message
        self.next_id = message.last_id + 1
        return message

    def message(self, message_id: int) -> Message:
        """Find a message by its first id.

        Raises:
            KeyError: There is none of that id.
        """
        return self._messages[message_id]

    def edit(self, message_id: int, text: str, photos: Sequence[Encoded] | None = None) -> None:
        """Change a message's text, and its photos, as many as before, unless None.

        Raises:
            KeyError: There is none of that id.
            ValueError: An album can't grow or shrink.
        """
        message = self._messages[message_id]
        if photos is not None and len(photos) != len(message.photos):
            raise ValueError("an album keeps its number of photos")
        message.text, message.is_edited = text, True
        if photos is not None:
            message.photos = tuple(photos)

    def delete(self, message_id: int) -> None:
        """Remove a message; its id is not used again.

        Raises:
            KeyError: There is none of that id.
        """
        del self._messages[message_id]

    def url(self, message_id: int) -> str:
        """Permalink of a message, on Telegram's own host as the pages have it."""
        return f"https://t.me/{self.name}/{message_id}"
