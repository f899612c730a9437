"""A forum's boards, threads and posts, which can change while it is served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from itertools import count

from monitor.cli.demo.pictures import Encoded


class Show(StrEnum):
    """How a post shows a file."""

    THUMBNAIL = "thumbnail"
    FULL = "full"
    INLINE = "inline"
    LINKED = "linked"
    FILE = "file"


class Rank(IntEnum):
    """Where a board lists a thread: stickies first, global announcements on every board."""

    NORMAL = 0
    STICKY = 1
    GLOBAL = 2


@dataclass(frozen=True, slots=True)
class File:
    """An uploaded file; a LINKED one is kept in the gallery beside the forum."""

    id: int
    name: str
    content: Encoded
    show: Show

    @property
    def kib(self) -> int:
        """Size in KiB, rounded up."""
        return -(-len(self.content.data) // 1024)


@dataclass(frozen=True, slots=True)
class Member:
    """A member with what is shown beside and below each of their posts."""

    id: int
    name: str
    avatar: Encoded | None
    signature: str
    banner: File | None


@dataclass(slots=True)
class ForumPost:
    """A post; `text` is plain, with lines, links and ":)"."""

    id: int
    thread_id: int
    subject: str
    author: Member
    text: str
    posted: datetime
    files: tuple[File, ...]
    quote: ForumPost | None
    edited: datetime | None = None
    edits: int = 0


@dataclass(slots=True)
class Thread:
    """A thread with its posts, oldest first; never empty."""

    id: int
    board_id: int
    title: str
    rank: Rank
    posts: list[ForumPost] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Board:
    """A board; guests see a login form on one that is `login_only`."""

    id: int
    title: str
    about: str
    login_only: bool


class Forum:
    """The forum: fill it, serve it by `forum_pages.serve`, go on changing it."""

    def __init__(self, title: str, *, posts_per_page: int = 10, topics_per_page: int = 20) -> None:
        self.title = title
        self.posts_per_page = posts_per_page
        self.topics_per_page = topics_per_page
        self.boards: dict[int, Board] = {}
        self.members: dict[int, Member] = {}
        self.files: dict[int, File] = {}
        self.home: Callable[[], str] = str
        self._threads: dict[int, Thread] = {}
        self._ids = {kind: count(1) for kind in ("thread", "post", "file")}

    @property
    def url(self) -> str:
        """Address of the index, with a slash at the end; "" before the forum is served."""
        return self.home()

    @property
    def threads(self) -> list[Thread]:
        """All threads as they are now, oldest first."""
        return list(self._threads.values())

    def add_member(
        self,
        name: str,
        avatar: Encoded | None = None,
        signature: str = "",
        banner: File | None = None,
    ) -> Member:
        """Register a member; `banner` is a LINKED picture in their signature."""
        member = Member(len(self.members) + 2, name, avatar, signature, banner)
        self.members[member.id] = member
        return member

    def add_board(self, title: str, about: str = "", *, login_only: bool = False) -> Board:
        """Open a board below the others; number 1 is their category, as in phpBB."""
        board = Board(2 + len(self.boards), title, about, login_only)
        self.boards[board.id] = board
        return board

    def attach(self, name: str, content: Encoded, show: Show = Show.THUMBNAIL) -> File:
        """Upload a file, for use in posts."""
        file = File(next(self._ids["file"]), name, content, show)
        self.files[file.id] = file
        return file

    def add_thread(
        self,
        board: Board,
        title: str,
        author: Member,
        text: str,
        posted: datetime,
        files: Sequence[File] = (),
        rank: Rank = Rank.NORMAL,
    ) -> ForumPost:
        """Start a thread; returns its first post."""
        thread = Thread(next(self._ids["thread"]), board.id, title, rank)
        self._threads[thread.id] = thread
        return self.add_post(thread.id, author, text, posted, files)

    def add_post(
        self,
        thread_id: int,
        author: Member,
        text: str,
        posted: datetime,
        files: Sequence[File] = (),
        quote: ForumPost | None = None,
    ) -> ForumPost:
        """Answer in a thread."""
        thread = self._threads[thread_id]
        subject = f"Re: {thread.title}" if thread.posts else thread.title
        post = ForumPost(
            next(self._ids["post"]), thread_id, subject, author, text, posted, tuple(files), quote
        )
        thread.posts.append(post)
        return post

    def edit_post(
        self, post_id: int, at: datetime, text: str, files: Sequence[File] | None = None
    ) -> None:
        """Change a post's text, and its files unless None; it does not move in any list."""
        post = self.post(post_id)
        post.text, post.edited, post.edits = text, at, post.edits + 1
        if files is not None:
            post.files = tuple(files)

    def delete_post(self, post_id: int) -> None:
        """Remove a post with its attachments; the last one takes its thread along."""
        post = self.post(post_id)
        thread = self._threads[post.thread_id]
        # A new list: a page that is being written keeps the one it started with.
        thread.posts = [other for other in thread.posts if other.id != post_id]
        if not thread.posts:
            del self._threads[thread.id]
        for file in post.files:
            if file.show is not Show.LINKED:
                self.files.pop(file.id, None)

    def post(self, post_id: int) -> ForumPost:
        """Find a post.

        Raises:
            KeyError: There is none of that id.
        """
        for thread in self.threads:
            for post in thread.posts:
                if post.id == post_id:
                    return post
        raise KeyError(post_id)

    def post_url(self, post_id: int) -> str:
        """Permalink of a post."""
        return f"{self.url}viewtopic.php?p={post_id}#p{post_id}"
