from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from rich.console import Console
from rich.progress import Progress

from monitor.cli import enrol as enrolling
from monitor.pictures import decode
from monitor.store import cases
from monitor.store.store import Store
from tests.fixtures.posted import on_ground, photo, screenshot

Haechi = Callable[..., Any]


def saved(path: Path, image: Image.Image) -> Path:
    image.save(path, quality=92)
    return path


@pytest.fixture
def screen(tmp_path: Path) -> Path:
    """A phone's screenshot, 540 x 1170, with a photo from row 240 to row 645."""
    return saved(tmp_path / "screen.png", screenshot(photo(1)))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return saved(tmp_path / "plain.jpg", photo(2))


def shown(at_home: Haechi, case: str = "1") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = at_home("cases", "show", case, "--json").rows
    return rows


def agreed(at_home: Haechi) -> dict[str, bool]:
    return {one["id"]: one["has_consent"] for one in at_home("cases", "list", "--json").rows}


def scanned(at_home: Haechi, path: Path) -> list[tuple[str, str, str]]:
    (row,) = at_home("scan", path, "--json").rows
    return [(one["case"], one["method"], one["grade"]) for one in row["matches"]]


def test_features_are_made_when_the_owner_agreed_and_a_part_of_the_photo_is_found(
    at_home: Haechi, plain: Path, folder: Path, tmp_path: Path
) -> None:
    crop = saved(tmp_path / "crop.jpg", photo(2).crop((256, 0, 640, 480)))
    ended = at_home("enrol", plain, "--case", "1")
    assert "local features" not in ended.out
    assert agreed(at_home) == {"1": False}
    assert "its parts" in at_home("cases", "show", "1").out
    assert scanned(at_home, crop) == [("1", "windows", "strong")]

    ended = at_home("enrol", plain, "--case", "1", "--local-features")
    assert ended.code == 0
    assert "enrolled 0 photos, 1 were already" in ended.out
    assert "local features are kept, encrypted" in ended.out
    assert (folder / "features.key").stat().st_mode & 0o777 == 0o600
    assert agreed(at_home) == {"1": True}
    assert [one["local_features"] for one in shown(at_home)] == [True]
    assert "its parts, local features" in at_home("cases", "show", "1").out
    assert scanned(at_home, crop) == [("1", "features", "strong")]


def test_what_was_agreed_holds_for_later_photos_of_the_case_and_for_no_other(
    at_home: Haechi, plain: Path, screen: Path
) -> None:
    at_home("enrol", plain, "--case", "1", "--local-features")
    at_home("enrol", screen, "--case", "1", "--no-crop")
    at_home("enrol", plain, "--case", "2")
    assert [one["local_features"] for one in shown(at_home)] == [True, True]
    assert [one["local_features"] for one in shown(at_home, "2")] == [False]
    assert agreed(at_home) == {"1": True, "2": False}


def test_consent_that_is_taken_back_deletes_the_features_from_every_file(
    at_home: Haechi, plain: Path, screen: Path, folder: Path, store: Store
) -> None:
    at_home("enrol", plain, "--case", "1", "--local-features")
    with store.read() as db:
        sealed = cases.active_fingerprints(db)[0].features or b""
    assert len(sealed) > 1_000
    ended = at_home("enrol", screen, "--case", "1", "--no-local-features", "--no-crop")
    assert "case 1: local features of 1 photo deleted" in ended.out
    assert [one["local_features"] for one in shown(at_home)] == [False, False]
    assert agreed(at_home) == {"1": False}
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(sealed[at : at + 32] in content for at in range(0, len(sealed) - 32, 64))


def test_a_withdrawal_deletes_the_features_from_every_file(
    at_home: Haechi, plain: Path, folder: Path, store: Store
) -> None:
    at_home("enrol", plain, "--case", "1", "--local-features")
    with store.read() as db:
        sealed = cases.active_fingerprints(db)[0].features or b""
    assert at_home("cases", "withdraw", "1", "--yes").code == 0
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(sealed[at : at + 32] in content for at in range(0, len(sealed) - 32, 64))


