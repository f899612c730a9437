"""What a photo is shown in when it is posted again: screenshots, collages, frames, screens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from monitor.bench._edits import Edit, Photo, Random, Stranger, font, phrase, pick, widened

_WIDE = 1_080
_TALL = (1_920, 2_220, 2_340, 2_400)


class _Phone:
    """A phone's screen with its bar of clock and battery.

    Attributes:
        back, ink: Colours of the ground and of what is written on it.
    """

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.back, self.ink = pick(
            rng, (("white", "black"), ("black", "white"), ("#1c1c1e", "#ddd"))
        )
        self.height = pick(rng, _TALL)
        self.page = Image.new("RGB", (_WIDE, self.height), self.back)
        self.draw = ImageDraw.Draw(self.page)
        clock = f"{rng.integers(1, 13)}:{rng.integers(60):02d}"
        self.write(70, 30, clock, 42)
        for step in range(4):
            bottom, x = 72, 800 + 16 * step
            self.draw.rectangle((x, bottom - 10 - 8 * step, x + 9, bottom), fill=self.ink)
        self.draw.rounded_rectangle((920, 38, 1000, 72), 8, outline=self.ink, width=3)
        self.draw.rectangle((926, 44, 926 + int(rng.integers(10, 68)), 66), fill=self.ink)

    def write(self, x: float, y: float, text: str, size: int, fill: str = "") -> None:
        """Write a line."""
        self.draw.text((x, y), text, fill or self.ink, font(size))

    def face(self, x: float, y: float, side: float) -> None:
        """Draw the round sign of an account."""
        colour = pick(self.rng, ("teal", "purple", "tomato", "steelblue"))
        self.draw.ellipse((x, y, x + side, y + side), fill=colour)
        self.draw.ellipse((x + side / 3, y + side / 5, x + 2 * side / 3, y + side / 2), "white")
        self.draw.pieslice((x + side / 5, y + side / 2, x + 4 * side / 5, y + 1.2 * side), 180, 360,
                           "white")  # fmt: skip

    def icons(self, y: float, count: int, *, first: float = 50, step: float = 120) -> None:
        """Draw a row of buttons."""
        for number in range(count):
            x = first + step * number
            if number % 3 == 0:
                self.draw.polygon(((x, y + 25), (x + 30, y + 62), (x + 60, y + 25), (x + 30, y)),
                                  outline=self.ink, width=5)  # fmt: skip
            elif number % 3 == 1:
                self.draw.ellipse((x, y, x + 60, y + 60), outline=self.ink, width=5)
            else:
                self.draw.line((x, y + 60, x + 60, y, x + 40, y + 60, x + 25, y + 35), self.ink, 5)


def feed_screenshot(photo: Photo, stranger: Stranger, rng: Random) -> Photo:
    """A photo app's feed: who, the photo from side to side, buttons, a caption, the next post."""
    phone = _Phone(rng)
    phone.write(40, 120, "photogram", 60)
    top = 220 + int(rng.integers(0, 60))
    phone.face(30, top, 90)
    phone.write(140, top + 22, f"user_{rng.integers(1000)}", 40)
    top += 115
    shown = widened(photo, _WIDE)
    phone.page.paste(shown, (0, top))
    below = top + shown.height + 30
    phone.icons(below, 3)
    phone.write(40, below + 85, f"{rng.integers(3, 4000)} likes", 38)
    for line in range(int(rng.integers(1, 4))):
        phone.write(40, below + 140 + 52 * line, phrase(rng), 38)
    phone.page.paste(widened(stranger(), _WIDE), (0, below + 440))
    phone.draw.rectangle((0, phone.height - 140, _WIDE, phone.height), fill=phone.back)
    phone.icons(phone.height - 110, 5, first=80, step=215)
    return phone.page


