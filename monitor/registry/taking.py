"""Takes what a partner's file says into a case: what is new, and what they took back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from monitor.clock import Clock, utc_now
from monitor.errors import Misuse
from monitor.exchange import Given, to_fingerprint
from monitor.models.case import Fingerprint, Partner
from monitor.store import cases
from monitor.store.store import Store

# Entries of one transaction. Their keys come in no order: with fewer at a time, the pages of the
# indexes would be written more often.
AT_ONCE: Final = 50_000


@dataclass
class Tally:
    """What became of the entries of a file.

    Attributes:
        good: That have a hash to match by.
        added: Of these, those that were not there.
        taken_back: That the partner withdrew or deleted.
        gone: Fingerprints that were deleted for that.
        unusable: By the kind of hash.
    """

    good: int = 0
    added: int = 0
    taken_back: int = 0
    gone: int = 0
    bad: int = 0
    unusable: Counter[str] = field(default_factory=Counter)


def take(
    store: Store,
    case_id: str,
    given: Iterator[Given],
    *,
    actor: str,
    tally: Tally,
    tell: Callable[[str], None] = lambda _words: None,
    progress: Callable[[int], None] = lambda _done: None,
    clock: Clock = utc_now,
) -> None:
    """Take entries into a case, some at a time: crawls get at the store in between.

    Of a file that breaks off, what was read before is taken.

    Args:
        tally: Counts what became of them, also where this is broken off.
        tell: Told of each entry that is left out, where it is and why.
        progress: Told how many were read.

    Raises:
        Misuse: The file can't be read to its end, or the case was withdrawn.
    """
    done = 0
    broken: Misuse | None = None
    while broken is None:
        some: list[Given] = []
        try:
            some.extend(islice(given, AT_ONCE))
        except Misuse as error:
            broken = error
        if not some:
            break
        prints, taken_back = _sorted(some, case_id, tally, tell, clock)
        try:
            with store.write() as db:
                added = cases.enrol(db, case_id, prints, actor=actor, now=clock()) if prints else 0
                gone = cases.remove(db, case_id, taken_back, actor=actor, now=clock())
        except ValueError as error:
            raise Misuse(str(error)) from error
        tally.good += len(prints)
        tally.added += added
        tally.gone += gone
        done += len(some)
        progress(done)
    if broken is not None:
        raise broken


def _sorted(
    some: list[Given], case_id: str, tally: Tally, tell: Callable[[str], None], clock: Clock
) -> tuple[list[Fingerprint], list[Partner]]:
    """Sort entries into what is there and what was taken back; of what is said twice, the last."""
    now = clock()
    prints: dict[object, Fingerprint] = {}
    taken_back: dict[object, Partner] = {}
    for number, one in enumerate(some):
        key = (one.partner.name, one.partner.reference) if one.partner else number
        if one.fault:
            tally.bad += 1
            tell(f"{one.place} {one.fault}; it was left out")
        elif one.unusable:
            tally.unusable[one.unusable] += 1
        elif one.is_gone and one.partner:
            tally.taken_back += 1
            prints.pop(key, None)
            taken_back[key] = one.partner
        elif made := to_fingerprint(one, case_id, now):
            taken_back.pop(key, None)
            prints[key] = made
    return list(prints.values()), list(taken_back.values())
