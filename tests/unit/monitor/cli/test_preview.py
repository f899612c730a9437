from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from monitor.cli import preview
from tests.fixtures.posted import photo, pixels

BLOCK = "\u2580"


def confirmed(
    monkeypatch: pytest.MonkeyPatch, answer: str, rgb: NDArray[np.uint8], name: str = "a.jpg"
) -> tuple[bool, str]:
    """Whether it was confirmed, and what the terminal was sent."""
    terminal = io.StringIO()
    for variable, value in (
        *(("COLUMNS", "40"), ("LINES", "20"), ("TERM", "xterm-256color")),
        *(("COLORTERM", "truecolor"), ("FORCE_COLOR", "1")),
    ):
        monkeypatch.setenv(variable, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    return preview.confirm(rgb, name), terminal.getvalue()


@pytest.mark.parametrize(
    ("answer", "confirms"),
    [("\n", True), ("y\n", True), ("Y\n", True), ("n\n", False), ("N\n", False), (" no \n", False)],
)
def test_a_photo_is_shown_and_the_answer_counts(
    monkeypatch: pytest.MonkeyPatch, answer: str, *, confirms: bool
) -> None:
    said, sent = confirmed(monkeypatch, answer, pixels(photo(1)))
    assert said is confirms
    assert BLOCK in sent


def test_the_photo_is_only_on_the_second_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    _, sent = confirmed(monkeypatch, "\n", pixels(photo(1)))
    enter, leave = sent.index("\x1b[?1049h"), sent.index("\x1b[?1049l")
    assert enter < sent.index(BLOCK) < sent.rindex(BLOCK) < leave


def test_nobody_there_to_answer_is_no_consent_to_the_guess_and_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said, sent = confirmed(monkeypatch, "", pixels(photo(1)))
    assert not said
    assert sent.rindex(BLOCK) < sent.index("\x1b[?1049l")


@pytest.mark.parametrize("size", [(64, 64), (3_000, 64), (64, 3_000), (1, 1), (640, 480)])
def test_a_picture_of_any_shape_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    rgb = np.asarray(Image.linear_gradient("L").resize(size).convert("RGB"))
    _, sent = confirmed(monkeypatch, "\n", rgb)
    lines = [line.count(BLOCK) for line in sent.split("\n")]
    assert max(lines) <= 40
    assert sum(count > 0 for count in lines) <= 20 - 3


def test_a_hostile_file_name_does_not_reach_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    _, sent = confirmed(monkeypatch, "\n", pixels(photo(1)), "a\x1b]0;x\x07\x1b[31m[bold].jpg")
    assert "\x1b]0;" not in sent
    assert "[bold].jpg" in sent
