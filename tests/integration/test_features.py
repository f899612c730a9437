"""A photo whose owner agreed to local features: found in parts by a crawl, mailed, forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from monitor.cli.demo.pictures import Encoded
from monitor.models.finding import Finding
from monitor.models.match import Grade
from monitor.store import cases
from tests.fixtures.pictures import encoded
from tests.fixtures.posted import collage, overlap, photo
from tests.integration.world import Home, World, configuration, new_home


def jpeg(image: Image.Image) -> Encoded:
    return Encoded(encoded(image, "JPEG", quality=80), ".jpg")


@pytest.fixture
def home(world: World, tmp_path: Path) -> Iterator[Home]:
    """A home that watches the world's forum and channel for a photo, with local features."""
    with new_home(tmp_path / "home", configuration(world)) as made:
        photo(1).save(tmp_path / "photo.png")
        ended = made.haechi("enrol", str(tmp_path / "photo.png"), "--case", "1", "--local-features")
        assert ended.returncode == 0, ended.stderr
        assert "local features are kept, encrypted" in ended.stdout
        for address in (world.forum_address, world.channel_address):
            made.watch(address)
        yield made


def crawl(home: Home) -> str:
    ended = home.haechi("crawl", "--all", timeout_s=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def by_source(home: Home) -> dict[str, Finding]:
    return {one.source: one for one in home.findings()}


def logged(home: Home) -> str:
    return "".join(path.read_text() for path in sorted(home.folder.rglob("*.log*")))


def test_parts_of_a_photo_are_found_mailed_and_forgotten_with_the_case(
    world: World, home: Home
) -> None:
    crop, four = photo(1).crop((256, 0, 640, 480)), collage(*map(photo, (5, 6, 7, 1)))
    world.thread("A part", ("Seen elsewhere", jpeg(crop)), ("Mine", jpeg(photo(8))))
    world.message("사진 네 장", jpeg(four))
    assert "2 alerts mailed" in crawl(home)

    found = by_source(home)
    assert set(found) == {world.forum_address, world.channel_address}
    assert {one.match.grade for one in found.values()} == {Grade.STRONG}
    part, quarter = found[world.forum_address].match, found[world.channel_address].match
    assert part.method == "features"
    assert part.placing is not None
    assert overlap(part.region, (0, 0, 1, 1)) > 0.95
    assert overlap(quarter.region, (0.5, 0.5, 0.5, 0.5)) > 0.95
    assert len(world.mailbox.mails) == 2
    for mail in world.mailbox.mails:
        assert not list(mail.message.iter_attachments())
    text = "".join(part.get_content() for one in world.mailbox.mails for part in one.message.walk()
                   if part.get_content_type() == "text/plain")  # fmt: skip
    assert "the photo is in a part of the picture" in text

    # Another crawl finds nothing twice.
    world.forget()
    crawl(home)
    assert (len(home.findings()), world.mailbox.mails) == (2, [])

    with home.store.read() as db:
        (kept,) = cases.active_fingerprints(db)
    sealed = kept.features or b""
    key = (home.folder / "features.key").read_bytes().strip()
    parts = [sealed[at : at + 32] for at in range(0, len(sealed) - 32, 64)]
    # Reading a database's files ends the locks that this process has on them (POSIX): SQLite must
    # not have it open meanwhile.
    home.store.close()
    assert any(parts[0] in path.read_bytes() for path in home.folder.glob("haechi.db*"))
    assert home.haechi("cases", "withdraw", "1", "--yes").returncode == 0
    for path in home.folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(part in content for part in parts), path
        assert key not in content or path.name == "features.key", path

    world.thread("Again", ("The same", jpeg(photo(1).crop((0, 0, 400, 480)))))
    crawl(home)
    assert len(home.findings()) == 2


def test_without_its_key_a_crawl_finds_by_hashes_and_says_so(world: World, home: Home) -> None:
    (home.folder / "features.key").unlink()
    world.thread("A part", ("Seen elsewhere", jpeg(photo(1).crop((256, 0, 640, 480)))))
    world.message("All of it", jpeg(photo(1).resize((320, 240))))
    crawl(home)
    (one,) = home.findings()
    assert (one.source, one.match.method) == (world.channel_address, "pdq")
    assert "features.unreadable" in logged(home)
    doctor = home.haechi("doctor")
    assert doctor.returncode == 1
    assert "1 of 1 photo can't be opened" in doctor.stdout


def test_a_crawl_with_the_least_memory_finds_a_part_of_a_photo(
    world: World, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_CRAWL__MEMORY_MB", "1152")
    world.message("A part", jpeg(photo(1).crop((256, 0, 640, 480)).resize((1_024, 1_280))))
    crawl(home)
    (one,) = home.findings()
    assert one.match.method == "features"
