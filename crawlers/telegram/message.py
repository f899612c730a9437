"""Messages of Telegram's protocol as posts: no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final
from urllib.parse import quote

from telethon.tl import types

from crawlers.telegram.peers import username
from monitor.models.post import MediaKind, MediaRef, Post
from monitor.models.source import ACCOUNT

WEB: Final = "https://t.me"

# What of a message a reference means: the part of its address behind the "?".
WHOLE: Final = "single"
THUMB: Final = "thumb"
LINKED: Final = "linked"

_PHOTO_CHANGED: Final = "Channel photo updated"


@dataclass(frozen=True, slots=True)
class Page:
    """Messages as one answer gives them.

    Attributes:
        channel: Theirs.
        messages: In any order; deleted ones are left out.
        chats, users: Others that they name, by their ids.
        is_whole: There are no other messages in the channel.
    """

    channel: types.Channel
    messages: Sequence[Any]
    chats: Mapping[int, types.Channel]
    users: Mapping[int, types.User]
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that a message shows.

    Attributes:
        id: Telegram's own, of the photo or document.
        location: As a download asks for it; its reference expires.
        size: Bytes, as Telegram says; None: it does not.
    """

    id: int
    location: types.TypeInputFileLocation
    dc: int
    size: int | None


def in_albums(messages: Iterable[Any]) -> list[list[Any]]:
    """Put messages that were sent together side by side; others are by themselves.

    Returns:
        Oldest first, within an album too.
    """
    groups: dict[tuple[str, int], list[Any]] = {}
    for one in sorted(messages, key=lambda one: one.id):
        album = getattr(one, "grouped_id", None)
        groups.setdefault(("album", album) if album else ("message", one.id), []).append(one)
    return list(groups.values())


def link_to(channel: types.Channel, message_id: int) -> str:
    """Give a message's permalink; of a channel without a name, only its members can open it."""
    name = quote(username(channel) or "")
    return f"{WEB}/{name}/{message_id}" if name else f"{WEB}/c/{channel.id}/{message_id}"


def to_post(album: Sequence[Any], page: Page) -> Post | None:
    """Read a message, or those of an album.

    Args:
        album: Of the page; oldest first.

    Returns:
        None: it is a service message, without a picture.
    """
    first = album[0]
    media = tuple(ref for one in album for ref in media_of(one, page.channel))
    if isinstance(first, types.MessageService):
        if not media:
            return None
        said = types.Message(first.id, first.peer_id, first.date, _PHOTO_CHANGED)
        return _post([said], page, media)
    return _post(album, page, media)


def _post(album: Sequence[types.Message], page: Page, media: tuple[MediaRef, ...]) -> Post:
    first, channel = album[0], page.channel
    # An album's words are on any of its messages, mostly the first.
    spoken = next((one for one in album if one.message), first)
    reply = first.reply_to if isinstance(first.reply_to, types.MessageReplyHeader) else None
    top = None if reply is None else reply.reply_to_top_id or reply.reply_to_msg_id
    return Post(
        native_id=str(first.id),
        url=link_to(channel, first.id),
        text="\n".join(line for line in (spoken.message, *_poll(first)) if line),
        posted=first.date.astimezone(UTC) if first.date else None,
        author=_author(first, page),
        thread_id=str(top) if top and channel.megagroup else None,
        edited=any(one.edit_date is not None and not one.edit_hide for one in album),
        links=tuple(dict.fromkeys(_links(spoken))),
        media=media,
        member_ids=tuple(str(one.id) for one in album[1:]),
        forwarded_from=_origin(first, page),
        reply_to=str(reply.reply_to_msg_id) if reply and reply.reply_to_msg_id else None,
        views=max((one.views or 0 for one in album), default=0) or None,
        reactions=_reactions(album),
        via=ACCOUNT,
    )


def is_copy_of_post(message: object) -> bool:
    """Tell whether a message of a discussion group is Telegram's copy of the channel's post."""
    forward = getattr(message, "fwd_from", None)
    return (
        isinstance(forward, types.MessageFwdHeader)
        and forward.saved_from_msg_id is not None
        and isinstance(forward.saved_from_peer, types.PeerChannel)
        and getattr(message, "from_id", None) == forward.saved_from_peer
    )


