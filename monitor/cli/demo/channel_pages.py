"""Pages in the shape of Telegram's web preview, t.me/s/<channel>."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from monitor.cli.demo.channel import Channel, Message
from monitor.cli.demo.pages import PAGES
from monitor.cli.demo.pictures import Encoded
from monitor.cli.demo.site import Reply, Request, Site, in_parts, redirect

_PAGE_SIZE = 20
_TOKEN_BYTES = 256
_RICH = re.compile(
    r"(?P<link>https?://[^\s<>\"]{1,500})"
    r"|(?P<tag>(?<!\w)#\w{1,64})"
    r"|(?P<emoji>[\U0001F300-\U0001FAFF\u2600-\u27BF])\uFE0F?"
)


def serve(channels: Sequence[Channel], site: Site) -> None:
    """Serve channels' previews, landing pages and files on a site, from its root."""
    pages = _Pages(channels, lambda: site.url)
    site.route("/s/", pages.preview)
    site.route("/file/", pages.file)
    site.route("/", pages.landing)


def empty_page(channel: Channel) -> Reply:
    """What Telegram also sends to who asks too fast: 200, and no posts."""
    return _Pages((channel,), str).history(channel, [])


class _Pages:
    """Answers requests from the channels as they are at that moment."""

    def __init__(self, channels: Sequence[Channel], home: Callable[[], str]) -> None:
        self._channels = {channel.name.lower(): channel for channel in channels}
        self._home = home
        self._files: dict[str, Encoded] = {}

    def preview(self, request: Request) -> Reply:
        """A page of at most 20 messages: the newest, or those next to a cursor."""
        name, _, post = request.path.removeprefix("/s/").partition("/")
        channel = self._channels.get(name.lower())
        if channel is None or not channel.has_preview:
            return redirect(f"/{name}")
        messages = channel.messages
        if words := request.query.get("q", ""):
            messages = [m for m in messages if words.lower() in m.text.lower()]
        before, after = (_cursor(request.query, key) for key in ("before", "after"))
        if after is not None:
            shown = [m for m in messages if m.id > after][:_PAGE_SIZE]
        elif post.isdecimal():
            at = sum(m.id <= int(post) for m in messages)
            shown = messages[max(0, at - _PAGE_SIZE // 2) : at + _PAGE_SIZE // 2]
        else:
            shown = [m for m in messages if before is None or m.id < before][-_PAGE_SIZE:]
        return self.history(channel, shown, messages)

    def history(
        self, channel: Channel, shown: Sequence[Message], all_messages: Sequence[Message] = ()
    ) -> Reply:
        """Render messages, with a pager towards those before and after them."""
        older = shown[0].id if shown and shown[0].id > all_messages[0].id else None
        newer = shown[-1].last_id if shown and shown[-1].id < all_messages[-1].id else None
        html = PAGES.get_template("channel_page.html").render(
            {
                "channel": channel,
                "messages": shown,
                "by_id": {message.id: message for message in channel.messages},
                "older": older,
                "newer": newer,
                "counters": _counters(channel),
                "short": short_number,
                "rich": rich,
                "file": self._file_url,
                "view": lambda message: _view(channel, message),
            }
        )
        return Reply(html.encode())

    def landing(self, request: Request) -> Reply:
        """The page of a name: of a channel, or the one that any other name gets."""
        name = request.path.strip("/").partition("/")[0]
        channel = self._channels.get(name.lower())
        html = PAGES.get_template("channel_landing.html").render(
            {"name": name, "channel": channel, "file": self._file_url}
        )
        return Reply(html.encode())

    def file(self, request: Request) -> Reply:
        """A picture or a video by the address that a page gave."""
        content = self._files.get(request.path.rpartition("/")[2])
        return in_parts(request, content.data, content.mime) if content else Reply(b"", 404)

    def _file_url(self, place: str, content: Encoded) -> str:
        """The same file gets another address in another place, as an upload does."""
        key = place.encode() + hashlib.sha256(content.data).digest()
        if content.suffix == ".mp4":
            name = hashlib.sha256(key).hexdigest()[:10] + content.suffix
            query = "?token=" + _token(key)
        else:
            name, query = _token(key) + content.suffix, ""
        self._files[name] = content
        return f"{self._home()}/file/{name}{query}"


def rich(text: str) -> Markup:
    """Turn plain text into a message's HTML: links, hashtags, emoji, line breaks."""
    html = Markup("")
    at = 0
    for match in _RICH.finditer(text):
        html += text[at : match.start()]
        kind, value = match.lastgroup, match.group(match.lastgroup or 0)
        if kind == "link":
            html += Markup(
                '<a href="{0}" target="_blank" rel="noopener" '
                "onclick=\"return confirm('Open this link?\\n\\n'+this.href);\">{0}</a>"
            ).format(value)
        elif kind == "tag":
            html += Markup('<a href="?q=%23{0}">#{0}</a>').format(value[1:])
        else:
            html += Markup(
                '<i class="emoji" style="background-image:url(\'//telegram.org/img/emoji/40/'
                "{0}.png')\"><b>{1}</b></i>"
            ).format(value.encode().hex().upper(), match.group())
        at = match.end()
    html += text[at:]
    return html.replace("\n", Markup("<br/>"))


def short_number(number: int) -> str:
    """Shorten a count as Telegram does: 980, 4.2K, 12.5M."""
    for size, letter in ((1_000_000, "M"), (1_000, "K")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def _counters(channel: Channel) -> list[tuple[str, str]]:
    messages = channel.messages
    counts = {
        "subscriber": channel.subscribers,
        "photo": sum(len(message.photos) for message in messages),
        "video": sum(message.video is not None for message in messages),
        "file": sum(message.document is not None for message in messages),
        "link": sum("://" in message.text for message in messages),
    }
    return [(short_number(n), word if n == 1 else f"{word}s") for word, n in counts.items() if n]


def _view(channel: Channel, message: Message) -> str:
    """The data-view mark: channel, post with a "g" for an album, time, check value."""
    digest = hashlib.sha256(f"{channel.name}/{message.id}".encode()).hexdigest()
    post = f"{message.id}g" if len(message.photos) > 1 else message.id
    view = {"c": -channel.id, "p": post, "t": 1, "h": digest[:18]}
    encoded = base64.urlsafe_b64encode(json.dumps(view, separators=(",", ":")).encode())
    return encoded.decode().rstrip("=")


def _token(key: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.shake_256(key).digest(_TOKEN_BYTES)).decode()[:-2]


def _cursor(query: Mapping[str, str], name: str) -> int | None:
    value = query.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 12 else None
