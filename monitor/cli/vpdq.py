"""`haechi fingerprint --format vpdq`: the frames of one video, as partners exchange them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from monitor.cli.local import Film, open_local
from monitor.cli.output import count, progress, say
from monitor.clock import utc_now
from monitor.errors import HaechiError, MediaError, Misuse
from monitor.exchange import FORMATS, Kind, save
from monitor.exchange.vpdq import fingerprint_of
from monitor.models.frames import load
from monitor.pictures import PictureLimits
from monitor.sandbox.pictures import Decoder
from monitor.sandbox.videos import VideoDecoder
from monitor.settings import SandboxSettings
from monitor.videos.limits import VideoLimits

DEFAULT_EVERY_S: Final = 1.0
_MOST_EVERY_S: Final = 3_600
# Every frame of an hour at 50 a second.
_MOST_FRAMES: Final = 200_000


def write_vpdq(files: list[Path], output: Path, every_s: float, settings: SandboxSettings) -> None:
    """Write the hashes of a video's frames.

    Args:
        every_s: Seconds from one frame to the next; 0: every frame.

    Raises:
        Misuse: It is not one video, or the file can't be written.
        HaechiError: It can't be read, or not to its end.
    """
    if len(files) != 1:
        raise Misuse("--format vpdq is for one video at a time")
    if not 0 <= every_s <= _MOST_EVERY_S:
        raise Misuse(f"--every {every_s}: seconds, 0 to {_MOST_EVERY_S}")
    (file,) = files
    with (
        Decoder(PictureLimits(), settings) as decode,
        VideoDecoder(VideoLimits(max_rows=_MOST_FRAMES), settings) as videos,
        progress("fingerprinting"),
    ):
        try:
            watch = partial(videos.every_frame, step_ms=round(1000 * every_s))
            film = open_local(file, decode, watch)
        except MediaError as error:
            raise HaechiError(f"{file}: {error.reason}") from error
    if not isinstance(film, Film):
        raise Misuse(f"{file} is a picture: --format vpdq is for videos")
    if film.seen.is_cut_short:
        raise HaechiError(
            f"{file}: cut short, or longer than can be looked through; --every {DEFAULT_EVERY_S:g} "
            "takes fewer frames, or take a part of it"
        )
    one = fingerprint_of(film.seen.frames, utc_now())
    save(FORMATS["vpdq"].write([one], Kind.PDQ, utc_now()), output)
    frames = count(len(load(one.frames or b"").rows), "frame")
    say(f"{frames} in {output}; no picture and no file name is in it")
