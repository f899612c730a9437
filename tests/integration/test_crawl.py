"""What one crawl after another fetches, stores and finds."""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from monitor.alerts import outbox as mail
from monitor.cli.demo.pictures import Encoded
from monitor.cli.demo.site import Reply, Request, Site
from monitor.models.finding import AlertState
from monitor.models.run import Outcome, Run
from monitor.models.source import SourceState
from monitor.settings import NetworkSettings
from schedules import runner
from tests.integration import preview
from tests.integration.processes import of_home
from tests.integration.world import Home, World, configuration, copy, new_home

NAME = "other_news"


def crawl(home: Home, address: str) -> Run:
    run = runner.crawl(home.watch(address), home.store, home.settings)
    assert run.outcome is Outcome.OK, run.error
    return run


def paths(site: Site) -> list[str]:
    """What was asked for but robots.txt; the long names of files are cut."""
    asked = [one.target for one in site.requests if one.path != "/robots.txt"]
    return ["/file/" if one.startswith("/file/") else one for one in asked]


def stored(home: Home, source_id: str) -> dict[str, tuple[str, int, bool]]:
    """Text, revision and whether it is gone, by native id."""
    rows = home.rows("SELECT source_id, native_id, text, revision, deleted_at FROM posts")
    return {
        str(id_): (str(text), int(str(revision)), gone is not None)
        for source, id_, text, revision, gone in rows
        if source == source_id
    }


def test_a_second_crawl_of_a_channel_fetches_only_what_is_new(
    world: World, world_home: Home
) -> None:
    first = crawl(world_home, world.channel_address)
    assert (first.counts.posts_new, first.counts.media_hashed, first.counts.findings) == (6, 4, 1)
    assert len(paths(world.telegram)) == 5
    # An album is one post, under the id of its first picture.
    (found,) = world_home.findings()
    assert found.post_url == "https://t.me/small_news/3"
    assert world_home.rows("SELECT member_ids FROM posts WHERE native_id = '3'") == [('["4"]',)]

    world.forget()
    world.channel.edit(2, "오늘 저녁 하천")
    world.channel.delete(5)
    world.message("one more", copy(2, "darkened"))
    second = crawl(world_home, world.channel_address)
    assert paths(world.telegram) == [f"/s/{world.channel.name}", "/file/"]
    counts = second.counts
    assert (counts.posts_new, counts.posts_edited, counts.posts_deleted) == (1, 1, 1)
    assert (counts.media_hashed, counts.media_known, counts.findings) == (1, 1, 1)
    posts = stored(world_home, second.source_id)
    assert posts["2"] == ("오늘 저녁 하천", 2, False)
    assert posts["5"] == ("The library closes at six", 1, True)
    assert posts["1"][1:] == (1, False)


def test_a_second_crawl_of_a_forum_reads_only_changed_threads(
    world: World, world_home: Home
) -> None:
    first = crawl(world_home, world.forum_address)
    assert (first.counts.posts_new, first.counts.media_hashed, first.counts.findings) == (6, 3, 2)
    assert world_home.source(world.forum_address).engine == "phpbb"

    world.forget()
    trip = world.forum.threads[0]
    world.forum.edit_post(trip.posts[0].id, world.later(), "산책로 사진입니다. 고침")
    world.forum.delete_post(trip.posts[1].id)
    world.forum.add_post(trip.id, world.forum.members[2], "An answer", world.later())
    second = crawl(world_home, world.forum_address)
    # The last one is a thread that did not change, looked at for edits.
    pages = ["/forum/", "/forum/viewforum.php?f=2"]
    assert paths(world.site) == [*pages, "/forum/viewtopic.php?t=1", "/forum/viewtopic.php?t=2"]
    counts = second.counts
    assert (counts.posts_new, counts.posts_edited, counts.posts_deleted) == (1, 1, 1)
    assert (counts.media_hashed, counts.media_known, counts.findings) == (0, 1, 0)
    posts = stored(world_home, second.source_id)
    assert posts["1"] == ("산책로 사진입니다. 고침", 2, False)
    assert posts["2"][1:] == (1, True)
    assert posts["7"] == ("An answer", 1, False)


