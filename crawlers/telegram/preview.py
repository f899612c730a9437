"""Pages of a channel's public web preview, t.me/s/NAME: HTML in, posts out."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from parsel import Selector

from crawlers.engines._html import background, base_of, classes, moment, outermost, parse, text_of
from crawlers.urls import absolute, query
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef, Post
from monitor.models.source import PREVIEW

_NAME = re.compile(r"([A-Za-z0-9_]{1,64})/([0-9]{1,18})")
_COUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,3}))?([KMB]?)")
_SCALE = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}
# Shorter ones name a file for a while only: those of videos, which carry a token that expires.
_STORED = re.compile(r"/file/([A-Za-z0-9_-]{40,})(?:\.[a-z0-9]{1,5})?")
# Quoted messages, other sites' pages and people: never the post's own.
_FOREIGN = (
    "a.tgme_widget_message_reply, a.tgme_widget_message_link_preview, "
    ".tgme_widget_message_user, .tgme_widget_message_forwarded_from, .tgme_widget_message_author"
)
_MEDIA = (
    "a.tgme_widget_message_photo_wrap, i.tgme_widget_message_video_thumb, "
    "i.tgme_widget_message_roundvideo_thumb, i.tgme_widget_message_sticker, video, "
    "a.tgme_widget_message_document_wrap, audio, a.tgme_widget_message_service_photo"
)
_CHANNEL_PHOTO = "a.tgme_widget_message_service_photo img[src]"
_LINK_PREVIEW = "a.tgme_widget_message_link_preview"
_POLL = ".tgme_widget_message_poll_question, .tgme_widget_message_poll_option_text"


class PreviewState(StrEnum):
    """What a page turned out to be."""

    POSTS = "posts"
    NO_MESSAGES = "no_messages"  # The channel's header and nothing else.
    EMPTY_UNKNOWN = "empty_unknown"  # "No posts found": said of no result and of too many requests.
    NO_PREVIEW = "no_preview"
    GROUP = "group"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """The channel as its page shows it.

    Attributes:
        name: In the channel's own case, without "@".
        id: Telegram's numeric id, negative; stays when the name changes. None: not told.
        subscribers: Rounded to three digits or so above 1,000.
    """

    name: str
    title: str
    id: int | None = None
    subscribers: int | None = None


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """One page, oldest post first.

    Attributes:
        ids: Every message id that the page accounts for: posts, further members of albums and
            service messages, ascending.
        older_before: Cursor of the next older page; None on the oldest page.
    """

    state: PreviewState
    posts: tuple[Post, ...] = ()
    ids: tuple[int, ...] = ()
    older_before: int | None = None
    channel: ChannelInfo | None = None


def read(html: str, url: str) -> PreviewPage:
    """Read a preview page or the landing page that stands in for it.

    Args:
        html: The page.
        url: Its final address, after redirects.

    Raises:
        SourceChanged: It is none of the pages that Telegram is known to give.
    """
    tree = parse(html)
    base = base_of(tree, url)
    messages: list[tuple[Selector, str, int]] = []
    for node in outermost(tree, "div.tgme_widget_message[data-post]"):
        named = _NAME.fullmatch(node.attrib["data-post"])
        if named:
            messages.append((node, named[1], int(named[2])))
    channel = _channel(tree, messages)
    if not messages:
        return PreviewPage(_state_without_posts(tree, url), channel=channel)
    posts: dict[str, Post] = {}
    ids: set[int] = set()
    for node, name, id_ in messages:
        members = _members(node, name)
        ids |= {id_, *members}
        # Of what a page says by itself, only a new picture of the channel's own is a post.
        if "service_message" not in classes(node) or node.css(_CHANNEL_PHOTO):
            posts[str(id_)] = _post(node, base, name, id_, members - {id_})
    return PreviewPage(
        PreviewState.POSTS, tuple(posts.values()), tuple(sorted(ids)), _older(tree), channel
    )


def _state_without_posts(tree: Selector, url: str) -> PreviewState:
    if tree.css(".tme_no_messages_found"):
        return PreviewState.EMPTY_UNKNOWN
    if tree.css(".tgme_channel_info, .tgme_channel_info_header_username, .tgme_channel_history"):
        return PreviewState.NO_MESSAGES
    extra = " ".join(text_of(node) for node in tree.css(".tgme_page_extra")[:1])
    if "member" in extra or "online" in extra:
        return PreviewState.GROUP
    if tree.css(".tgme_page_title"):
        return PreviewState.NO_PREVIEW
    if tree.css(".tgme_page_icon .tgme_icon_user, .tgme_page_description a.tgme_username_link"):
        return PreviewState.ABSENT
    raise SourceChanged("Telegram's preview: neither messages nor a known notice.", url=url)


def _older(tree: Selector) -> int | None:
    pagers = tree.css("a.tme_messages_more[data-before]::attr(data-before)").getall()
    # The canonical link carries this page's own cursor: never use that one.
    heads = [
        query(href).get("before", "") for href in tree.css("link[rel='prev']::attr(href)").getall()
    ]
    cursors = [int(text) for text in (*pagers, *heads) if re.fullmatch(r"[0-9]{1,18}", text)]
    return min(cursors, default=None)


def _channel(tree: Selector, messages: list[tuple[Selector, str, int]]) -> ChannelInfo | None:
    names = [name for _, name, _ in messages[-1:]]
    names += [text_of(node).lstrip("@") for node in tree.css(".tgme_channel_info_header_username")]
    names += [path.lstrip("/") for path in tree.css("main.tgme_main::attr(data-url)").getall()]
    name = next((name for name in names if re.fullmatch(r"[A-Za-z0-9_]{1,64}", name)), None)
    if name is None:
        return None
    owners = ".tgme_channel_info_header_title, .tgme_widget_message_owner_name"
    titles = [text_of(node, "i.verified-icon") for node in tree.css(owners)[:1]]
    titles += tree.css("meta[property='og:title']::attr(content)").getall()[:1]
    subscribers = None
    for counter in tree.css(".tgme_channel_info_counter")[:9]:
        if text_of(counter).rpartition(" ")[2].startswith(("subscriber", "member")):
            subscribers = _count(" ".join(text_of(node) for node in counter.css(".counter_value")))
    id_ = next((found for node, _, _ in messages if (found := _channel_id(node))), None)
    return ChannelInfo(name, titles[0] if titles else name, id_, subscribers)


def _channel_id(node: Selector) -> int | None:
    """Read the channel's id from a message's `data-view`: base64url of JSON, unpadded."""
    packed = node.attrib.get("data-view", "")[:1_000]
    try:
        read = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    found: object = read.get("c") if isinstance(read, dict) else None
    return found if isinstance(found, int) and -(2**62) < found < 0 else None


def _members(node: Selector, name: str) -> frozenset[int]:
    """Find the ids of an album's messages: only the links of its pictures carry them."""
    ids = set()
    for href in node.css("a.grouped_media_wrap::attr(href)").getall():
        found = _NAME.fullmatch("/".join(href.partition("?")[0].rsplit("/", 2)[-2:]))
        if found and found[1].lower() == name.lower():
            ids.add(int(found[2]))
    return frozenset(ids)


