"""Keeps a picture at smaller and smaller sizes, so that each part is looked at in the right one."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.features.extract import Luma

Matrix = NDArray[np.float64]


def scale_of(matrix: Matrix) -> float:
    """Tell how much larger a map makes what it maps; 1: as large."""
    # Four numbers: a general determinant takes twenty times as long.
    (a, b), (c, d) = matrix[:2, :2].tolist()
    return math.sqrt(abs(a * d - b * c))


class Pyramid:
    """A picture and its smaller versions, each made when it is first asked for."""

    def __init__(self, grey: Luma) -> None:
        self.grey = grey
        self._levels: dict[int, tuple[Luma, Matrix]] = {0: (grey, np.eye(3))}

    def level(self, scale: float) -> tuple[Luma, Matrix]:
        """Give the picture at about 1/scale of its size, not smaller: within a step of 1.41.

        Returns:
            It, and the map of the whole picture's points to its, (3, 3); points are corners of
            pixels, not their middles.
        """
        number = max(0, math.floor(2 * math.log2(scale))) if scale > 1 else 0
        if number not in self._levels:
            # From twice the size where that is there: the mean of means is the mean.
            grey = self.level(2 ** (number / 2 - 1))[0] if number > 2 else self.grey
            height, width = self.grey.shape
            shrink = 2 ** (-number / 2)
            size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
            small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
            matrix = np.diag([size[0] / width, size[1] / height, 1.0])
            self._levels[number] = (small, matrix)
        return self._levels[number]
