"""Looks through a post's picture for parts of enrolled photos, by all that their owners allow."""

from __future__ import annotations

from monitor.features.extract import POST_AREA, Luma, luma
from monitor.features.index import Probe, probe_in
from monitor.features.memory import lack_of_memory_told
from monitor.models.match import Match
from monitor.models.media import MediaFacts
from monitor.pictures import Picture
from monitor.registry.bank import Bank
from monitor.registry.facts import facts_of
from monitor.registry.matcher import best_of_each_photo, match
from monitor.registry.placed import local_matches, window_matches
from monitor.windows.post import post_windows
from monitor.windows.pyramid import Pyramid


class Look:
    """A post's picture until its page is committed: what its pixels say against a bank."""

    def __init__(self, facts: MediaFacts, grey: Luma) -> None:
        """Prepare.

        Args:
            grey: The picture at the size that `luma` gives a post.
        """
        self._facts = facts
        self._grey: Luma | None = grey
        self._probe: Probe | None = None
        self._searched: tuple[object, object] | None = None
        self._found: list[Match] = []

    def matches(self, bank: Bank) -> list[Match]:
        """Match against a bank; the same photos are searched once.

        Raises:
            MemoryError: It is lacking.
        """
        # Many a change of a bank is no change of what is searched here.
        photos = (bank.windows, bank.local)
        if self._grey is not None and (
            self._searched is None
            or any(new is not old for new, old in zip(photos, self._searched, strict=True))
        ):
            with lack_of_memory_told():
                self._found = self._search(bank, self._grey)
            self._searched = photos
        return self._found

    def settle(self) -> None:
        """Let go of the picture: what was matched stands, whatever is enrolled meanwhile."""
        self._grey = self._probe = None

    def _search(self, bank: Bank, grey: Luma) -> list[Match]:
        found = []
        if len(bank.windows):
            # Made anew for another bank, which is rare: they take megabytes.
            found += window_matches(bank, self._facts, post_windows(Pyramid(grey)))
        if len(bank.local):
            self._probe = self._probe or probe_in(grey)
            found += local_matches(bank, self._facts, self._probe)
        return best_of_each_photo(found)


def look_up(bank: Bank, picture: Picture) -> list[Match]:
    """Match a picture by its hashes and by what can be seen in it.

    Returns:
        One match a photo, the surest first.

    Raises:
        MediaError: It is too small to be hashed.
    """
    facts = facts_of(picture)
    look = Look(facts, luma(picture.rgb, POST_AREA))
    return best_of_each_photo([*match(bank, facts), *look.matches(bank)])
