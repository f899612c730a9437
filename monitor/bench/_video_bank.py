"""A bank of photos and clips as a home folder has it, and what it says of a posted video."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np

from monitor.bench._crowd import crowd, window_crowd
from monitor.clock import utc_now
from monitor.errors import MediaError
from monitor.features.codec import pack, unpack
from monitor.features.sealing import KEY_BYTES, Sealer
from monitor.hashes.pdq import BYTES, DIHEDRAL
from monitor.models.case import Fingerprint
from monitor.models.frames import Frames, row_type
from monitor.models.frames import dump as dump_frames
from monitor.models.match import Match
from monitor.pictures import Picture
from monitor.registry.bank import Bank, Registry
from monitor.registry.enrolment import clip_fingerprint, find_photo, fingerprint
from monitor.registry.facts import file_facts
from monitor.registry.look import look_up_video
from monitor.registry.moments import joined, parted
from monitor.sandbox.videos import open_videos
from monitor.settings import Settings
from monitor.store import cases
from monitor.store.cases import content_key, new_fingerprint_id
from monitor.store.store import Store
from monitor.streams import Held
from monitor.videos.watch import Watched
from monitor.windows.photo import dump, load, windows_in

_CASE: Final = "bench"
# Of a generated clip: frames, and pictures that are looked at closely.
_FRAMES: Final = 48
_PICTURES: Final = 12
_APART_MS: Final = 250


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of a posted video, by the names of what was enrolled.

    Attributes:
        by_hashes: Without local features.
        ms: From the file to its matches, with local features.
    """

    by_hashes: dict[str, Match]
    by_all: dict[str, Match]
    ms: float


class VideoBank:
    """Enrols as `haechi enrol --local-features` does, and looks up as `haechi scan` does.

    Attributes:
        videos: Decodes what is posted.
    """

    def __init__(self, folder: Path) -> None:
        """Make a store in a folder."""
        self.videos = open_videos(Settings())
        self._enrols = open_videos(Settings(), enrols=True)
        self._sealer = Sealer(secrets.token_bytes(KEY_BYTES))
        self._names: dict[str, str] = {}
        self._prints: list[Fingerprint] = []
        self._store = Store(f"sqlite:///{folder / 'bench.db'}")
        self._store.migrate()
        self._hashed = Registry(self._store, self._sealer, local=False)
        self._registry = Registry(self._store, self._sealer)

    def enrol_photo(self, name: str, photo: Picture) -> None:
        """Enrol a photo."""
        crop = find_photo(photo)
        one = fingerprint(photo, _CASE, utc_now(), crop=crop, sealer=self._sealer, features=True)
        self._keep([one], name)

    def enrol_clip(self, name: str, data: bytes) -> None:
        """Enrol a clip."""
        seen = self._enrols.enrolled(Held(data))
        digest = file_facts(data).sha256
        one = clip_fingerprint(seen, digest, _CASE, utc_now(), sealer=self._sealer, features=True)
        self._keep([one], name)

    def crowd(self, photos: int, clips: int) -> None:
        """Enrol generated photos and clips, whose hashes are like those that are enrolled."""
        opened = [(one, content_key(one)) for one in self._prints]
        like = [
            (unpack(local), load(windows))
            for one, key in opened
            for (_, local), (_, windows) in zip(
                parted(self._sealer.open(one.features or b"", key)),
                parted(self._sealer.open(one.windows or b"", key)),
                strict=True,
            )
        ]
        many = photos + _PICTURES * clips
        rng = np.random.default_rng(many)
        pictures = zip(
            map(pack, crowd([local for local, _ in like], many)),
            map(dump, window_crowd([windows for _, windows in like], many)),
            strict=True,
        )
        bare = replace(self._prints[0], windows=None, features=None, frames=None, phash=None)
        made = []
        for _ in range(photos):
            turns = tuple(rng.bytes(BYTES).hex() for _ in DIHEDRAL)
            one = replace(bare, id=new_fingerprint_id(), sha256=secrets.token_hex(32), pdq=turns)
            local, windows = next(pictures)
            made.append(self._sealed(one, local, windows))
        for _ in range(clips):
            rows = np.zeros(_FRAMES, row_type(len(DIHEDRAL)))
            rows["ms"], rows["quality"] = np.arange(_FRAMES) * _APART_MS, 100
            rows["region"] = (0, 0, 65_535, 65_535)
            rows["hash"] = rng.integers(0, 1 << 64, rows["hash"].shape, np.uint64, endpoint=False)
            frames = dump_frames(Frames(rows, _FRAMES * _APART_MS, _FRAMES))
            one = replace(bare, id=new_fingerprint_id(), sha256=secrets.token_hex(32), pdq=())
            parts = [(at * 1_000, *next(pictures)) for at in range(_PICTURES)]
            local = joined([(ms, local) for ms, local, _ in parts])
            windows = joined([(ms, windows) for ms, _, windows in parts])
            made.append(replace(self._sealed(one, local, windows), frames=frames))
        self._keep(made, "generated")

    def _sealed(self, one: Fingerprint, local: bytes, windows: bytes) -> Fingerprint:
        key = content_key(one)
        seal = self._sealer.seal
        return replace(one, features=seal(local, key), windows=seal(windows, key))

    def _keep(self, made: list[Fingerprint], name: str) -> None:
        with self._store.write() as db:
            cases.enrol(db, _CASE, made, actor=_CASE, now=utc_now())
        self._prints += made
        self._names |= {one.id: name for one in made}

    @property
    def bank(self) -> Bank:
        """All that is enrolled."""
        return self._registry.bank()

    def look_up(self, data: bytes) -> Looked:
        """Say what of the enrolled is in a posted video; what can't be read has nothing."""
        hashed, every = self._hashed.bank(), self.bank
        file = file_facts(data)
        began = time.perf_counter()
        try:
            seen = self.videos(Held(data))
        except MediaError:
            return Looked({}, {}, 1000 * (time.perf_counter() - began))
        found = look_up_video(every, seen, file)
        ms = 1000 * (time.perf_counter() - began)
        return Looked(self._named(look_up_video(hashed, seen, file)), self._named(found), ms)

    def seal_windows(self, seen: Watched) -> bytes:
        """Seal what is kept of a posted video, so that what is enrolled later is found in it."""
        parts = joined((one.ms, dump(windows_in(one.grey))) for one in seen.stills if one.is_main)
        return self._sealer.seal(parts, "bench")

    def _named(self, found: list[Match]) -> dict[str, Match]:
        return {self._names[one.fingerprint_id]: one for one in found}

    def __enter__(self) -> Self:
        """Give it; it is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.videos.close()
        self._enrols.close()
        self._store.close()