def test_cases_are_matched_as_they_are_when_the_page_is_committed(
    world: World, world_home: Home
) -> None:
    site, home = world.telegram, world_home

    def while_fetched(path: str, content: Encoded, act: Callable[[], None]) -> str:
        def answer(_: Request) -> Reply:
            act()
            return Reply(content.data, mime=content.mime)

        site.route(path, answer)
        return site.url + path

    urls = [
        while_fetched("/one.jpg", copy(1), lambda: home.withdraw("case-1")),
        preview.picture(site, "/two.jpg", copy(2).data),
        while_fetched("/three.jpg", copy(3), lambda: home.enrol("case-3", 3)),
    ]
    preview.serve(site, NAME, [[url] for url in urls])
    assert crawl(home, f"@{NAME}").counts.findings == 2
    assert {one.case_id for one in home.findings()} == {"case-2", "case-3"}

    home.withdraw("case-2")
    delivery = mail.drain(home.store, home.settings)
    assert (delivery.sent, delivery.error) == (1, "")
    states = {one.case_id: one.state for one in home.alerts()}
    assert states == {"case-2": AlertState.CANCELLED, "case-3": AlertState.SENT}
    (sent,) = world.mailbox.mails
    assert "case-3" in sent.message["Subject"]


def test_a_photo_enrolled_after_the_crawl_is_found_by_a_hunt(
    world: World, world_home: Home
) -> None:
    crawl(world_home, world.channel_address)
    world.forget()
    world_home.enrol("case-9", 14)
    done = world_home.haechi("hunt", "--case", "case-9")
    assert done.returncode == 0, done.stderr
    (found,) = [one for one in world_home.findings() if one.case_id == "case-9"]
    assert found.post_url == "https://t.me/small_news/6"
    assert paths(world.telegram) == []
    # With it goes what the crawl left to mail.
    assert len(world.mailbox.mails) == 2
    again = world_home.haechi("hunt", "--case", "case-9")
    assert "0 new findings, 0 alerts mailed" in again.stdout


def test_a_picture_that_failed_is_fetched_by_the_next_crawl(world: World, world_home: Home) -> None:
    site = world.telegram
    url = preview.picture(site, "/photo.jpg", copy(1).data)
    preview.serve(site, NAME, [[url], []])
    site.fail_next("/photo.jpg", 503, times=2)
    first = crawl(world_home, f"@{NAME}")
    assert (first.counts.media_failed, first.counts.findings) == (1, 0)

    second = crawl(world_home, f"@{NAME}")
    assert (second.counts.media_hashed, second.counts.findings) == (1, 1)
    assert (second.counts.posts_new, second.counts.posts_edited) == (0, 0)
    assert len(site.asked("/photo.jpg")) == 3
    assert world_home.rows("SELECT status, reason, attempts FROM post_media") == [("hashed", "", 2)]
    assert world_home.rows("SELECT max(revision) FROM posts") == [(1,)]


def test_a_file_that_is_known_is_neither_fetched_nor_hashed_again(
    world: World, world_home: Home
) -> None:
    site = world.telegram
    token = "/file/" + "A1b2-C3_" * 6 + ".jpg"
    one = preview.picture(site, token, copy(1).data)
    same_bytes = preview.picture(site, "/copy.jpg", copy(1).data)
    other = preview.picture(site, "/other.jpg", copy(12).data)
    preview.serve(site, NAME, [[one]])
    first = crawl(world_home, f"@{NAME}")
    assert (first.counts.media_hashed, first.counts.media_known) == (1, 0)

    # The first post is edited to show something else; two new ones show the same file.
    preview.serve(site, NAME, [[other], [one + "?token=fresh"], [same_bytes]])
    second = crawl(world_home, f"@{NAME}")
    assert (second.counts.media_hashed, second.counts.media_known) == (1, 2)
    assert (second.counts.posts_new, second.counts.posts_edited) == (2, 1)
    assert len(site.asked("/file/")) == 1

    # And it is edited back.
    preview.serve(site, NAME, [[one], [one], [same_bytes]])
    third = crawl(world_home, f"@{NAME}")
    assert (third.counts.posts_edited, third.counts.media_hashed) == (1, 0)
    assert len(site.asked("/file/")) == 1
    posts = stored(world_home, third.source_id)
    assert [posts[id_][1] for id_ in "123"] == [3, 1, 1]
    # One finding a post, whatever was edited, and one alert for the picture in this channel.
    assert len(world_home.findings()) == 3
    assert len(world_home.alerts()) == 1