def test_what_is_exported_or_made_elsewhere_never_has_features(
    haechi: Haechi, at_home: Haechi, plain: Path, tmp_path: Path
) -> None:
    at_home("enrol", plain, "--case", "1", "--local-features")
    at_home("cases", "export", "1", "-o", tmp_path / "out.json")
    haechi("fingerprint", plain, "-o", tmp_path / "mine.json")
    for name in ("out.json", "mine.json"):
        (one,) = json.loads((tmp_path / name).read_text())["fingerprints"]
        assert set(one) == {"pdq", "quality", "sha256", "md5", "phash", "recipe"}
        assert at_home("import", tmp_path / name, "--case", "1").code == 0
    # An import of the same photo takes nothing away.
    assert [one["local_features"] for one in shown(at_home)] == [True]


def test_the_photo_in_a_screenshot_is_found_told_and_watched_for(
    at_home: Haechi, screen: Path, plain: Path, tmp_path: Path
) -> None:
    ended = at_home("enrol", screen, plain, "--case", "1")
    assert ended.code == 0
    (line,) = ended.err.splitlines()
    assert line.startswith(f"{screen}: taken for a screenshot or a framed photo: what is at 0.000,")
    assert "--crop x,y,w,h or --no-crop" in line
    assert sorted(one["turns"] for one in shown(at_home)) == [8, 16]
    inner = saved(tmp_path / "inner.jpg", photo(1).resize((320, 240)))
    assert scanned(at_home, inner) == [("1", "pdq", "strong")]


def test_with_no_crop_a_screenshot_is_the_photo(at_home: Haechi, screen: Path) -> None:
    ended = at_home("enrol", screen, "--case", "1", "--no-crop")
    assert (ended.code, ended.err) == (0, "")
    assert [one["turns"] for one in shown(at_home)] == [8]


@pytest.mark.parametrize("crop", ["0,0.2051,1,0.3462", "0,240,540,405", " 0 , 240 , 540 , 405 "])
def test_a_crop_is_told_in_shares_or_pixels(
    at_home: Haechi, screen: Path, tmp_path: Path, crop: str
) -> None:
    ended = at_home("enrol", screen, "--case", "1", "--crop", crop)
    assert (ended.code, ended.err) == (0, "")
    assert [one["turns"] for one in shown(at_home)] == [16]
    inner = saved(tmp_path / "inner.jpg", photo(1))
    assert scanned(at_home, inner) == [("1", "pdq", "strong")]


@pytest.mark.parametrize(
    ("crop", "told"),
    [
        ("0,0,541,405", "is not within the picture of 540 x 1170"),
        ("0,0.5,1,0.6", "is not within the picture"),
        ("-0.1,0,1,1", "is not within the picture"),
        ("0.5,0.5,0,0.5", "is not within the picture"),
        ("nan,0,1,1", "is not within the picture"),
        ("0,0,nan,1", "is not within the picture"),
        ("0,0,inf,inf", "is not within the picture"),
        ("1e999,0,1,1", "is not within the picture"),
        ("0,0,1", "give x,y,w,h"),
        ("0,0,1,1,1", "give x,y,w,h"),
        ("a,b,c,d", "give x,y,w,h"),
        (",,,", "give x,y,w,h"),
    ],
)
def test_a_crop_that_makes_no_sense_is_misuse_in_one_line(
    at_home: Haechi, screen: Path, crop: str, told: str
) -> None:
    ended = at_home("enrol", screen, "--case", "1", "--crop", crop)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert told in ended.err
    assert at_home("cases", "list", "--json").rows == []


def test_a_crop_of_next_to_nothing_is_refused_and_nothing_enrolled(
    at_home: Haechi, screen: Path
) -> None:
    ended = at_home("enrol", screen, "--case", "1", "--crop", "0,0,40,40")
    assert ended.code == 1
    assert ended.err == f"{screen}: the crop is too small\n"


