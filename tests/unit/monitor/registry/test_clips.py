"""Frames of enrolled videos are found near a hash; of one still scene, as many as there are."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.models.frames import WHOLE, Frames, row_type
from monitor.nearest.scan import Words
from monitor.registry import clips
from monitor.registry.clips import ClipIndex

SCENE = np.random.default_rng(5).integers(0, 1 << 63, (8, 4), np.uint64)


def still(count: int, turns: int = 8) -> Frames:
    """Frames of one scene, of which each differs in another bit."""
    rows = np.zeros(count, row_type(turns))
    rows["ms"], rows["quality"], rows["region"] = 250 * np.arange(count), 100, WHOLE
    rows["hash"] = SCENE[:turns]
    rows["hash"][:, :, 0] ^= np.uint64(1) << np.arange(count, dtype=np.uint64)[:, None]
    return Frames(rows, 250 * count, count)


def asked(count: int) -> Words:
    return np.ascontiguousarray(still(count).rows["hash"][:, 0])


@pytest.mark.parametrize("at_once", [7, 1_000])
def test_of_a_still_scene_each_frame_of_both_sides_is_met_at_its_nearest(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(clips, "_AT_ONCE", at_once)
    index = ClipIndex({3: still(40), 9: still(20, turns=1)})
    found = index.search(asked(30))
    for number, frames in ((3, 40), (9, 20)):
        some = [one for one in found if one.number == number]
        assert {one.query for one in some} == set(range(30))
        assert {one.ms for one in some} == set(range(0, 250 * frames, 250))
        assert {one.turn for one in some} == {0}
        exact = {one.query: one.ms for one in some if one.distance == 0}
        assert exact == {at: 250 * at for at in range(min(30, frames))}
    assert len(found) < 40 * 30


def test_what_is_unlike_is_not_met() -> None:
    assert ClipIndex({3: still(40)}).search(~asked(1)) == []
    assert ClipIndex().search(asked(1)) == []
