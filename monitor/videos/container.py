"""Frames of videos by libav: keyframes where these are near enough, all of them where not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from monitor.errors import MediaError
from monitor.streams import Stream
from monitor.videos.limits import (
    ENCRYPTED,
    NOT_A_VIDEO,
    NOT_TO_BE_HAD,
    SOUND_ONLY,
    TOO_LARGE,
    UNKNOWN_CODEC,
    UNREADABLE,
    VideoLimits,
    Way,
)
from monitor.videos.shown import Shown

# Containers of one file. Not those that name others: lists of parts, and pictures by a pattern.
_MATROSKA: Final = "matroska,webm"
_FORMATS: Final = {
    "mov,mp4,m4a,3gp,3g2,mj2": "video/mp4",
    _MATROSKA: "video/x-matroska",
    "avi": "video/x-msvideo",
    "flv": "video/x-flv",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
    "asf": "video/x-ms-wmv",
    "ogg": "video/ogg",
}
_OPTIONS: Final = {
    "format_whitelist": ",".join(_FORMATS),
    "protocol_whitelist": "none",
    "max_streams": "100",
}
_WEBM: Final = ("vp8", "vp9", "av1", "libdav1d", "libvpx", "libvpx-vp9")
# How a file of these begins, or goes on after 4 bytes: what can't be opened of it is damaged.
_BEGINNINGS: Final = (b"ftyp", b"moov", b"mdat", b"\x1aE\xdf\xa3", b"FLV\x01", b"OggS", b"RIFF")
# Frames whose first plane is the luminance, a byte a pixel.
_GREY_FIRST: Final = ("yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "nv12",
                      "nv21", "gray", "yuva420p", "yuva422p", "yuva444p")  # fmt: skip
_FULL_RANGE: Final = 2
_BUFFER_BYTES: Final = 64 << 10

# Keyframes that are farther apart are too few.
_NEAR_MS: Final = 2_200
# Packets are kept until the next keyframe shows how near it is; of more, they are decoded.
_KEPT_BYTES: Final = 16 << 20
# Between two frames that are looked at, where all are decoded: on, and where the scene changes.
_FLOOR_MS: Final = 1_000
_CLOSE_MS: Final = 500
_ENROLLED_MS: Final = 250
# Keyframes that are nearer to each other are passed over.
_SPARE_MS: Final = 450
# A frame that is coded anew in large parts, within what else hardly changes: the scene does.
_SETTLED_MS: Final = 700
_CHANGED_TO_KEY: Final = 0.3
_CHANGED_TO_USUAL: Final = 6
_MOST_BAD: Final = 500
# Of the length that is told, this share and all but a second must be there; or all but this.
_ENOUGH: Final = 0.8
_SLACK_MS: Final = 200
_MOST_MS: Final = 0xFFFF_FFFF
_USUAL_RATE: Final = 25


class Container:
    """An opened video.

    Attributes:
        is_cut_short: It ends too soon, or was left off.
    """

    def __init__(self, stream: Stream, limits: VideoLimits) -> None:
        """Open it.

        Raises:
            MediaError: It can't be, or has no picture.
            MemoryError: It is lacking.
        """
        self._limits = limits
        self._stream = stream
        self.is_cut_short = False
        self._began = time.process_time()
        head = stream.read_at(0, 16)
        self._source = _File(stream)
        # When its first packet is shown, and how far it was read; ms.
        self._start_ms: int | None = None
        self._end_ms = 0
        try:
            # What opens is a file of ours; what it names, nobody opens.
            self._file: InputContainer = av.open(
                self._source,
                "r",
                options=dict(_OPTIONS),
                buffer_size=_BUFFER_BYTES,
                io_open=_refused,
                metadata_errors="replace",
            )
        except (MediaError, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - what libav meets in garbage is an open set
            if self._source.has_failed:
                raise MediaError(NOT_TO_BE_HAD) from None
            known = head.startswith(_BEGINNINGS) or head[4:8] in _BEGINNINGS
            raise MediaError(UNREADABLE if known else NOT_A_VIDEO) from None
        try:
            self._video = _video_of(self._file)
            self._check()
        except BaseException:
            self._file.close()
            raise

    @property
    def mime(self) -> str:
        """What the file is."""
        mime = _FORMATS.get(self._file.format.name, _FORMATS["mpegts"])
        is_webm = self._video.codec_context.name in _WEBM
        return "video/webm" if mime == "video/x-matroska" and is_webm else mime

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self._video.codec_context.width)

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self._video.codec_context.height)

    @property
    def duration_ms(self) -> int:
        """As the file says, or as it was read to its end; 0 where neither tells."""
        return self._told_ms if self.is_cut_short or not self._end_ms else self._end_ms

    @property
    def _told_ms(self) -> int:
        """As the file says; 0 where it does not."""
        video = self._video
        if video.duration and video.time_base:
            return _ms(video.duration * float(video.time_base))
        # Matroska tells when it ends; others, how long they are.
        start = self._file.start_time if self._file.format.name == _MATROSKA else 0
        return _ms(((self._file.duration or 0) - (start or 0)) / av.time_base)

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def frames(self) -> Iterator[Shown]:
        """Give the frames that are to be looked at.

        Raises:
            MediaError: It can't be decoded at all.
            MemoryError: It is lacking.
        """
        picked = _Picked(self._video, self._limits)
        try:
            for frame in self._decoded():
                if self._is_over_time():
                    self.is_cut_short = True
                    return
                shown = picked.take(frame)
                if shown is not None:
                    yield shown
            self._settle()
        except (MediaError, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - as above; what was read so far stands
            self.is_cut_short = True

    def _settle(self) -> None:
        """Say how long the video is that was read to its end, or that it ends too soon."""
        if self._parts_only:
            return
        told = self._told_ms
        # What is enrolled is to be whole; of a post, sound may be longer.
        is_post = self._limits.way is Way.POST
        least = _ENOUGH * told - _FLOOR_MS if is_post else told - _SLACK_MS
        if self._source.has_failed or self._end_ms < least:
            self.is_cut_short = True

    @property
    def _parts_only(self) -> bool:
        return self._limits.way is Way.POST and self._stream.budget < self._stream.size

    def _check(self) -> None:
        """Refuse what is not to be decoded.

        Raises:
            MediaError: Why.
        """
        context = self._video.codec_context
        if context.width * context.height > self._limits.max_pixels:
            raise MediaError(TOO_LARGE)
        context.thread_count = 1
        if self._limits.way is Way.POST:
            # A sixth of the time, for edges of blocks that change a hash by 4 bits at most.
            context.options = {"skip_loop_filter": "all"}

    def _decoded(self) -> Iterator[tuple[VideoFrame, bool]]:
        """Decode; tells of each frame whether the scene changes about there."""
        if self._limits.way is Way.POST:
            groups = self._parted() if self._parts_only else self._groups()
            for packets, how in groups:
                for frame in self._of(packets, how):
                    yield frame, how == _SCENE
        else:
            for packet in self._packets():
                for frame in self._of([packet], _ALL):
                    yield frame, False
        for frame in self._of([None], _ALL):
            yield frame, False

    def _groups(self) -> Iterator[tuple[Sequence[Packet[VideoStream] | None], str]]:
        """Give the packets from each keyframe to the next, and what is to be decoded of them."""
        kept: list[Packet[VideoStream]] = []
        size = 0
        is_open = False
        for packet in self._packets():
            if packet.is_keyframe or is_open:
                if kept:
                    yield (kept, _ALL) if is_open else _parts_of(kept)
                kept, size = [], 0
                is_open = is_open and not packet.is_keyframe
            kept.append(packet)
            size += packet.size
            if not is_open and (_lasts(kept) > _NEAR_MS or size > _KEPT_BYTES):
                # On a busy machine, or of a hostile file, the keyframes must do.
                is_open = self._is_on_pace(packet)
                if is_open:
                    yield kept, _ALL
                kept, size = ([], 0) if is_open else (kept[:1], 0)
        if kept:
            yield (kept, _ALL) if is_open else _parts_of(kept)

    def _parted(self) -> Iterator[tuple[Sequence[Packet[VideoStream] | None], str]]:
        """Give keyframes of a file that is not to be read as a whole, spread over all of it."""
        entries = [one for one in self._video.index_entries if one.is_keyframe]
        if not entries:
            yield from self._groups()
            return
        each = self._stream.step + sum(one.size for one in entries) // len(entries)
        wanted = max(1, 3 * self._stream.budget // (4 * each))
        count = min(wanted, len(entries))
        chosen = sorted(
            {round(one * (len(entries) - 1) / max(1, count - 1)) for one in range(count)}
        )
        self.is_cut_short = len(chosen) < len(entries)
        for other in self._file.streams:
            if other.index != self._video.index:
                other.discard = Discard.all
        times = [one.timestamp for one in entries]
        # Sought by a moment between it and the next: a file's times may be shifted.
        after = [*times[1:], times[-1] + 1]
        for number in chosen:
            middle = (times[number] + after[number]) // 2
            self._file.seek(middle, stream=self._video, backward=True)
            packet = next(self._packets(), None)
            if packet is None:
                return
            # Drained: what is sought next makes the decoder forget it.
            yield [packet, None], _ALL

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """Read the packets of the video; of a file that breaks off, those before."""
        packets = self._file.demux(self._video)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (EOFError, av.error.InvalidDataError):
                self.is_cut_short = True
                return
            if packet.size:
                if packet.has_sidedata("encryption_info"):
                    raise MediaError(ENCRYPTED)
                if packet.is_corrupt and self._limits.way is not Way.POST:
                    self.is_cut_short = True
                    return
                self._note(packet)
                yield packet

    def _note(self, packet: Packet[VideoStream]) -> None:
        """Note how far the video was read."""
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None or packet.time_base is None:
            return
        base = float(packet.time_base)
        start = _ms(at * base)
        self._start_ms = start if self._start_ms is None else min(start, self._start_ms)
        end = _ms((at + (packet.duration or 0)) * base) - self._start_ms
        self._end_ms = max(self._end_ms, end)

    def _of(self, packets: Sequence[Packet[VideoStream] | None], how: str) -> Iterator[VideoFrame]:
        """Decode packets, or of several the first."""
        context = self._video.codec_context
        context.skip_frame = _SKIPPED[how] if self._limits.way is Way.POST else "DEFAULT"
        bad = 0
        for packet in packets[:1] if how == _KEYS else packets:
            try:
                frames = context.decode(packet)
            except (av.error.InvalidDataError, av.error.PatchWelcomeError, EOFError, ValueError):
                bad += 1
                if bad > _MOST_BAD:
                    raise MediaError(UNREADABLE) from None
                continue
            yield from frames

    def _is_over_time(self) -> bool:
        return time.process_time() - self._began > self._limits.cpu_s

    def _is_on_pace(self, packet: Packet[VideoStream]) -> bool:
        """Tell whether there is time to decode more than keyframes, for all that is to come."""
        whole, now = self.duration_ms, _packet_ms(packet)
        share = min(1.0, now / whole) if whole else 0.5
        return time.process_time() - self._began < self._limits.cpu_s * max(0.1, share)


# What is decoded of the packets from one keyframe to the next: it alone; what others rest on; and
# the same where the scene changes.
_KEYS, _ALL, _SCENE = "keys", "all", "scene"
_SKIPPED: Final[Mapping[str, Any]] = {_KEYS: "NONKEY", _ALL: "NONREF", _SCENE: "NONREF"}


class _Picked:
    """Chooses of decoded frames those that are looked at."""

    def __init__(self, video: VideoStream, limits: VideoLimits) -> None:
        self._rate = float(video.average_rate or video.guessed_rate or _USUAL_RATE)
        self._base = video.time_base
        self._start: float | None = None
        self._aspect = _aspect(video)
        self._limits = limits
        self._last = -(10**9)
        self._count = 0

    def take(self, given: tuple[VideoFrame, bool]) -> Shown | None:
        """Give a frame if it is to be looked at.

        Raises:
            MediaError: It is too large.
        """
        frame, is_scene = given
        number = self._count
        self._count += 1
        ms = self._ms(frame, number)
        if frame.width * frame.height > self._limits.max_pixels:
            raise MediaError(TOO_LARGE)
        if not self._is_due(ms, frame, is_scene) or frame.is_corrupt:
            return None
        self._last = ms
        if self._limits.way is Way.POST:
            number = round(ms * self._rate / 1000)
        grey, is_studio = _luminance(frame)
        return Shown(number, ms, grey, is_studio, self._aspect)

    def _is_due(self, ms: int, frame: VideoFrame, is_scene: bool) -> bool:
        since = ms - self._last
        if self._limits.way is Way.EVERY:
            return self._limits.step_ms == 0 or since >= self._limits.step_ms
        if self._limits.way is Way.ENROLLED:
            return since >= _ENROLLED_MS or since < 0
        if frame.key_frame:
            return since >= _SPARE_MS or since < 0
        return since >= (_CLOSE_MS if is_scene else _FLOOR_MS) or since < 0

    def _ms(self, frame: VideoFrame, number: int) -> int:
        """Tell when a frame is shown."""
        # Of a decoder that is drained, frames are without it.
        base = frame.time_base or self._base
        if frame.pts is None or base is None:
            return _ms(number / self._rate)
        at = frame.pts * float(base)
        if self._start is None:
            self._start = at
        return _ms(at - self._start)


class _File:
    """A stream as libav reads files; it ends where no more of it is to be had.

    An error would be met again and again: libav looks for the rest elsewhere.
    """

    def __init__(self, stream: Stream) -> None:
        self.has_failed = False
        self._stream = stream
        self._at = 0

    def read(self, size: int) -> bytes:
        if self.has_failed:
            return b""
        try:
            data = self._stream.read_at(self._at, size)
        except MediaError:
            self.has_failed = True
            return b""
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self._stream.size)[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at


def _refused(_url: str, _flags: int, _options: dict[str, str]) -> None:
    """Open nothing."""
    raise OSError


def _video_of(file: InputContainer) -> VideoStream:
    """Find the moving picture of a file; not the picture of a record's sleeve.

    Raises:
        MediaError: It has none, or it can't be decoded.
    """
    videos = [one for one in file.streams.video if not _is_still(one)] or list(file.streams.video)
    if not videos:
        raise MediaError(SOUND_ONLY if file.streams.audio else UNREADABLE)
    known = [one for one in videos if one.codec_context is not None]
    if not known:
        raise MediaError(UNKNOWN_CODEC)
    return max(known, key=lambda one: one.codec_context.width * one.codec_context.height)


def _is_still(video: VideoStream) -> bool:
    return bool(video.disposition & Disposition.attached_pic)


def _parts_of(packets: list[Packet[VideoStream]]) -> tuple[list[Packet[VideoStream]], str]:
    """Say how much of near keyframes' packets is to be decoded, by their sizes.

    Returns:
        The packets until a moment after the scene changed last, and how.
    """
    others = [one.size for one in packets[1:]]
    if not others:
        return packets, _KEYS
    usual = sorted(others)[len(others) // 2]
    least = max(_CHANGED_TO_KEY * packets[0].size, _CHANGED_TO_USUAL * usual)
    changes = [at for at, size in enumerate(others, 1) if size > least]
    if not changes:
        return packets, _KEYS
    changed = _packet_ms(packets[changes[-1]])
    return [one for one in packets if _packet_ms(one) <= changed + _SETTLED_MS], _SCENE


def _lasts(packets: list[Packet[VideoStream]]) -> int:
    return abs(_packet_ms(packets[-1]) - _packet_ms(packets[0]))


def _packet_ms(packet: Packet[VideoStream]) -> int:
    at = packet.dts if packet.dts is not None else packet.pts
    return 0 if at is None or packet.time_base is None else _ms(at * float(packet.time_base))


def _ms(seconds: float) -> int:
    return max(0, min(round(seconds * 1000), _MOST_MS))


def _aspect(video: VideoStream) -> float:
    """Give the width of a pixel by its height; what is absurd is 1."""
    told = float(video.sample_aspect_ratio or 1)
    return told if 0.2 <= told <= 5 else 1.0


def _luminance(frame: VideoFrame) -> tuple[NDArray[np.uint8], bool]:
    """Give the luminance of a frame, H x W, and whether it is in studio range."""
    name = frame.format.name
    is_full = name.startswith("yuvj") or frame.color_range == _FULL_RANGE
    if name.replace("yuvj", "yuv") not in _GREY_FIRST:
        # Deeper ones, and those of red, green and blue.
        if not name.startswith("yuv"):
            is_full = True
        frame = frame.reformat(format="yuv420p" if not is_full else "gray", threads=1)
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(cast("Any", plane)), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width], not is_full
