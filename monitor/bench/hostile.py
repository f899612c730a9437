"""What becomes of hostile files: whether anything but a skipped picture comes of them."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

import numpy as np

from monitor.bench._base import Bench, Options, Row
from monitor.bench._hostile import HostileFile, good_files, hostile_files
from monitor.errors import MediaError
from monitor.pictures import Picture, PictureLimits, decode
from monitor.sandbox._base import READY, ROOM_BYTES, Breach
from monitor.sandbox.pictures import Decoder
from monitor.settings import SandboxSettings

_PROC: Final = Path("/proc")
# A worker's handles: standard ones, one of them the socket to us, and twice the shared memory.
_HANDLES: Final = 5


def run(options: Options) -> list[Row]:
    """Decode damaged files of every format and bombs as a crawl does, with good ones in between.

    Returns:
        A row for each format and for bombs: how many there were, were decoded, refused, and ended
        their worker by a limit or a crash; the slowest, in milliseconds. Then a row for each reason
        of the refusals, and in the end: the good pictures whose pixels were those decoded in this
        process; workers started; bytes written by workers beside their answers, and handles they
        opened, looked at after each file (None where the system does not tell); files a second.
    """
    good = good_files(options.paint)
    pixels = {one.data: decode(one.data).rgb for one in good}
    kinds: dict[str, list[tuple[str | None, float]]] = defaultdict(list)
    right = intact = 0
    watch = _Watch()
    started = time.monotonic()
    with Decoder(PictureLimits(), SandboxSettings()) as decoder:
        # Python keeps what it compiled at the first start.
        decoder(good[0].data)
        decoder.close()
        for done, file in enumerate(hostile_files(good, options.files, options.seed), 1):
            at = time.monotonic()
            outcome = _outcome(decoder, file)
            spent_ms = 1_000 * (time.monotonic() - at)
            watch.look(decoder, outcome)
            if file.is_good:
                intact += 1
                right += isinstance(outcome, Picture) and np.array_equal(
                    outcome.rgb, pixels[file.data]
                )
            why = None if isinstance(outcome, Picture) else outcome
            kinds[file.kind].append((why, spent_ms))
            options.progress(done, options.files)
        starts, breaches = decoder.sandbox.starts, decoder.sandbox.breaches
    took_s = time.monotonic() - started
    limits = set(map(str, Breach))
    rows: list[Row] = []
    for kind, seen in sorted(kinds.items()):
        reasons = [why for why, _ in seen]
        ended = sum(why in limits for why in reasons)
        rows.append(
            {
                "what": kind,
                "number": len(seen),
                "decoded": reasons.count(None),
                "refused": len(seen) - reasons.count(None) - ended,
                "ended": ended,
                "slowest_ms": round(max(ms for _, ms in seen), 1),
            }
        )
    told = Counter(why for seen in kinds.values() for why, _ in seen if why is not None)
    rows += [{"what": f"reason: {why}", "number": number} for why, number in told.most_common()]
    rows += [{"what": f"worker ended: {one}", "number": breaches[one]} for one in Breach]
    rows += [
        {"what": "good pictures", "number": intact, "decoded": right},
        {"what": "workers started", "number": starts},
        {"what": "bytes written", "number": watch.written},
        {"what": "handles opened", "number": watch.opened},
        {"what": "files a second", "number": round(options.files / took_s, 1)},
    ]
    return rows


def _outcome(decoder: Decoder, file: HostileFile) -> Picture | str:
    try:
        return decoder(file.data)
    except MediaError as error:
        return error.reason


class _Watch:
    """What the kernel says that a worker did, which is not what it says itself.

    Attributes:
        written: Bytes, to anything, beside answers; None where it is not told.
        opened: Handles beside those that every worker has.
    """

    def __init__(self) -> None:
        is_told = (_PROC / "self/io").exists()
        self.written = 0 if is_told else None
        self.opened = 0 if is_told else None
        self._pid: int | None = None
        self._answers = self._beside = 0

    def look(self, decoder: Decoder, outcome: Picture | str) -> None:
        """Look at the worker after a file; one that was ended can't be looked at."""
        pid = decoder.sandbox.pid
        if pid is None or self.written is None or self.opened is None:
            return
        if pid != self._pid:
            self._pid, self._answers, self._beside = pid, len(READY), 0
        self._answers += decoder.sandbox.answer_bytes
        if isinstance(outcome, Picture) and outcome.rgb.nbytes > ROOM_BYTES:
            self._answers += outcome.rgb.nbytes
        lines = (_PROC / str(pid) / "io").read_text().splitlines()
        told = next(int(line.split()[1]) for line in lines if line.startswith("wchar"))
        # The kernel counts a write just after it was done: it may miss the last one.
        beside = max(self._beside, told - self._answers)
        self.written += beside - self._beside
        self._beside = beside
        self.opened += len(list((_PROC / str(pid) / "fd").iterdir())) - _HANDLES


BENCH: Final = Bench(
    name="hostile",
    help="Damaged files of every format and bombs, decoded as in a crawl, good ones in between.",
    run=run,
    takes=frozenset({"files", "seed"}),
)
