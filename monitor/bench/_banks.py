"""Banks of a trial's photos, and what they say of a post."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from monitor.bench._crowd import crowd, window_crowd
from monitor.clock import utc_now
from monitor.errors import MediaError
from monitor.features.codec import unpack
from monitor.features.sealing import KEY_BYTES, Sealer
from monitor.hashes.pdq import BYTES, DIHEDRAL
from monitor.models.match import Grade, Match
from monitor.pictures import Picture, decode
from monitor.registry.bank import Bank, build
from monitor.registry.enrolment import find_photo, fingerprint
from monitor.registry.look import look_up
from monitor.store.cases import content_key
from monitor.windows.photo import load


def banks(enrolled: Mapping[str, Picture], beside: int) -> tuple[Bank, Bank, dict[str, str]]:
    """Enrol; gives the bank without and with local features, and the photos' names.

    Args:
        beside: Generated photos that are enrolled beside.
    """
    sealer = Sealer(secrets.token_bytes(KEY_BYTES))
    made, features, windows, names = [], {}, {}, {}
    for name, picture in enrolled.items():
        crop = find_photo(picture)
        one = fingerprint(picture, "bench", utc_now(), crop=crop, sealer=sealer, features=True)
        made.append(one)
        features[one.id] = unpack(sealer.open(one.features or b"", content_key(one)))
        windows[one.id] = load(sealer.open(one.windows or b"", content_key(one)))
        names[one.id] = name
    rng = np.random.default_rng(beside)
    others = zip(
        crowd(list(features.values()), beside),
        window_crowd(list(windows.values()), beside),
        strict=True,
    )
    for number, (some_features, some_windows) in enumerate(others):
        turns = tuple(rng.bytes(BYTES).hex() for _ in DIHEDRAL)
        one = replace(made[0], id=f"generated-{number}", sha256=None, pdq=turns, features=None)
        made.append(one)
        features[one.id] = some_features
        windows[one.id] = some_windows
        names[one.id] = "generated"
    return build(made, windows=windows), build(made, features, windows), names


def looked_up(bank: Bank, data: bytes) -> tuple[list[Match], float]:
    """Match a post; says how many milliseconds it took."""
    start = time.perf_counter()
    try:
        found = look_up(bank, decode(data))
    except MediaError:
        found = []
    return found, 1000 * (time.perf_counter() - start)


def named(found: list[Match], names: Mapping[str, str]) -> dict[str, bool]:
    """Say which photos were found, and of each whether the match is strong."""
    return {names[one.fingerprint_id]: one.grade is not Grade.REVIEW for one in found}
