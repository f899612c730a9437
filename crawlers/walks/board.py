"""Where the reading of one board stands, as its checkpoint keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from crawlers.engines._base import BoardRef
from monitor.models.post import Json


@dataclass(slots=True)
class Board:
    """A board in the course of a walk; kept under the checkpoint key `board:<id>`.

    Attributes:
        passes: How often its news were read to the end. Threads keep the pass that read them: one
            that an unfinished pass read is no sign that what is below it was read, too.
        back: List page from which older threads are still to be read; None: all were.
        page: Number of that page, from 1.
        ahead: The page after `back`, when this walk has read `back` itself.
        is_closed: There is nothing to read of it in this walk.
        had_threads: It was seen to list some: a page of it without any is not as known.
        is_plain: There is nothing at the address of its data.
        validator: Of the first page of its list, once all that it lists was read.
    """

    ref: BoardRef
    passes: int
    back: str | None
    page: int
    ahead: str | None = None
    is_closed: bool = False
    had_threads: bool = False
    is_plain: bool = False
    validator: Json = None

    @classmethod
    def load(cls, ref: BoardRef, checkpoint: Mapping[str, Json]) -> Board:
        """Take up a board from a checkpoint; one that is not in it is read from its first page."""
        state = checkpoint.get(f"board:{ref.id}")
        if not isinstance(state, dict):
            return cls(ref, passes=0, back=ref.url, page=1)
        passes, back, page = (state.get(name) for name in ("passes", "back", "page"))
        loaded = cls(
            ref,
            passes=passes if isinstance(passes, int) else 0,
            back=back if isinstance(back, str) else None,
            page=page if isinstance(page, int) else 1,
            had_threads=state.get("had_threads") is True,
            validator=state.get("validator"),
        )
        if state.get("is_plain") is True:
            loaded.use_plain()
        return loaded

    def use_plain(self) -> None:
        """Read the page of the board from now on, in place of its data."""
        if self.ref.plain is not None:
            if self.back == self.ref.url:
                self.back = self.ref.plain
            self.ref = replace(self.ref, url=self.ref.plain)
            self.is_plain = True

    def key(self) -> str:
        """Name the checkpoint key."""
        return f"board:{self.ref.id}"

    def dump(self) -> Json:
        """Give what the checkpoint keeps."""
        dumped: dict[str, Json] = {"passes": self.passes, "back": self.back, "page": self.page}
        more: dict[str, Json] = {
            "had_threads": self.had_threads,
            "is_plain": self.is_plain,
            "validator": self.validator,
        }
        return dumped | {name: value for name, value in more.items() if value}