def _post(node: Selector, base: str, name: str, id_: int, members: frozenset[int]) -> Post:
    texts = outermost(node, ".tgme_widget_message_text", without=_FOREIGN)
    meta = node.css(".tgme_widget_message_meta")
    # "edited" is a bare word between the signer and the date.
    words = "".join(meta[0].xpath("text()").getall()) if meta else ""
    signers = node.css(".tgme_widget_message_from_author, .tgme_widget_message_owner_name")
    signers.sort(key=lambda signer: "tgme_widget_message_from_author" not in classes(signer))
    times = node.css("a.tgme_widget_message_date time[datetime]::attr(datetime)")
    views = node.css(".tgme_widget_message_views")
    return Post(
        native_id=str(id_),
        url=f"https://t.me/{name}/{id_}",
        text="\n".join(text_of(one) for one in (*texts[:1], *outermost(node, _POLL))),
        posted=moment(times[-1].get() if times else None),
        author=(text_of(signers[0]) or None) if signers else None,
        edited="edited" in words,
        links=_links([*texts[:1], *node.css("a.tgme_widget_message_location_wrap")], base),
        media=_media(node, base),
        member_ids=tuple(str(member) for member in sorted(members)),
        forwarded_from=_forwarded_from(node, base),
        reply_to=_reply_to(node, base, name),
        views=_count(text_of(views[0])) if views else None,
        reactions=_reactions(node),
        via=PREVIEW,
    )


