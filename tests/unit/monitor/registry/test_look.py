from __future__ import annotations

import io

from PIL import Image

from monitor.cli.demo.pictures import original, photograph
from monitor.clock import utc_now
from monitor.features.index import enrolled_features
from monitor.models.match import Match
from monitor.pictures import decode
from monitor.registry.bank import build
from monitor.registry.enrolment import fingerprint
from monitor.registry.look import look_up

PHOTO = photograph(1, (480, 600))


def _looked_up(post: Image.Image, *, features: bool) -> list[Match]:
    photo = decode(original(PHOTO).data)
    one = fingerprint(photo, "1", utc_now())
    bank = build([one], {one.id: enrolled_features(photo.rgb)} if features else {})
    out = io.BytesIO()
    post.save(out, "JPEG", quality=80)
    return look_up(bank, decode(out.getvalue()))


def test_a_crop_is_found_only_where_a_photo_has_local_features() -> None:
    crop = PHOTO.crop((0, 0, 330, 430))
    assert _looked_up(crop, features=False) == []
    assert [one.method for one in _looked_up(crop, features=True)] == ["features"]


def test_a_photo_that_is_found_by_both_is_one_match() -> None:
    assert [one.method for one in _looked_up(PHOTO, features=True)] == ["pdq"]
