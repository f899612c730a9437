"""Channels as Telegram's answers show them: their names, and what opens them for an account."""

from __future__ import annotations

from telethon.tl import types

from monitor.models.account import Peer


def peer_of(chat: object) -> Peer | None:
    """Give what an account needs to read a channel that an answer shows; None: it is none."""
    # One that is shown in passing ("min") has a hash that opens nothing.
    if not isinstance(chat, types.Channel) or chat.min or chat.access_hash is None:
        return None
    name = username(chat)
    return Peer(chat.id, chat.access_hash, None if name is None else name.lower())


def username(channel: types.Channel) -> str | None:
    """Give a channel's public name; of several, the first that is in use."""
    others = [one.username for one in channel.usernames or () if one.active]
    return channel.username or next(iter(others), None)


def goes_by(channel: types.Channel, name: str) -> bool:
    """Tell whether a channel has a public name, its main one or another."""
    names = [channel.username, *(one.username for one in channel.usernames or () if one.active)]
    return name.lower() in {one.lower() for one in names if one}
