"""Preview pages with links of the test's own making: the demo's channel only links to itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from monitor.cli.demo.site import Reply, Request, Site


def serve(site: Site, name: str, posts: Sequence[Sequence[str]]) -> None:
    """Serve a channel: each post is a list of addresses of photos, the first post has id 1."""
    site.route(f"/s/{name}", lambda _: page(name, posts))


def page(name: str, posts: Sequence[Sequence[str]]) -> Reply:
    """Make the channel's newest page; an address that ends in .mp4 is shown as a video."""
    shown = "".join(_message(name, number, urls) for number, urls in enumerate(posts, 1))
    return Reply(f"<html><body><main class='tgme_main'>{shown}</main></body></html>".encode())


def picture(site: Site, path: str, body: bytes) -> str:
    """Serve a file; returns its address."""

    def answer(_: Request) -> Reply:
        return Reply(body, mime="image/jpeg")

    site.route(path, answer)
    return site.url + path


def _message(name: str, number: int, urls: Sequence[str]) -> str:
    shown = "".join(map(_shown, urls))
    return (
        f'<div class="tgme_widget_message" data-post="{name}/{number}">{shown}'
        f'<div class="tgme_widget_message_text">post {number}</div>'
        f'<a class="tgme_widget_message_date" href="https://t.me/{name}/{number}">'
        f'<time datetime="2026-03-01T09:{number:02d}:00+00:00"></time></a></div>'
    )


def _shown(url: str) -> str:
    if url.endswith(".mp4"):
        return f'<video class="tgme_widget_message_video" src="{escape(url)}"></video>'
    return (
        f'<a class="tgme_widget_message_photo_wrap" style="background-image:'
        f"url('{escape(url)}')\"></a>"
    )
