from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.bench import Options, _trial, reposts
from monitor.bench._edits import EDITS
from monitor.bench._frames import FRAMES
from monitor.cli.demo.pictures import mirrored, original, photograph
from monitor.errors import Misuse

COLUMNS = {
    *("edit", "reposts", "others", "hash_strong", "hash_any", "strong", "any"),
    *("false_strong", "false_review", "wrong", "hash_ms", "ms"),
}


@pytest.fixture
def few_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_trial, "EDITS", {name: EDITS[name] for name in ("mirrored", "crop_25")})
    monkeypatch.setattr(_trial, "FRAMES", {"meme": FRAMES["meme"]})


@pytest.fixture
def given(options: Options, tmp_path: Path) -> Options:
    """A trial as somebody else's script makes it."""
    photos = [photograph(seed, (400, 500)) for seed in (1, 2, 3)]
    for name in ("enrol", "posts"):
        (tmp_path / name).mkdir()
    for name, photo in zip(("v1", "v2"), photos, strict=False):
        (tmp_path / "enrol" / f"{name}.jpg").write_bytes(original(photo).data)
    posts = {
        "0.jpg": mirrored(photos[0]).data,
        "1.jpg": mirrored(photos[1]).data,
        "2.jpg": mirrored(photos[2]).data,
        "3.jpg": b"no picture",
    }
    for name, data in posts.items():
        (tmp_path / "posts" / name).write_bytes(data)
    _tell(tmp_path, {"0.jpg": "v1", "1.jpg": "v1", "2.jpg": None, "3.jpg": "v2"})
    return replace(options, photos=tmp_path)


def _tell(folder: Path, truth: dict[str, str | None]) -> None:
    said = {name: {"of": of, "edit": "m", "more": 1} for name, of in truth.items()}
    (folder / "truth.json").write_text(json.dumps(said), encoding="utf-8")


@pytest.mark.usefixtures("few_edits")
def test_reposts_of_painted_photos_are_found_and_strangers_are_not(options: Options) -> None:
    told: list[tuple[int, int]] = []
    rows = reposts.run(
        replace(options, enrol=2, screenshots=0, progress=lambda *done: told.append(done))
    )
    assert [row["edit"] for row in rows] == ["mirrored", "crop_25", "meme", "all"]
    assert all(set(row) == COLUMNS for row in rows)
    by_name = {row["edit"]: row for row in rows}
    assert by_name["mirrored"]["hash_strong"] == 1
    assert by_name["crop_25"]["hash_strong"] == 1
    assert by_name["crop_25"]["any"] == 1
    assert (by_name["all"]["reposts"], by_name["all"]["others"]) == (6, 6)
    assert by_name["all"]["false_strong"] == by_name["all"]["wrong"] == 0
    assert told[-1] == (12, 12)


@pytest.mark.usefixtures("few_edits")
def test_the_same_seed_makes_the_same_posts_and_another_seed_others(options: Options) -> None:
    def posts(seed: int) -> Iterator[bytes]:
        return (one.data for one in _trial.trial(replace(options, enrol=2, seed=seed)).posts)

    first = list(posts(1))
    assert first == list(posts(1))
    assert not set(first) & set(posts(2))


@pytest.mark.usefixtures("few_edits")
def test_enrolled_photos_can_be_screenshots(options: Options) -> None:
    def enrolled(share: float) -> list[bytes]:
        made = _trial.trial(replace(options, enrol=3, screenshots=share)).enrolled
        return [one.data for one in made.values()]

    plain, some, every = (enrolled(share) for share in (0, 0.33, 1))
    assert len(set(plain) & set(some)) == 2
    assert not set(plain) & set(every)


@pytest.mark.usefixtures("few_edits")
def test_too_few_photos_are_refused(options: Options, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(original(photograph(1, (96, 96))).data)
    with pytest.raises(Misuse, match=r"--enrol 12 needs 14 photos or more, .* has 1"):
        reposts.run(replace(options, photos=tmp_path))


def test_posts_of_another_script_are_counted_by_what_it_says(given: Options) -> None:
    row, whole = reposts.run(given)
    assert row["edit"] == "m"
    assert (row["reposts"], row["others"]) == (3, 1)
    # One is found; one is said to be of the wrong photo; one can't be read.
    assert row["strong"] == row["hash_strong"] == pytest.approx(1 / 3, abs=1e-3)
    assert row["wrong"] == 1
    assert row["false_strong"] == row["false_review"] == 0
    assert whole["any"] == row["any"]


def test_a_repost_that_is_said_to_be_none_is_false(given: Options) -> None:
    assert given.photos
    _tell(given.photos, {"0.jpg": None})
    row, _ = reposts.run(given)
    assert row["strong"] is None
    assert row["false_strong"] == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "not {post:"),
        ("{", "not {post:"),
        ('{"0.jpg": {"edit": "m"}}', "not {post:"),
        ("{}", "names no post"),
        ('{"0.jpg": {"of": "v9", "edit": "m"}}', '"v9" is not in enrol/'),
        ('{"9.jpg": {"of": null, "edit": "m"}}', '"9.jpg" is not in posts/'),
    ],
)
def test_a_truth_that_makes_no_sense_is_refused(given: Options, text: str, reason: str) -> None:
    assert given.photos
    (given.photos / "truth.json").write_text(text, encoding="utf-8")
    with pytest.raises(Misuse, match=reason):
        reposts.run(given)


@pytest.mark.usefixtures("few_edits")
def test_generated_photos_beside_hide_nothing_and_are_not_found(options: Options) -> None:
    alone, crowded = (
        reposts.run(replace(options, enrol=2, beside=beside))[-1] for beside in (0, 40)
    )
    for row in (alone, crowded):
        del row["hash_ms"], row["ms"]
    assert crowded == alone