def test_a_crop_is_for_one_photo_and_contradicts_no_crop(
    haechi: Haechi, at_home: Haechi, screen: Path, plain: Path, tmp_path: Path
) -> None:
    for command in (
        lambda *words: at_home("enrol", *words, "--case", "1"),
        lambda *words: haechi("fingerprint", *words, "-o", tmp_path / "x.json"),
    ):
        two = command(screen, plain, "--crop", "0,0,1,1")
        assert (two.code, "for one photo at a time" in two.err) == (2, True)
        both = command(screen, "--crop", "0,0,1,1", "--no-crop")
        assert (both.code, "not both" in both.err) == (2, True)
    assert not (tmp_path / "x.json").exists()
    assert at_home("cases", "list", "--json").rows == []


def test_a_crop_that_is_told_replaces_the_one_that_was_guessed(
    at_home: Haechi, tmp_path: Path
) -> None:
    framed = saved(tmp_path / "framed.png", on_ground(photo(1), (800, 700), (80, 90)))
    at_home("enrol", framed, "--case", "1")
    (before,) = shown(at_home)
    part = saved(tmp_path / "part.jpg", photo(1).crop((0, 0, 320, 480)))
    assert scanned(at_home, part) == [("1", "windows", "strong")]
    ended = at_home("enrol", framed, "--case", "1", "--crop", "80,90,320,480")
    assert "enrolled 0 photos, 1 enrolled anew" in ended.out
    (after,) = shown(at_home)
    assert (after["photo"], after["turns"]) == (before["photo"], 16)
    assert scanned(at_home, part) == [("1", "pdq", "strong")]
    # Enrolled again without a word about it, as with its whole folder: it stays.
    at_home("enrol", framed, "--case", "1")
    assert scanned(at_home, part) == [("1", "pdq", "strong")]
    at_home("enrol", framed, "--case", "1", "--no-crop")
    assert [one["turns"] for one in shown(at_home)] == [8]


def test_fingerprints_made_elsewhere_are_of_the_photo_in_a_screenshot_too(
    haechi: Haechi, screen: Path, tmp_path: Path
) -> None:
    ended = haechi("fingerprint", screen, "-o", tmp_path / "mine.json")
    assert ended.code == 0
    assert "taken for a screenshot" in ended.err
    (one,) = json.loads((tmp_path / "mine.json").read_text())["fingerprints"]
    assert len(one["pdq"]) == 16


@pytest.mark.parametrize(("says", "turns"), [(True, 16), (False, 8)])
def test_a_person_at_a_terminal_is_shown_the_guess_and_decides(
    at_home: Haechi, screen: Path, monkeypatch: pytest.MonkeyPatch, *, says: bool, turns: int
) -> None:
    asked: list[tuple[tuple[int, ...], str]] = []

    def confirm(rgb: Any, name: str) -> bool:
        asked.append((rgb.shape, name))
        return says

    monkeypatch.setattr(enrolling, "_at_terminal", lambda: True)
    monkeypatch.setattr(enrolling.preview, "confirm", confirm)
    ended = at_home("enrol", screen, "--case", "1")
    assert (ended.code, ended.err) == (0, "")
    ((shape, name),) = asked
    assert name == "screen.png"
    assert shape[1] == 540
    assert abs(shape[0] - 405) < 15
    assert [one["turns"] for one in shown(at_home)] == [turns]


def test_a_bad_key_is_one_clear_line_and_nothing_is_enrolled(
    at_home: Haechi, plain: Path, folder: Path
) -> None:
    (folder / "features.key").write_text("hardly a secret\n")
    ended = at_home("enrol", plain, "--case", "1", "--local-features")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "holds no key" in ended.err
    assert "hardly" not in ended.err
    assert at_home("cases", "list", "--json").rows == []
    # Hashes of parts are encrypted, too.
    assert at_home("enrol", plain, "--case", "1").code == 2


