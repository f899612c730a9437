from __future__ import annotations

import numpy as np
import pytest

from monitor.models.frames import HEAD_BYTES, Frames, dump, duration_s, load, row_type

MADE = dump(Frames(np.zeros(3, row_type(8)), 94_500, 9))


def test_what_is_packed_is_read_again() -> None:
    again = load(MADE)
    assert (again.turns, len(again.rows), again.duration_ms, again.looked_at) == (8, 3, 94_500, 9)


def test_how_long_a_video_is_its_beginning_tells() -> None:
    assert duration_s(MADE) == duration_s(MADE[:HEAD_BYTES]) == 94.5


@pytest.mark.parametrize("data", [b"", MADE[: HEAD_BYTES - 1], b"\x02" + MADE[1:]])
def test_what_is_cut_short_or_of_another_version_is_refused(data: bytes) -> None:
    for read in (load, duration_s):
        with pytest.raises(ValueError, match=r"cut short|version 2"):
            read(data)
