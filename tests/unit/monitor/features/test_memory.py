from __future__ import annotations

import cv2
import pytest

from monitor.features.memory import lack_of_memory_told


def failing(code: int) -> cv2.error:
    error = cv2.error("of OpenCV")
    error.code = code
    return error


def test_lacking_memory_is_told_in_pythons_way() -> None:
    with pytest.raises(MemoryError), lack_of_memory_told():
        raise failing(-4)


def test_what_else_opencv_says_is_left_as_it_is() -> None:
    with pytest.raises(cv2.error), lack_of_memory_told():
        raise failing(-215)
    with lack_of_memory_told():
        pass
