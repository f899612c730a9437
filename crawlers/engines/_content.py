"""What a post says and shows, where its HTML came as data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from parsel import Selector

from crawlers.engines._html import outermost, text_of
from crawlers.engines._page import Page, gather, is_picture
from monitor.models.post import MediaKind, MediaRef


@dataclass(frozen=True, slots=True)
class Content:
    """The parts of a post that its HTML tells; as in `Post`."""

    text: str
    links: tuple[str, ...]
    media: tuple[MediaRef, ...]


def read_content(
    page: Page,
    *,
    foreign: str = "",
    unsaid: str = "blockquote",
    scenery: str = "img.emoji",
    files: str = "",
    sizes: Callable[[Selector], tuple[str, ...]] | None = None,
) -> Content:
    """Read the HTML of one post.

    Args:
        page: That HTML only, with the address of the page that it is on.
        foreign: CSS of what others wrote or show.
        unsaid: CSS of what is no text of the writer. Pictures in it are taken: where a mark for
            quotes may stand before anything, it must not hide a photo.
        scenery: CSS of pictures that show nothing.
        files: CSS of links to attached files.
        sizes: Gives the addresses of an `img`, `page.sizes` where it is None.
    """
    within = ", ".join(filter(None, (foreign, unsaid)))
    return Content(
        text_of(page.tree, within),
        page.links_out(page.tree, ", ".join(filter(None, (foreign, files)))),
        gather(_media(page, foreign, scenery, files, sizes or page.sizes)),
    )


def _media(
    page: Page,
    foreign: str,
    scenery: str,
    files: str,
    sizes: Callable[[Selector], tuple[str, ...]],
) -> Iterator[MediaRef]:
    shown = ", ".join(filter(None, ("img, video, audio, [data-video-src]", files)))
    without = ", ".join(filter(None, (foreign, scenery)))
    for node in outermost(page.tree, shown, without):
        if node.root.tag == "img":
            for url in sizes(node):
                yield MediaRef(url, MediaKind.PHOTO)
        elif node.root.tag == "a":
            pictures = outermost(node, "img", without)
            for picture in pictures:
                for url in sizes(picture):
                    yield MediaRef(url, MediaKind.PHOTO)
            found = page.resolve(node.attrib.get("href", ""))
            if found is not None and not pictures:
                kind = MediaKind.PHOTO if is_picture(found) else MediaKind.FILE
                yield MediaRef(found, kind, name=text_of(node)[:200] or None)
        else:
            # Where it is loaded once it is clicked at.
            late = page.resolve(node.attrib.get("data-video-src", ""))
            found = late or page.video(node)
            kind = MediaKind.SOUND if node.root.tag == "audio" else MediaKind.VIDEO
            if found is not None:
                yield MediaRef(found, kind)
