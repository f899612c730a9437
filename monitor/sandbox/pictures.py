"""Decodes pictures in a worker: the only way from foreign bytes to pixels."""

from __future__ import annotations

from dataclasses import asdict
from typing import Self

from monitor.errors import MediaError
from monitor.pictures import MIMES, Picture, PictureLimits, RoughPicture, check_bytes
from monitor.sandbox import picture_task, rough_task
from monitor.sandbox.box import Output, Sandbox
from monitor.settings import SandboxSettings, Settings


class Decoder:
    """Gives the pixels of pictures; closed after use."""

    def __init__(self, limits: PictureLimits, settings: SandboxSettings) -> None:
        """Prepare; nothing is started before the first picture."""
        self.limits = limits
        options = asdict(limits)
        self.sandbox = Sandbox(picture_task.__name__, picture_task.TASK, settings, options=options)
        self._rough = Sandbox(rough_task.__name__, rough_task.TASK, settings, options=options)

    def __call__(self, data: bytes) -> Picture:
        """Decode the first frame of a file.

        Raises:
            MediaError: It is no picture within the limits, or its worker broke one of its own.
            HaechiError: No worker can be started.
        """
        check_bytes(data, self.limits)

        def taken(answer: tuple[int, ...], output: Output) -> Picture:
            height, width, mime, orientation, more_frames, cut_short = answer
            if mime >= len(MIMES) or not 1 <= orientation <= 8:
                raise ValueError("no such picture")
            if not height or not width or self.limits.are_exceeded_by(width, height):
                raise ValueError("no such size")
            rgb = output.pixels(height, width, 3)
            return Picture(
                data=data,
                rgb=rgb,
                mime=MIMES[mime],
                orientation=orientation,
                has_more_frames=bool(more_frames),
                is_cut_short=bool(cut_short),
            )

        return self.sandbox.run(data, taken)

    def roughly(self, data: bytes) -> RoughPicture | None:
        """Decode a JPEG at a fraction of its size.

        Returns:
            None where that is not to be had: what the file is, a closer look tells.

        Raises:
            HaechiError: No worker can be started.
        """

        def taken(answer: tuple[int, ...], output: Output) -> RoughPicture:
            height, width, *shape = answer
            if not min(answer) or self.limits.are_exceeded_by(width, height):
                raise ValueError("no such picture")
            if shape[0] > height or shape[1] > width:
                raise ValueError("larger than the whole")
            return RoughPicture(output.pixels(*shape), height, width)

        try:
            return self._rough.run(data, taken)
        except MediaError:
            return None

    def __enter__(self) -> Self:
        """Give it; it is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the worker."""
        self.sandbox.close()
        self._rough.close()


def open_decoder(settings: Settings) -> Decoder:
    """Give a decoder with the limits of the settings."""
    network = settings.network
    limits = PictureLimits(max_bytes=network.max_media_bytes, max_pixels=network.max_pixels)
    return Decoder(limits, settings.sandbox)
