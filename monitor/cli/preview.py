"""Shows a photo at the terminal for a moment: on the second screen, which leaves no trace."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.style import Style
from rich.text import Text

from monitor.cli.output import visible

_LINES_BELOW = 3


def confirm(rgb: NDArray[np.uint8], name: str) -> bool:
    """Show a crop and ask whether it is the photo; nothing of it stays on the terminal.

    Args:
        rgb: H x W x 3.
        name: Of the file; shown, and gone with the picture.
    """
    console = Console()
    with console.screen(hide_cursor=False):
        console.print(_blocks(rgb, console.width, console.height - _LINES_BELOW), end="")
        console.print(
            Text(f"{visible(name)}: a screenshot or a frame; is this the photo in it? [Y/n] "),
            end="",
        )
        try:
            answer = console.input()
        except EOFError:
            answer = "no"
    return answer.strip().lower() not in ("n", "no")


def _blocks(rgb: NDArray[np.uint8], columns: int, lines: int) -> Text:
    """Draw a picture of half blocks: two pixels a character, one above the other."""
    image = Image.fromarray(rgb)
    image.thumbnail((max(1, columns), max(2, 2 * lines)))
    pixels = np.asarray(image)
    pixels = pixels[: len(pixels) // 2 * 2].tolist()
    text = Text()
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            style = Style(color=_colour(above), bgcolor=_colour(below))
            text.append("\u2580", style)
        text.append("\n")
    return text


def _colour(pixel: list[int]) -> str:
    """Name a colour."""
    red, green, blue = pixel
    return f"rgb({red},{green},{blue})"
