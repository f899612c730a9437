"""How near our hashes of videos' frames are to those that the reference of vPDQ published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.bench._base import Bench, Options, Row
from monitor.errors import Misuse
from monitor.sandbox.videos import VideoDecoder, open_videos
from monitor.settings import Settings
from monitor.streams import Held

# Below it the reference's own hashes are not stable: another decoder gives others.
_QUALITY: Final = 80
# What was hashed of a video made smaller stands beside it under a name with this at its end.
_SMALLER: Final = "-128x128"


@dataclass(frozen=True, slots=True)
class _Told:
    """What the reference says of a video: a row for each frame that it hashed.

    Attributes:
        hashes: n x 4.
    """

    numbers: NDArray[np.int64]
    qualities: NDArray[np.int64]
    hashes: NDArray[np.uint64]


def run(options: Options) -> list[Row]:
    """Hash all frames of the videos of a folder.

    It holds NAME.txt, each line a frame's number, quality, hash (64 hex digits) and time in
    seconds, and videos/NAME.mp4.

    Returns:
        A row for each file of hashes: the frames that we see and that it has; of those of quality
        80 and better, how many there are, those that we have not, and the largest and the mean
        number of bits in which ours differ.

    Raises:
        Misuse: There is no folder, no such file in it, or one that can't be read.
        MediaError: A video can't be read.
    """
    if options.photos is None:
        raise Misuse("bench vpdq needs a folder: of NAME.txt and videos/NAME.mp4")
    files = [one for one in sorted(options.photos.glob("*.txt")) if _video_of(one).is_file()]
    if not files:
        raise Misuse(f"no NAME.txt with a videos/NAME.mp4 in {options.photos}")
    rows = []
    with open_videos(Settings()) as videos:
        for done, file in enumerate(files, 1):
            rows.append(_row(videos, file))
            options.progress(done, len(files))
    return rows


def _video_of(file: Path) -> Path:
    return file.parent / "videos" / f"{file.stem.removesuffix(_SMALLER)}.mp4"


def _row(videos: VideoDecoder, file: Path) -> Row:
    """Compare one file of hashes with ours."""
    told = _read(file)
    seen = videos.every_frame(Held(_video_of(file).read_bytes())).frames
    ours = {int(one["number"]): one["hash"][0] for one in seen.rows}
    good = np.flatnonzero(told.qualities >= _QUALITY)
    there = [at for at in good.tolist() if int(told.numbers[at]) in ours]
    off = [
        int(np.bitwise_count(told.hashes[at] ^ ours[int(told.numbers[at])]).sum()) for at in there
    ]
    return {
        "hashes": file.stem,
        "frames": seen.looked_at,
        "frames_theirs": len(told.numbers),
        "good": len(good),
        "missing": len(good) - len(there),
        "largest_bits": max(off, default=None),
        "mean_bits": round(float(np.mean(off)), 2) if off else None,
    }


def _read(file: Path) -> _Told:
    """Read a file of hashes.

    Raises:
        Misuse: It is none.
    """
    numbers, qualities, hashes = [], [], []
    try:
        for line in file.read_text(encoding="ascii").split():
            number, quality, digest, _ = line.split(",")
            numbers.append(int(number))
            qualities.append(int(quality))
            hashes.append(np.frombuffer(bytes.fromhex(digest), "<u8", count=4))
    except ValueError:
        raise Misuse(f"{file}: a line is not: number,quality,hash,seconds") from None
    return _Told(np.array(numbers), np.array(qualities), np.array(hashes).reshape(-1, 4))


BENCH: Final = Bench(
    name="vpdq",
    help="Hashes of videos' frames, beside published ones of a folder (NAME.txt, videos/NAME.mp4).",
    run=run,
)