def test_features_are_not_left_out_in_silence_where_no_key_can_be_made(
    at_home: Haechi, plain: Path, folder: Path
) -> None:
    toml = folder / "haechi.toml"
    toml.write_text(toml.read_text() + '[features]\nkey_file = "none/features.key"\n')
    ended = at_home("enrol", plain, "--case", "1", "--local-features")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "its folder does not exist" in ended.err
    assert at_home("cases", "list", "--json").rows == []


def test_a_lost_key_is_told_by_the_doctor_and_hashes_still_match(
    at_home: Haechi, plain: Path, folder: Path
) -> None:
    def checked() -> tuple[str, str]:
        rows = {one["what"]: one for one in at_home("doctor", "--json").rows}
        return rows["parts of photos"]["state"], rows["parts of photos"]["detail"]

    assert checked() == ("ok", "0 photos")
    at_home("enrol", plain, "--case", "1", "--local-features")
    assert checked() == ("ok", "1 photo")
    key = (folder / "features.key").rename(folder / "away.key")
    state, detail = checked()
    assert state == "error"
    assert "1 of 1 photo can't be opened" in detail
    assert scanned(at_home, plain) == [("1", "sha256", "exact")]
    # Enrolling again makes a new key and new features.
    at_home("enrol", plain, "--case", "1")
    assert checked() == ("ok", "1 photo")
    assert key.exists()
    key.replace(folder / "features.key")
    assert checked()[0] == "error"


def test_neither_key_nor_features_are_logged(at_home: Haechi, plain: Path, folder: Path) -> None:
    at_home("enrol", plain, "--case", "1", "--local-features")
    key = (folder / "features.key").read_text().strip()
    (folder / "features.key").unlink()
    at_home("scan", plain)
    for path in folder.rglob("*"):
        assert path.is_dir() or key.encode() not in path.read_bytes()


def test_the_bar_does_not_draw_over_the_question(
    screen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Progress(console=Console(file=io.StringIO(), force_terminal=True)) as bar:
        bar.add_task("fingerprinting", total=1)

        def confirm(_rgb: Any, _name: str) -> bool:
            assert not bar.live.is_started
            return True

        monkeypatch.setattr(enrolling, "_at_terminal", lambda: True)
        monkeypatch.setattr(enrolling.preview, "confirm", confirm)
        choose = enrolling._crop_choice("", no_crop=False, photos=1)
        assert choose(bar, screen, decode(screen.read_bytes())) is not None
        assert bar.live.is_started


@pytest.mark.parametrize("orientation", [3, 6, 7])
def test_a_photo_with_an_orientation_is_found_as_stored_and_as_shown(
    at_home: Haechi, tmp_path: Path, orientation: int
) -> None:
    stored = photo(1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "own.jpg", quality=92, exif=exif)
    at_home("enrol", tmp_path / "own.jpg", "--case", "1", "--local-features")
    with Image.open(tmp_path / "own.jpg") as own:
        as_seen = ImageOps.exif_transpose(own).convert("RGB")
    for post in (stored, as_seen):
        half = post.crop((post.width // 3, 0, post.width, post.height))
        for number, (shown, method) in enumerate(((post, "pdq"), (half, "features"))):
            shown.save(tmp_path / f"post{number}.png")
            (match,) = at_home("scan", tmp_path / f"post{number}.png", "--json").rows[0]["matches"]
            assert (match["method"], match["grade"]) == (method, "strong")


def test_a_screenshot_that_is_stored_sideways_is_cropped_as_it_is_shown(
    at_home: Haechi, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = screenshot(photo(1))
    # Shown, it is turned clockwise by a quarter.
    upright.rotate(90, expand=True).save(tmp_path / "own.jpg", quality=92, exif=exif)
    ended = at_home("enrol", tmp_path / "own.jpg", "--case", "1")
    assert "taken for a screenshot" in ended.err
    upright.crop((0, 240, 540, 645)).save(tmp_path / "post.png")
    (match,) = at_home("scan", tmp_path / "post.png", "--json").rows[0]["matches"]
    assert (match["method"], match["transform"]) == ("pdq", "none")
