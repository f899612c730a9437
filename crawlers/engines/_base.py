"""What every forum engine gives: one page of HTML in, boards, threads or posts out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from crawlers.urls import site_root
from monitor.models.post import Post


class PageKind(StrEnum):
    """What a page of a forum lists."""

    BOARDS = "boards"
    THREADS = "threads"
    POSTS = "posts"


@dataclass(frozen=True, slots=True)
class BoardRef:
    """A board as a list of boards shows it.

    Attributes:
        id: Digits, letters, "_", "-" and "." only: it is logged.
        url: Canonical.
        last_post: Changes when a post is added; None where the page does not tell.
        plain: The page that shows the same, read where there is nothing at `url`.
    """

    id: str
    url: str
    title: str
    last_post: str | None = None
    plain: str | None = None


@dataclass(frozen=True, slots=True)
class BoardList:
    """The boards and sub-boards of a page.

    Attributes:
        next_url: More of them.
        whole: A list of the threads of all boards, read in their place unless some were chosen.
    """

    boards: tuple[BoardRef, ...]
    next_url: str | None = None
    whole: BoardRef | None = None


@dataclass(frozen=True, slots=True)
class ThreadRef:
    """A thread as a board's list shows it.

    Attributes:
        id: Unique within the forum; the same characters as in `BoardRef.id`.
        url: Canonical, of the first page.
        replies: None where the page does not tell.
        last_post: Changes when a post is added; never a relative time.
        sticky: Kept on top whatever its age, announcements too.
        moved: Only a pointer to a thread that another board lists.
    """

    id: str
    url: str
    title: str
    replies: int | None
    last_post: str
    sticky: bool = False
    moved: bool = False


@dataclass(frozen=True, slots=True)
class ThreadList:
    """One page of a board."""

    threads: tuple[ThreadRef, ...]
    next_url: str | None = None


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """One page of a thread, posts in the page's order."""

    thread_id: str
    title: str
    board: str | None
    posts: tuple[Post, ...]
    next_url: str | None = None


def _read_as_it_is(page: str, url: str) -> str | None:
    """Read the page itself."""
    return None


@dataclass(frozen=True, slots=True)
class ForumEngine:
    """A forum software: functions of a page's text (HTML, JSON or XML) and its final URL, no I/O.

    `boards`, `threads` and `posts` raise `SourceChanged("NAME: what is missing.", url=url)` for a
    page that must hold such things and is not as the engine knows it, and `SourceUnavailable` with
    the state RESTRICTED for a login form or a refusal, whatever its status was. No other error,
    whatever the text.

    Attributes:
        recognise: How sure it is that this software made the page, 0-1; from several weak
            signals, never from the host name.
        kind: What the page lists.
        boards: Boards and sub-boards; none is no error, a board may have no sub-boards.
        threads: None is no error: a board may be empty.
        posts: At least one, but for data of nothing but events (a thread was renamed).
        canonical: The one URL of a page: without session ids, jumps and anchors, except a
            post's own. Applied twice it changes nothing.
        root: The folder that a page's forum is in, whichever of its pages it is; nothing outside
            it is read.
        entry: Where the same is had as data, which is read in place of the page that it is given;
            None: nowhere, or the page is data. Where nothing is there, the page is read.
    """

    name: str
    recognise: Callable[[str, str], float]
    kind: Callable[[str, str], PageKind]
    boards: Callable[[str, str], BoardList]
    threads: Callable[[str, str], ThreadList]
    posts: Callable[[str, str], ThreadPage]
    canonical: Callable[[str], str]
    root: Callable[[str], str] = site_root
    entry: Callable[[str, str], str | None] = _read_as_it_is
