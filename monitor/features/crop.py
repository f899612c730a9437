"""Finds the photo within a screenshot or a frame: what recurs round it must not be enrolled."""

from __future__ import annotations

import numpy as np

from monitor.features.extract import Luma
from monitor.features.panels import Box, Edges, rectangles

_MIN_AREA, _MAX_AREA = 0.10, 0.95
# Round a photo in a screenshot or frame most is flat, and flatter than the photo.
_MIN_FLAT, _FLATTER = 0.55, 0.12
# Rows and columns with less texture than this are margin.
_BLANK = 0.02
_CUTS = 2
_SMALLEST = 80


def photo_within(grey: Luma) -> Box | None:
    """Find the one photo that a screenshot or a framed picture is about.

    A rectangle of straight edges, with texture inside and mostly plain ground outside; in what is
    found it is looked once more, as in a bubble of a chat. A guess, for a person to confirm.

    Returns:
        None where the picture is a photo itself.
    """
    height, width = grey.shape
    whole = Box(0, 0, width, height)
    found = whole
    for _ in range(_CUTS):
        inner = _leaf(grey[found.top : found.bottom, found.left : found.right])
        if inner is None or min(inner.right - inner.left, inner.bottom - inner.top) < _SMALLEST:
            break
        found = Box(
            found.left + inner.left,
            found.top + inner.top,
            found.left + inner.right,
            found.top + inner.bottom,
        )
    return None if found == whole else found


def _leaf(grey: Luma) -> Box | None:
    """Find the rectangle that is most likely the photo."""
    if min(grey.shape) < _SMALLEST:
        return None
    edges = Edges(grey)
    whole = Box(0, 0, edges.width, edges.height)
    best, found = 0.0, None
    for box, weakest in rectangles(edges):
        value = _likeness(edges, whole, box, weakest)
        if value > best:
            best, found = value, box
    if found is None:
        return None
    return edges.full_size(found, grey.shape[1], grey.shape[0])


def _likeness(edges: Edges, whole: Box, box: Box, weakest: float) -> float:
    """Say how much a rectangle is like the one photo of a picture; 0: it can't be."""
    share = box.area / whole.area
    if not _MIN_AREA <= share <= _MAX_AREA:
        return 0.0
    busy, pixels = edges.busy_in(box)
    all_busy, all_pixels = edges.busy_in(whole)
    inside = 1 - busy / pixels
    outside = 1 - (all_busy - busy) / max(1, all_pixels - pixels)
    if outside < _MIN_FLAT or inside > outside - _FLATTER:
        return 0.0
    texture = edges.busy[box.top + 2 : box.bottom - 2, box.left + 2 : box.right - 2]
    blank = max((texture.mean(axis=axis) < _BLANK).mean() for axis in (0, 1))
    separator = edges.separator(box)
    # Of two photos on a screen, it is of the upper one; the lower one belongs to what follows.
    below = max(0.0, (box.top + box.bottom) / 2 / whole.bottom - 0.5)
    return float(
        (busy / max(1, all_busy))
        * (1 - inside)
        * (0.3 + weakest)
        * (1 - blank) ** 2
        * (0.4 if separator > 0.7 else 1.0)
        * (1 - 2.2 * below)
        * share**0.25
        * _levels(edges.grey[box.top : box.bottom, box.left : box.right])
    )


def _levels(grey: Luma) -> float:
    """Say how many levels of brightness there are, 0-1: text on plain ground has few."""
    counts = np.bincount(grey.ravel() >> 2, minlength=64) / grey.size
    counts = counts[counts > 0]
    bits = float(-(counts * np.log2(counts)).sum())
    return min(1.0, max(0.0, (bits - 2.0) / 2.0))