def story_screenshot(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """A story: the photo on a plain or blurred ground, bars above, a box to answer below."""
    phone = _Phone(rng)
    if rng.random() < 0.5:
        ground = ImageOps.fit(photo, phone.page.size).filter(ImageFilter.GaussianBlur(45))
        phone.page.paste(ground)
    shown = widened(photo, round(_WIDE * float(rng.uniform(0.82, 1))))
    left = (_WIDE - shown.width) // 2
    phone.page.paste(shown, (left, max(230, (phone.height - shown.height) // 2)))
    bars = int(rng.integers(1, 6))
    for bar in range(bars):
        x = 20 + bar * 1_040 / bars
        phone.draw.rectangle((x, 100, x + 1_040 / bars - 10, 107), fill="white")
    phone.face(30, 130, 80)
    phone.write(125, 148, f"user_{rng.integers(1000)}", 38, "white")
    middle = int(rng.integers(phone.height // 2, phone.height - 400))
    phone.draw.text((_WIDE / 2, middle), phrase(rng), "white", font(64), anchor="mm",
                    stroke_width=4, stroke_fill="black")  # fmt: skip
    low = phone.height - 150
    phone.draw.rounded_rectangle((40, low, 840, low + 100), 50, outline="white", width=4)
    phone.write(90, low + 28, "Send a message", 38, "white")
    return phone.page


def chat_screenshot(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """A messenger: the photo in a bubble among bubbles of text."""
    phone = _Phone(rng)
    is_dark = phone.back != "white"
    ground, bubble = ("#101d25", "#20303a") if is_dark else ("#d6e3c8", "#ffffff")
    phone.draw.rectangle((0, 110, _WIDE, phone.height), fill=ground)
    phone.draw.rectangle((0, 110, _WIDE, 250), fill=bubble)
    phone.face(110, 130, 100)
    phone.write(240, 150, phrase(rng), 46)
    shown = widened(photo, int(rng.integers(600, 880)))
    room = phone.height - 760
    if shown.height > room:
        shown = widened(photo, round(photo.width * room / photo.height))
    left = pick(rng, (30, _WIDE - shown.width - 30))
    top = int(rng.integers(290, 330))
    if rng.random() < 0.6:
        _bubble(phone, 30, top, bubble)
        top += 150
    box = (left - 8, top, left + shown.width + 8, top + shown.height + 90)
    phone.draw.rounded_rectangle(box, 26, fill=bubble)
    phone.page.paste(shown, (left, top + 8))
    phone.write(left + 20, top + shown.height + 26, phrase(rng), 36)
    for y in range(top + shown.height + 130, phone.height - 290, 150):
        _bubble(phone, pick(rng, (30, 400)), y, bubble)
    phone.draw.rectangle((0, phone.height - 140, _WIDE, phone.height), fill=bubble)
    phone.write(140, phone.height - 95, "Message", 42)
    phone.icons(phone.height - 105, 1, first=980)
    return phone.page


def _bubble(phone: _Phone, left: int, top: int, fill: str) -> None:
    """Draw a message."""
    phone.draw.rounded_rectangle((left, top, left + 620, top + 120), 26, fill=fill)
    phone.write(left + 30, top + 34, phrase(phone.rng), 40)


def chat_of_feed(photo: Photo, stranger: Stranger, rng: Random) -> Photo:
    """A feed's screenshot, sent in a chat, and that captured again."""
    return chat_screenshot(feed_screenshot(photo, stranger, rng), stranger, rng)


def letterboxed(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Bars of one colour above and below, or left and right."""
    width, height = photo.size
    more = 1 + float(rng.uniform(0.15, 0.6))
    size = (round(width * more), height) if rng.random() < 0.5 else (width, round(height * more))
    return ImageOps.pad(photo, size, color=pick(rng, ("black", "white", "dimgrey")))


def blur_padded(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Itself, blurred, above and below."""
    ground = ImageOps.fit(photo, (photo.width, photo.width * 16 // 9))
    ground = ground.filter(ImageFilter.GaussianBlur(int(rng.integers(18, 40))))
    shown = photo
    if photo.height > ground.height:
        shown = widened(photo, round(photo.width * ground.height / photo.height))
    left, top = (ground.width - shown.width) // 2, (ground.height - shown.height) // 2
    ground.paste(shown, (left, top))
    return ground


def framed(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """An instant photo's white frame with a line of writing."""
    edge = round(photo.width * float(rng.uniform(0.04, 0.08)))
    page = Image.new("RGB", (photo.width + 2 * edge, photo.height + 5 * edge), "#f8f6f0")
    page.paste(photo, (edge, edge))
    middle = (page.width / 2, page.height - 2 * edge)
    letters = font(max(12, round(1.2 * edge)))
    ImageDraw.Draw(page).text(middle, phrase(rng), "dimgrey", letters, anchor="mm")
    return page


def meme(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Two lines above it, the first the same in every copy, and who made it below."""
    above = round(photo.width * 0.22)
    page = Image.new("RGB", (photo.width, photo.height + above + 40), "white")
    page.paste(photo, (0, above))
    draw = ImageDraw.Draw(page)
    letters = font(max(12, photo.width // 13))
    for line, text in enumerate(("NOBODY, EVER:", phrase(rng).upper())):
        draw.text((16, 8 + line * above / 2), text, "black", letters)
    draw.text((16, page.height - 36), "made with memer.example", "grey", font(28))
    return page


def _collage(photo: Photo, stranger: Stranger, rng: Random, side: int) -> Photo:
    """Lay photos out in rows and columns, cut to one shape."""
    count = side * side
    at = int(rng.integers(count))
    cell = (_WIDE // side, round(_WIDE / side * photo.height / photo.width))
    gap = pick(rng, (0, 4, 12))
    size = (side * cell[0] + (side + 1) * gap, side * cell[1] + (side + 1) * gap)
    page = Image.new("RGB", size, pick(rng, ("white", "black")))
    for number in range(count):
        row, column = divmod(number, side)
        one = ImageOps.fit(photo if number == at else stranger(), cell, Image.Resampling.LANCZOS)
        page.paste(one, (gap + column * (cell[0] + gap), gap + row * (cell[1] + gap)))
    return page


def collage_4(photo: Photo, stranger: Stranger, rng: Random) -> Photo:
    """One of four."""
    return _collage(photo, stranger, rng, 2)


def collage_9(photo: Photo, stranger: Stranger, rng: Random) -> Photo:
    """One of nine."""
    return _collage(photo, stranger, rng, 3)


def side_by_side(photo: Photo, stranger: Stranger, rng: Random) -> Photo:
    """Beside somebody else's, of one height."""
    other = stranger()
    pair = [widened(one, round(one.width * 900 / one.height)) for one in (photo, other)]
    if rng.random() < 0.5:
        pair.reverse()
    gap = pick(rng, (0, 10))
    height = min(one.height for one in pair)
    page = Image.new("RGB", (pair[0].width + gap + pair[1].width, height), "white")
    page.paste(pair[0])
    page.paste(pair[1], (pair[0].width + gap, 0))
    return page


def picture_in_picture(photo: Photo, stranger: Stranger, rng: Random) -> Photo:
    """Small, over somebody else's."""
    page = ImageOps.fit(stranger(), (1_280, 960))
    inset = photo.copy()
    inset.thumbnail((int(rng.integers(380, 520)),) * 2, Image.Resampling.LANCZOS)
    inset = ImageOps.expand(inset, 6, "white")
    left = int(rng.integers(page.width - inset.width))
    page.paste(inset, (left, int(rng.integers(page.height - inset.height))))
    return page


def screen_photographed(photo: Photo, _stranger: Stranger, rng: Random) -> Photo:
    """Shown on a screen and taken by a camera: aslant, with its edge, fringes, glare and grain."""
    screen = ImageOps.expand(photo, max(8, photo.width // 50), "#101010")
    width, height = screen.size
    size = (round(width * 1.12), round(height * 1.12))
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    shaken = corners + np.array(size) * 0.06 - np.array([width, height]) * 0.005
    shaken += rng.uniform(-0.05, 0.05, (4, 2)) * (width, height)
    seen = screen.transform(size, Image.Transform.PERSPECTIVE, _perspective(shaken, corners),
                            Image.Resampling.BICUBIC, fillcolor="#4b4640")  # fmt: skip
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
    fringes = 9 * np.sin(x * np.float32(rng.uniform(0.4, 1)) + y * np.float32(rng.uniform(0, 0.2)))
    middle = rng.uniform(0.1, 0.9, 2) * size
    away = (x - np.float32(middle[0])) ** 2 + (y - np.float32(middle[1])) ** 2
    glare = 60 * np.exp(-away / np.float32((0.2 * width) ** 2))
    grain = rng.normal(0, 5, x.shape)
    pixels = np.asarray(seen, np.float32) * rng.uniform(0.75, 1.0)
    pixels += (fringes + glare + grain)[..., None]
    taken = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return taken.filter(ImageFilter.GaussianBlur(0.8))


def _perspective(seen: NDArray[np.float64], flat: NDArray[np.float64]) -> list[float]:
    """Solve for the 8 numbers by which Pillow takes each seen corner to its flat one."""
    rows, targets = [], []
    for (x, y), (u, v) in zip(seen, flat, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        targets += [u, v]
    return [float(one) for one in np.linalg.solve(np.array(rows), np.array(targets))]


FRAMES: dict[str, Edit] = {
    edit.__name__: edit
    for edit in (
        letterboxed, blur_padded, framed, meme, feed_screenshot, story_screenshot,
        chat_screenshot, chat_of_feed, collage_4, collage_9, side_by_side, picture_in_picture,
        screen_photographed,
    )
}  # fmt: skip
# What a victim may have of a photo when the photo itself is gone.
ENROLLED_AS: tuple[Edit, ...] = (feed_screenshot, meme, chat_screenshot, story_screenshot, framed)
