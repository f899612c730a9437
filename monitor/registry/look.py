"""Looks through a post's picture for parts of enrolled photos, by all that their owners allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.features.extract import POST_AREA, Luma, luma
from monitor.features.index import Probe, probe_in
from monitor.features.memory import lack_of_memory_told
from monitor.models.frames import load
from monitor.models.match import Match
from monitor.models.media import MediaFacts
from monitor.pictures import Picture
from monitor.registry.bank import Bank
from monitor.registry.facts import FileFacts, facts_of, video_facts
from monitor.registry.in_video import Met, met_by_hash, summed_up, timeline
from monitor.registry.matcher import best_of_each_photo, match
from monitor.registry.placed import local_matches, window_matches
from monitor.videos.watch import Still, Watched
from monitor.windows.post import post_windows
from monitor.windows.pyramid import Pyramid


class Look:
    """A post's picture until its page is committed: what its pixels say against a bank."""

    def __init__(self, facts: MediaFacts, grey: Luma, *, is_quick: bool = False) -> None:
        """Prepare.

        Args:
            grey: The picture at the size that `luma` gives a post.
            is_quick: It is one of many of a video.
        """
        self._is_quick = is_quick
        self._facts = facts
        self._grey: Luma | None = grey
        self._probe: Probe | None = None
        self._searched: tuple[object, object] | None = None
        self._found: list[Match] = []

    @property
    def pictures(self) -> int:
        """How many are in memory."""
        return int(self._grey is not None)

    def matches(self, bank: Bank) -> list[Match]:
        """Match against a bank; the same photos are searched once.

        Raises:
            MemoryError: It is lacking.
        """
        return best_of_each_photo(self.every(bank))

    def every(self, bank: Bank) -> list[Match]:
        """Give all matches: of an enrolled video, one for each of its pictures.

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
            post = post_windows(Pyramid(grey), is_quick=self._is_quick)
            found += window_matches(bank, self._facts, post)
        if len(bank.local) and not (self._is_quick and bank.local_is_in_windows):
            self._probe = self._probe or probe_in(grey)
            found += local_matches(bank, self._facts, self._probe)
        return found


class VideoLook:
    """Pictures of a post's video until its page is committed."""

    def __init__(self, facts: MediaFacts, stills: Sequence[Still]) -> None:
        """Prepare.

        Args:
            stills: At the size that `luma` gives a post.
        """
        self._facts = facts
        looks = [(one, Look(facts, one.grey, is_quick=True)) for one in stills]
        self._mains = [(one.ms, look) for one, look in looks if one.is_main]
        self._others = [(one.ms, look) for one, look in looks if not one.is_main]
        self._searched: Bank | None = None
        self._found: list[Match] = []

    @property
    def pictures(self) -> int:
        """How many are in memory."""
        return len(self._mains) + len(self._others)

    def matches(self, bank: Bank) -> list[Match]:
        """Match against a bank, by hashes of the frames and by all that is seen in the pictures.

        Raises:
            MemoryError: It is lacking.
        """
        if bank is self._searched or (self._searched is not None and not self._mains):
            return self._found
        frames = load(self._facts.frames or b"")
        met = met_by_hash(bank, self._facts, frames)
        looks = self._mains if bank.sees_parts else []
        seen = _met(looks, bank)
        if any(one.clip_ms is not None for one in [*met, *seen]):
            # How much of an enrolled video it is, some pictures don't tell.
            seen += _met(self._others, bank)
            looks = looks + self._others
        met += seen
        looked_at = timeline(frames, [ms for ms, _ in looks])
        self._found = summed_up(bank, self._facts, frames, met, looked_at)
        self._searched = bank
        return self._found

    def settle(self) -> None:
        """Let go of the pictures: what was matched stands."""
        self._mains, self._others = [], []


def _met(looks: Iterable[tuple[int, Look]], bank: Bank) -> list[Met]:
    """Look at pictures of a video; says when each matched, of an enrolled video when in that."""
    met = []
    for ms, look in looks:
        for one in look.every(bank):
            clip_s = None if one.moment is None else one.moment.clip_start_s
            met.append(Met(ms, one, None if clip_s is None else round(1000 * clip_s)))
    return met


def look_up_video(bank: Bank, seen: Watched, file: FileFacts) -> list[Match]:
    """Match a video by all that can be seen in it.

    Returns:
        One match a photo or video that was enrolled, the surest first.
    """
    facts = video_facts(seen, file)
    look = VideoLook(facts, seen.stills)
    return best_of_each_photo([*match(bank, facts), *look.matches(bank)])


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