def media_of(message: Any, channel: types.Channel) -> Iterator[MediaRef]:  # noqa: ANN401
    """Name what a message shows; the same id is the same stored file, wherever it is forwarded."""
    here = link_to(channel, message.id)
    for part in (WHOLE, LINKED):
        photo = _photo(message, part)
        if photo is not None:
            kind = MediaKind.PHOTO if part is WHOLE else MediaKind.LINK_PREVIEW
            yield MediaRef(f"{here}?{part}", kind, f"tg:photo:{photo.id}")
    document = _document(message)
    if document is not None:
        yield from _named(document, here)


def file_of(message: Any, part: str) -> StoredFile | None:  # noqa: ANN401
    """Find the file that a part of a message's means; None: it is not there, or not to be had."""
    photo = _photo(message, part)
    if photo is not None:
        return _sized(photo, photo.sizes, types.InputPhotoFileLocation)
    document = _document(message)
    if document is None or part not in (WHOLE, THUMB):
        return None
    if part == THUMB:
        return _sized(document, document.thumbs or (), types.InputDocumentFileLocation)
    location = types.InputDocumentFileLocation(
        document.id, document.access_hash, document.file_reference, ""
    )
    return StoredFile(document.id, location, document.dc_id, document.size)


def _sized(stored: Any, sizes: Iterable[object], location: Any) -> StoredFile | None:  # noqa: ANN401
    """Give the largest still picture of a photo, or of a document's own."""
    best: tuple[int, str, int | None] | None = None
    for one in sizes:
        if isinstance(one, types.PhotoSize):
            found = (one.w * one.h, one.type, one.size)
        elif isinstance(one, types.PhotoSizeProgressive):
            found = (one.w * one.h, one.type, max(one.sizes, default=None))
        else:
            # Within the message: a few strokes, or what moves.
            continue
        if best is None or found[0] > best[0]:
            best = found
    if best is None:
        return None
    where = location(stored.id, stored.access_hash, stored.file_reference, best[1])
    return StoredFile(stored.id, where, stored.dc_id, best[2])


def _photo(message: Any, part: str) -> types.Photo | None:  # noqa: ANN401
    """Find the photo of a message, of the page it links to, or that a channel now shows itself."""
    media = getattr(message, "media", None)
    found: object = None
    if part == WHOLE and isinstance(media, types.MessageMediaPhoto):
        found = media.photo
    elif part == WHOLE and isinstance(message, types.MessageService):
        action = message.action
        found = action.photo if isinstance(action, types.MessageActionChatEditPhoto) else None
    elif part == LINKED and isinstance(media, types.MessageMediaWebPage):
        found = media.webpage.photo if isinstance(media.webpage, types.WebPage) else None
    return found if isinstance(found, types.Photo) else None


def _document(message: Any) -> types.Document | None:  # noqa: ANN401
    media = getattr(message, "media", None)
    if not isinstance(media, types.MessageMediaDocument):
        return None
    return media.document if isinstance(media.document, types.Document) else None


def _named(document: types.Document, here: str) -> Iterator[MediaRef]:
    """Name a document: a picture sent as a file, a video with its picture, a sticker, a file."""
    has = {type(one): one for one in document.attributes}
    named = has.get(types.DocumentAttributeFilename)
    name = getattr(named, "file_name", None)
    mime = document.mime_type or ""
    origin = f"tg:document:{document.id}"
    whole, thumb = f"{here}?{WHOLE}", f"{here}?{THUMB}"
    is_sticker = types.DocumentAttributeSticker in has
    if mime.startswith("image/"):
        kind = MediaKind.STICKER if is_sticker else MediaKind.PHOTO
        yield MediaRef(whole, kind, origin, name)
        return
    if _sized(document, document.thumbs or (), types.InputDocumentFileLocation) is not None:
        kind = MediaKind.STICKER if is_sticker else MediaKind.VIDEO_THUMB
        yield MediaRef(thumb, kind, f"{origin}:{THUMB}", name)
    if types.DocumentAttributeVideo in has or mime.startswith("video/"):
        kind = MediaKind.STICKER if is_sticker else MediaKind.VIDEO
        yield MediaRef(whole, kind, origin, name)
    elif types.DocumentAttributeAudio in has or mime.startswith("audio/"):
        yield MediaRef(whole, MediaKind.SOUND, origin, name)
    elif not is_sticker:
        yield MediaRef(whole, MediaKind.FILE, origin, name)


