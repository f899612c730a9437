"""Decodes pictures in a worker: the only way from foreign bytes to pixels."""

from __future__ import annotations

from dataclasses import asdict
from typing import Self

from monitor.pictures import MIMES, Picture, PictureLimits, check_bytes
from monitor.sandbox import picture_task
from monitor.sandbox.box import Output, Sandbox
from monitor.settings import SandboxSettings, Settings


class Decoder:
    """Gives the pixels of pictures; closed after use."""

    def __init__(self, limits: PictureLimits, settings: SandboxSettings) -> None:
        """Prepare; nothing is started before the first picture."""
        self.limits = limits
        self.sandbox = Sandbox(
            picture_task.__name__,
            picture_task.TASK,
            settings,
            options=asdict(limits),
        )

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
            rgb = output.pixels(height, width)
            return Picture(
                data=data,
                rgb=rgb,
                mime=MIMES[mime],
                orientation=orientation,
                has_more_frames=bool(more_frames),
                is_cut_short=bool(cut_short),
            )

        return self.sandbox.run(data, taken)

    def __enter__(self) -> Self:
        """Give it; it is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the worker."""
        self.sandbox.close()


def open_decoder(settings: Settings) -> Decoder:
    """Give a decoder with the limits of the settings."""
    network = settings.network
    limits = PictureLimits(max_bytes=network.max_media_bytes, max_pixels=network.max_pixels)
    return Decoder(limits, settings.sandbox)
