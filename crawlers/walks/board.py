"""Where the reading of one board stands, as its checkpoint keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    """

    ref: BoardRef
    passes: int
    back: str | None
    page: int
    ahead: str | None = None
    is_closed: bool = False

    @classmethod
    def load(cls, ref: BoardRef, checkpoint: Mapping[str, Json]) -> Board:
        """Take up a board from a checkpoint; one that is not in it is read from its first page."""
        state = checkpoint.get(f"board:{ref.id}")
        if not isinstance(state, dict):
            return cls(ref, passes=0, back=ref.url, page=1)
        passes, back, page = (state.get(name) for name in ("passes", "back", "page"))
        return cls(
            ref,
            passes=passes if isinstance(passes, int) else 0,
            back=back if isinstance(back, str) else None,
            page=page if isinstance(page, int) else 1,
        )

    def key(self) -> str:
        """Name the checkpoint key."""
        return f"board:{self.ref.id}"

    def dump(self) -> Json:
        """Give what the checkpoint keeps."""
        return {"passes": self.passes, "back": self.back, "page": self.page}