def _author(message: types.Message, page: Page) -> str | None:
    """Name who wrote or signed it; of a channel's unsigned message, the channel."""
    if message.post_author:
        return str(message.post_author)
    if isinstance(message.from_id, types.PeerUser):
        return _person(message.from_id.user_id, page)
    sender = page.channel
    if isinstance(message.from_id, types.PeerChannel):
        sender = page.chats.get(message.from_id.channel_id, sender)
    return str(sender.title) if sender.title else None


def _person(user_id: int, page: Page) -> str:
    """Name a person: by the name that others can find them by, if there is one."""
    user = page.users.get(user_id)
    if user is not None and user.username:
        return f"@{user.username}"
    names = () if user is None else (user.first_name, user.last_name)
    return " ".join(filter(None, names)) or f"user {user_id}"


def _poll(message: types.Message) -> list[str]:
    """Give the words of a poll."""
    if not isinstance(message.media, types.MessageMediaPoll):
        return []
    poll = message.media.poll
    return [_words(poll.question), *(_words(one.text) for one in poll.answers)]


def _words(text: object) -> str:
    return text.text if isinstance(text, types.TextWithEntities) else str(text)


def _links(message: types.Message) -> Iterator[str]:
    """Give the links in a message's words, of what it previews, and of the place it shows."""
    for entity in message.entities or ():
        if isinstance(entity, types.MessageEntityTextUrl):
            yield entity.url
        elif isinstance(entity, types.MessageEntityUrl):
            text = _inner(message.message or "", entity.offset, entity.length)
            yield text if "://" in text else f"https://{text}"
    media = message.media
    if isinstance(media, types.MessageMediaWebPage) and isinstance(media.webpage, types.WebPage):
        yield media.webpage.url
    geo = getattr(media, "geo", None)
    if isinstance(geo, types.GeoPoint):
        yield f"https://maps.google.com/maps?q={geo.lat},{geo.long}"


def _inner(text: str, offset: int, length: int) -> str:
    """Cut words out as Telegram counts: in units of UTF-16, which may lie within a character."""
    units = text.encode("utf-16-le", "surrogatepass")[2 * max(0, offset) :]
    return units[: 2 * max(0, length)].decode("utf-16-le", "ignore")


def _origin(message: types.Message, page: Page) -> str | None:
    """Name where a message was forwarded from: its permalink, or the name of who hides it."""
    forward = message.fwd_from
    if not isinstance(forward, types.MessageFwdHeader):
        return None
    if isinstance(forward.from_id, types.PeerChannel):
        channel_id = forward.from_id.channel_id
        known = page.chats.get(channel_id)
        name = None if known is None else username(known)
        place = f"{WEB}/{quote(name)}" if name else f"{WEB}/c/{channel_id}"
        return f"{place}/{forward.channel_post}" if forward.channel_post else place
    if forward.from_name:
        return str(forward.from_name)
    if isinstance(forward.from_id, types.PeerUser):
        return _person(forward.from_id.user_id, page)
    return None


def _reactions(album: Sequence[types.Message]) -> dict[str, int]:
    """Count reactions by their character, by the number of one's own, or as "paid"."""
    counts: dict[str, int] = {}
    for one in album:
        given = one.reactions.results if one.reactions is not None else ()
        for reaction in given:
            counts[_reaction(reaction.reaction)] = reaction.count
    return counts


def _reaction(one: object) -> str:
    if isinstance(one, types.ReactionEmoji):
        return str(one.emoticon)
    if isinstance(one, types.ReactionCustomEmoji):
        return str(one.document_id)
    return "paid"
