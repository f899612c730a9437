"""Makes a post storable: crawled text is hostile, and each post needs a digest to tell an edit."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from monitor.models.item import Item, MediaItem
from monitor.models.post import MediaRef, Post

MAX_TEXT = 100_000
MAX_FIELD = 500
MAX_URL = 2_000
MAX_LINKS = 200
MAX_MEDIA = 100
MAX_VIEWS = 2**53
MAX_REACTIONS = 50

# Control characters but tab and newline, and lone surrogates: no store or terminal wants them.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_IN_URL = re.compile(rf"\s|{_UNWANTED.pattern}")

# Sorting the marks on one letter takes the square of their number. Source: Unicode, UAX #15,
# Stream-Safe Text Format.
_MAX_MARKS = 30
# That many in a row of what is not Latin, Han or Hangul, which have no marks among them: few texts
# must be looked at letter by letter.
_MAYBE_TOWER = re.compile(f"[^\x00-\u02ff\u3100-\ua66e\uac00-\ud7ff]{{{_MAX_MARKS + 1}}}")


def normalise(item: Item) -> Item:
    """Clean all text of a post, drop what can't be followed, and take its digest."""
    post = item.post
    media = tuple(
        replace(one, url=one.url, name=_field(one.name))
        for one in post.media[:MAX_MEDIA]
        if is_web_url(one.url)
    )
    clean = replace(
        post,
        url=_UNWANTED.sub("", post.url)[:MAX_URL],
        views=None if post.views is None else min(post.views, MAX_VIEWS),
        reactions=_reactions(post.reactions),
        text=clean_text(post.text),
        author=_field(post.author),
        board=_field(post.board),
        thread=_field(post.thread),
        forwarded_from=_field(post.forwarded_from),
        reply_to=_field(post.reply_to),
        links=tuple(one for one in post.links if is_web_url(one))[:MAX_LINKS],
        media=media,
    )
    return replace(
        item, post=clean, digest=_digest(clean), media=tuple(MediaItem(one) for one in media)
    )


def clean_text(text: str) -> str:
    """Compose Unicode (NFC), drop what is not text, and cut it; doing it twice changes nothing."""
    known = _without_towers(_UNWANTED.sub("", text[:MAX_TEXT]))
    composed = unicodedata.normalize("NFC", known)
    if composed != known:
        # Again, as there are marks that come apart into two.
        composed = _without_towers(composed)
    return composed.strip()[:MAX_TEXT].strip()


def is_web_url(url: str) -> bool:
    """Tell whether a URL found on a page is one that could be fetched."""
    if len(url) > MAX_URL or _NOT_IN_URL.search(url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0


def _field(text: str | None) -> str | None:
    """Clean a one-line field."""
    return None if text is None else " ".join(clean_text(text).split())[:MAX_FIELD].rstrip()


def _reactions(given: Mapping[str, int]) -> dict[str, int]:
    """Clean counts of reactions."""
    known = ((_field(name) or "", number) for name, number in list(given.items())[:MAX_REACTIONS])
    return {name: min(number, MAX_VIEWS) for name, number in known if name and number > 0}


def _without_towers(text: str) -> str:
    """Drop the marks on a letter that are more than any language has."""
    if not _MAYBE_TOWER.search(text):
        return text
    kept: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MAX_MARKS:
            kept.append(char)
    return "".join(kept)


def _digest(post: Post) -> str:
    """Digest what an edit changes; not views, and not the queries of media URLs, which expire."""
    parts = [
        post.text,
        post.author or "",
        post.thread or "",
        post.forwarded_from or "",
        *post.links,
        *(_media_key(one) for one in post.media),
    ]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _media_key(ref: MediaRef) -> str:
    """Name a file independent of the token that its URL carries today."""
    return ref.origin_id or f"{ref.kind}:{ref.url.partition('?')[0]}"
