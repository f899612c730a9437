"""A page of a forum as its engine reads it: links, refusals, the next page, a post's media."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

from parsel import Selector

from crawlers.engines._data import fail
from crawlers.engines._html import base_of, outermost, parse, text_of
from crawlers.urls import absolute, is_same_site
from monitor.models.post import MediaRef

# More than a post shows in earnest; what is over is not looked at.
MAX_MEDIA = 100
_PICTURE = re.compile(r"\.(?:jpe?g|jfif|png|webp|gif|bmp|avif|heic)$", re.IGNORECASE)
_VIDEO = re.compile(r"\.(?:mp4|m4v|mov|webm|mkv|ogv|avi|wmv|flv|mpe?g|3gp|3g2)$", re.IGNORECASE)
# Where scripts that load pictures late find the real one.
_SOURCES = ("data-src", "data-original", "data-lazy-src", "src")


class Page:
    """A parsed page with what its links are relative to.

    Attributes:
        url: Where it was found.
        base: What its links are relative to.
    """

    def __init__(self, html: str, url: str, canonical: Callable[[str], str]) -> None:
        self.url = url
        self.tree = parse(html)
        self.base = base_of(self.tree, url)
        self.canonical = canonical

    def has(self, css: str) -> bool:
        """Tell whether there is such an element."""
        return bool(self.tree.css(css))

    def text(self, css: str, without: str = "") -> str:
        """Read the first such element; empty where there is none."""
        found = self.tree.css(css)
        return text_of(found[0], without) if found else ""

    def scripts(self) -> str:
        """Give the text of the scripts in the page."""
        return "\n".join(self.tree.css("script::text").getall())

    def resolve(self, href: str) -> str | None:
        """Resolve a link; None for an empty one, which would be the page itself."""
        return absolute(self.base, href) if href.strip() else None

    def link(self, href: str) -> str | None:
        """Resolve a link to its canonical URL; None when it leads to another site."""
        url = self.resolve(href)
        return self.canonical(url) if url is not None and is_same_site(url, self.url) else None

    def fail(self, software: str, missing: str, refusal: str) -> NoReturn:
        """Say why there is nothing to read: we may not see it, or we do not know the page.

        Args:
            missing: What the page should have shown.
            refusal: CSS of what is shown to those who may not see it.
        """
        fail(software, missing, self.url, is_refused=self.has(refusal))

    def next_url(
        self, links: Iterable[Selector], place: Callable[[str], tuple[str, int] | None]
    ) -> str | None:
        """Find the page after this one: the nearest further one, whatever language says so.

        Args:
            links: Those between pages.
            place: Tells of a canonical URL what it is a page of, and how far on.
        """
        here = place(self.canonical(self.url))
        later: dict[int, str] = {}
        for link in links:
            url = self.link(link.attrib.get("href", ""))
            there = place(url) if url is not None else None
            if url is None or here is None or there is None:
                continue
            if there[0] == here[0] and there[1] > here[1]:
                later.setdefault(there[1], url)
        return later[min(later)] if later else None

    def links_out(self, part: Selector, without: str) -> tuple[str, ...]:
        """List where a part of the page links to, on other sites."""
        hrefs = (link.attrib["href"] for link in outermost(part, "a[href]", without))
        urls = (self.resolve(href) for href in hrefs)
        return tuple(dict.fromkeys(url for url in urls if url and not is_same_site(url, self.url)))

    def source(self, picture: Selector) -> str | None:
        """Give what an `img` shows, once it is loaded."""
        for name in _SOURCES:
            url = self.resolve(picture.attrib.get(name, ""))
            if url is not None:
                return url
        return None

    def around(self, picture: Selector) -> str | None:
        """Give what an `img` links to."""
        return self.resolve(picture.xpath("ancestor::a[1]/@href").get("") or "")

    def sizes(self, picture: Selector) -> tuple[str, ...]:
        """Give the picture at full size, which it links to, and the one that is shown.

        Both, as nothing says that they are the same: a decoy behind a photo must not hide it.
        """
        source, full = self.source(picture), self.around(picture)
        if source is None:
            return ()
        return (full, source) if full is not None and is_picture(full) else (source,)

    def video(self, video: Selector) -> str | None:
        """Give the file that a `video` plays."""
        return self.resolve(
            video.attrib.get("src")
            or video.attrib.get("data-src")
            or video.css("source::attr(src), source::attr(data-src)").get("")
        )


@dataclass(frozen=True, slots=True)
class ThreadHead:
    """What the posts of a thread's page share.

    Attributes:
        url: Canonical, of the first page.
    """

    page: Page
    id: str
    url: str
    title: str
    board: str | None


def is_picture(url: str) -> bool:
    """Tell whether an address names a picture."""
    return bool(_PICTURE.search(urlsplit(url).path))


def is_video(url: str) -> bool:
    """Tell whether an address names a video."""
    return bool(_VIDEO.search(urlsplit(url).path))


def gather(refs: Iterable[MediaRef]) -> tuple[MediaRef, ...]:
    """Keep each medium once, and no more than a post shows in earnest.

    A page of nothing but pictures, deeply nested, must not take minutes: `refs` is not read on.
    """
    kept: dict[str, MediaRef] = {}
    for ref in refs:
        kept.setdefault(ref.url, ref)
        if len(kept) >= MAX_MEDIA:
            break
    return tuple(kept.values())