def test_a_crawl_that_has_used_its_time_ends_in_good_order_and_the_next_goes_on(
    world: World, tmp_path: Path
) -> None:
    for _ in range(394):
        world.message("a message")
    world.telegram.delay("/s/", 0.5)
    extra = {"crawl": {"time_limit_s": 9}}
    with new_home(tmp_path / "home", configuration(world), extra) as home:
        first = crawl(home, world.channel_address)
        assert 0 < first.counts.posts_new < 400
        world.telegram.delay("/s/", 0)
        second = crawl(home, world.channel_address)
        assert first.counts.posts_new + second.counts.posts_new == 400


def test_a_crawl_over_its_time_limit_is_killed_and_recorded(world: World, tmp_path: Path) -> None:
    world.telegram.delay("/s/", 30)
    extra = {"crawl": {"time_limit_s": 3}, "network": {"timeout_s": 60}}
    with new_home(tmp_path / "home", configuration(world), extra) as home:
        source = home.watch(world.channel_address)
        run = runner.crawl(source, home.store, home.settings)
        assert run.outcome is Outcome.KILLED
        assert "over its time limit of 3 s" in run.error
        assert run.ended_at is not None
        assert run.ended_at - run.started_at < timedelta(seconds=6)
        assert of_home(home) == []
        known = home.source(world.channel_address)
        assert (known.state, known.failures) == (SourceState.FAILING, 1)


def gradient(side: int, mime: str) -> bytes:
    """Make a large picture in a small file."""
    buffer = io.BytesIO()
    picture = Image.linear_gradient("L").resize((side, side)).convert("RGB")
    picture.save(buffer, mime, compress_level=1)
    return buffer.getvalue()


def test_the_largest_pictures_are_hashed_within_the_memory_that_a_crawl_has(
    world: World, tmp_path: Path
) -> None:
    side = math.isqrt(NetworkSettings().max_pixels)
    kinds = ("JPEG", "PNG")
    urls = [preview.picture(world.telegram, f"/{n}", gradient(side - n, kinds[n])) for n in (0, 1)]
    larger = preview.picture(world.telegram, "/larger", gradient(side + 50, "JPEG"))
    preview.serve(world.telegram, NAME, [[url] for url in (*urls, larger)])
    with new_home(tmp_path / "home", configuration(world)) as home:
        assert crawl(home, f"@{NAME}").counts.media_hashed == len(urls)
        assert home.rows("SELECT reason FROM post_media WHERE url LIKE '%larger'") == [
            ("too many pixels",)
        ]


def test_a_picture_beyond_the_crawls_memory_is_skipped(world: World, tmp_path: Path) -> None:
    huge = preview.picture(world.telegram, "/huge.jpg", gradient(6_000, "JPEG"))
    good = preview.picture(world.telegram, "/good.jpg", copy(1).data)
    preview.serve(world.telegram, NAME, [[huge], [good]])
    # The smallest limit that the settings take; a crawl must start with it.
    with new_home(tmp_path / "home", configuration(world), {"crawl": {"memory_mb": 1_152}}) as home:
        assert crawl(home, f"@{NAME}").counts.media_hashed == 1
        ((status, reason),) = home.rows(
            "SELECT status, reason FROM post_media WHERE url LIKE '%huge.jpg'"
        )
    assert status == "skipped"
    assert "memory" in str(reason)


@pytest.mark.parametrize("words", [("list",), ("crawl", "telegram_preview", "-a", "source=@x")])
def test_scrapys_own_command_works(words: tuple[str, ...], world: World, world_home: Home) -> None:
    words = tuple(word.replace("@x", world.channel_address) for word in words)
    world_home.watch(world.channel_address)
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *words],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "HAECHI_HOME": str(world_home.folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if words == ("list",):
        assert done.stdout.split() == ["forum", "telegram_preview"]
    else:
        (run,) = world_home.runs()
        assert (run.outcome, run.counts.posts_new) == (Outcome.OK, 6)
        assert "Traceback" not in done.stderr