def _reactions(node: Selector) -> dict[str, int]:
    """Count reactions by their character, by the number of one's own, or as "paid"."""
    counts: dict[str, int] = {}
    for one in node.css(".tgme_widget_message_reactions .tgme_reaction")[:100]:
        known = [*one.css("i.emoji b::text").getall()[:1]]
        known += one.css("tg-emoji::attr(emoji-id)").getall()[:1]
        name = "paid" if "tgme_reaction_paid" in classes(one) else next(iter(known), "")
        counted = _count("".join(one.xpath("text()").getall()))
        if name and counted:
            counts[name] = counted
    return counts


def _links(nodes: list[Selector], base: str) -> tuple[str, ...]:
    found = (href for node in nodes for href in node.xpath("descendant-or-self::a/@href").getall())
    # A hashtag is a relative link, "?q=%23tag": a search in the channel.
    hrefs = (href for href in found if not href.startswith("?"))
    return tuple(dict.fromkeys(url for href in hrefs if (url := absolute(base, href))))


def _forwarded_from(node: Selector, base: str) -> str | None:
    """Name the origin: its link, or its name where the author hides behind one."""
    for origin in node.css(".tgme_widget_message_forwarded_from_name")[:1]:
        href = origin.attrib.get("href")
        return (absolute(base, href) if href else None) or text_of(origin) or None
    return None


def _reply_to(node: Selector, base: str, name: str) -> str | None:
    for href in node.css("a.tgme_widget_message_reply::attr(href)").getall()[:1]:
        url = absolute(base, href)
        found = _NAME.fullmatch(urlsplit(url).path.lstrip("/")) if url else None
        return found[2] if found and found[1].lower() == name.lower() else url
    return None


def _media(node: Selector, base: str) -> tuple[MediaRef, ...]:
    media: dict[str, MediaRef] = {}
    for shown in outermost(node, _MEDIA, without=_FOREIGN):
        kind, href = _shown(shown)
        titles = shown.css(".tgme_widget_message_document_title")[:1]
        name = " ".join(text_of(title) for title in titles) or None
        _add(media, base, kind, href, name)
    # After the post's own: the picture of what it links to.
    for shown in node.css(f"{_LINK_PREVIEW} i"):
        _add(media, base, MediaKind.LINK_PREVIEW, background(shown))
    return tuple(media.values())


def _add(
    media: dict[str, MediaRef],
    base: str,
    kind: MediaKind,
    href: str | None,
    name: str | None = None,
) -> None:
    url = absolute(base, href) if href else None
    if url is not None:
        # A tall video is there twice, once blurred behind itself.
        media.setdefault(url, MediaRef(url, kind, _origin_id(url), name))


def _shown(shown: Selector) -> tuple[MediaKind, str | None]:
    if shown.root.tag in ("video", "audio"):
        kind = MediaKind.VIDEO if shown.root.tag == "video" else MediaKind.SOUND
        return kind, shown.attrib.get("src")
    if "tgme_widget_message_document_wrap" in classes(shown):
        return MediaKind.DOCUMENT, shown.attrib.get("href")
    if "tgme_widget_message_sticker" in classes(shown):
        return MediaKind.STICKER, shown.attrib.get("data-webp")
    if "tgme_widget_message_service_photo" in classes(shown):
        return MediaKind.PHOTO, shown.css("img::attr(src)").get()
    is_photo = "tgme_widget_message_photo_wrap" in classes(shown)
    return MediaKind.PHOTO if is_photo else MediaKind.VIDEO_THUMB, background(shown)


def _origin_id(url: str) -> str | None:
    """Name the stored file: hosts and queries change, the path stays with the file."""
    path = urlsplit(url).path
    return "tme:" + path.rpartition("/")[2] if _STORED.fullmatch(path) else None


def _count(text: str) -> int | None:
    """Read a count as shown: "980", "4.2K", "12.5M"."""
    found = _COUNT.fullmatch(text.strip())
    if found is None:
        return None
    thousandths = int(found[1] + (found[2] or "").ljust(3, "0"))
    return thousandths * _SCALE[found[3]] // 1_000
