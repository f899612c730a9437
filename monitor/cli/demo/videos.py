"""Videos of the demo: pictures shown one after the other."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
from PIL import Image, ImageOps

from monitor.cli.demo.pictures import Encoded

_SIZE = (640, 640)
_FPS = 12


def slideshow(pictures: Sequence[Image.Image], seconds: float) -> Encoded:
    """Show each picture for so long, between black bars where it is narrower: an MP4."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", _FPS, {"preset": "veryfast"})
        stream.width, stream.height = _SIZE
        stream.pix_fmt = "yuv420p"
        # More threads would make other bytes on another machine.
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = 2 * _FPS
        number = 0
        for picture in pictures:
            shown = av.VideoFrame.from_ndarray(np.asarray(ImageOps.pad(picture, _SIZE)), "rgb24")
            for _ in range(round(seconds * _FPS)):
                shown.pts, shown.time_base = number, Fraction(1, _FPS)
                container.mux(stream.encode(shown))
                number += 1
        container.mux(stream.encode(None))
    return Encoded(out.getvalue(), ".mp4")
