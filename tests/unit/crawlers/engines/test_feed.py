"""Feeds as a reader would show them, and those that were made to do harm."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.engines.feed import ENGINE
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, MediaRef, Post

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "engines" / "feed"
ROOT = "https://forum.example/"
FILES = "https://files.example/"


def page(name: str) -> str:
    return (FIXTURES / name).read_text(encoding="utf-8")


def item(inner: str, about: str = "") -> Post:
    text = f"<rss version='2.0'><channel>{about}<item>{inner}</item></channel></rss>"
    return ENGINE.posts(text, ROOT + "feed.xml").posts[0]


def test_entries_are_posts_of_one_thread() -> None:
    read = ENGINE.posts(page("rss.xml"), ROOT + "feed.xml")
    assert (read.thread_id, read.title, read.next_url) == ("feed", "Harbour news", None)
    first, second, third = read.posts
    assert (first.url, first.author, first.thread) == (ROOT + "news/31", "gull", "Dawn & dusk")
    assert first.text == "First light, see the forecast\n\nAnd I say"
    assert first.links == ("https://weather.example/pier?day=1",)
    assert first.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert (second.author, second.text) == ("Crab", "Look")
    assert second.posted == datetime(2026, 2, 28, 10, 0, tzinfo=UTC)
    assert (third.url, third.posted) == (ROOT + "news/33", None)
    assert len({post.native_id for post in read.posts}) == 3


def test_files_and_pictures_are_taken_at_full_size_and_thumbnails_for_want_of_them() -> None:
    first, second, third = ENGINE.posts(page("rss.xml"), ROOT + "feed.xml").posts
    assert first.media == (
        MediaRef(FILES + "waves.mp3", MediaKind.SOUND),
        MediaRef(ROOT + "img/pier-1024x683.jpg", MediaKind.PHOTO),
        MediaRef(ROOT + "news/pier.jpg", MediaKind.PHOTO),
        MediaRef(ROOT + "thumb/pier-300x200.jpg", MediaKind.PHOTO),
    )
    assert second.media == (MediaRef(FILES + "view?id=4", MediaKind.PHOTO),)
    assert third.media == (
        MediaRef(FILES + "boats.mp4", MediaKind.VIDEO),
        MediaRef(FILES + "boats.jpg", MediaKind.VIDEO_THUMB),
    )


def test_atom_is_read_with_its_bases_and_plain_texts() -> None:
    read = ENGINE.posts(page("atom.xml"), ROOT + "blog/atom.xml")
    assert read.title == "Pier & harbour"
    first, second = read.posts
    assert (first.url, first.thread) == (ROOT + "blog/2026/dawn", "Dawn at the pier")
    assert (first.text, first.author, first.edited) == ("First light", "gull", True)
    assert first.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)
    assert first.media == (
        MediaRef(FILES + "full", MediaKind.PHOTO),
        MediaRef(ROOT + "blog/2026/pier.jpg", MediaKind.PHOTO),
    )
    assert (second.text, second.author) == ('1 < 2, and no <img src="x.jpg">', "crab")
    assert (second.media, second.edited) == ((), False)
    assert second.posted == datetime(2026, 2, 28, 10, 0, tzinfo=UTC)


def test_old_feeds_in_rdf_are_read() -> None:
    read = ENGINE.posts(page("rdf.xml"), ROOT + "index.rdf")
    post = read.posts[0]
    assert (read.title, post.url, post.author) == ("Harbour", ROOT + "31", "gull")
    assert post.media == (MediaRef(ROOT + "pier.jpg", MediaKind.PHOTO),)
    assert post.posted == datetime(2026, 2, 28, 9, 5, tzinfo=UTC)


def test_feeds_in_json_are_read() -> None:
    first, second = ENGINE.posts(page("feed.json"), ROOT + "feed.json").posts
    assert (first.author, first.text, first.thread) == ("gull", "First light", "Dawn")
    assert first.media == (
        MediaRef(FILES + "dusk.png", MediaKind.PHOTO),
        MediaRef(ROOT + "pier.jpg", MediaKind.PHOTO),
    )
    assert (second.author, second.text, second.edited) == ("crab", "1 < 2", True)
    assert second.media == (MediaRef(FILES + "view?id=4", MediaKind.PHOTO),)


def test_an_entry_keeps_its_id_when_all_else_changes() -> None:
    before = item("<guid>a</guid><link>https://forum.example/1</link><title>x</title>")
    after = item("<guid>a</guid><link>https://forum.example/2</link><title>y</title>")
    assert before.native_id == after.native_id
    assert item("<link>/1</link>").native_id == item("<link>/1</link><title>z</title>").native_id
    assert not before.native_id.isdecimal()


def test_relative_links_are_of_the_page_that_the_feed_stands_for() -> None:
    about = "<link>https://forum.example/news/</link>"
    assert item("<link>31</link>", about).url == ROOT + "news/31"
    assert item("<title>x</title>").url == ROOT + "feed.xml"


@pytest.mark.parametrize(
    ("date", "hour"),
    [
        ("Sat, 28 Feb 2026 09:05:00 GMT", 9),
        ("28 Feb 2026 09:05 EST", 14),
        ("2026-02-28T09:05:00", 9),
        ("Sat, 28 Feb 2026 09:05:00 -0000", 9),
        ("Sat, 99 Feb 99999 99:99:99 GMT", None),
        ("Fri, 31 Dec 9999 23:00:00 -1400", None),
        ("yesterday", None),
    ],
)
def test_dates_are_read_as_mails_have_them_or_by_iso(date: str, hour: int | None) -> None:
    posted = item(f"<pubDate>{date}</pubDate>").posted
    assert (None if posted is None else posted.hour) == hour


def test_a_feed_without_entries_is_no_changed_page() -> None:
    assert ENGINE.posts("<rss><channel><title>x</title></channel></rss>", ROOT).posts == ()


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>&lt;rss&gt;</body></html>",
        "<html><rss></html>",
        "<feed>of no namespace</feed>",
        "<rdf:RDF xmlns='http://other.example/'></rdf:RDF>",
        "<?xml version='1.0'?><urlset></urlset>",
        '{"version": "https://jsonfeed.org/version/1"}',
    ],
)
def test_what_is_no_feed_is_not_taken_for_one(text: str) -> None:
    assert ENGINE.recognise(text, ROOT) == 0
    with pytest.raises(SourceChanged):
        ENGINE.posts(text, ROOT)


def laughs() -> str:
    """Ten entities, each ten times the one before."""
    lines = [f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 11)]
    return "<!ENTITY l0 'ha'>" + "".join(lines)


@pytest.mark.parametrize(
    "dtd",
    [
        laughs(),
        f"<!ENTITY l10 '{'ha' * 9_000}'>",
        "<!ENTITY l10 SYSTEM 'file:///etc/hostname'>",
        "<!ENTITY % x SYSTEM 'http://192.0.2.1/x.dtd'> %x; <!ENTITY l10 'read'>",
    ],
)
@pytest.mark.parametrize(
    "item", ["<title>{}</title>", "<enclosure url='https://forum.example/{}.jpg'/>"]
)
def test_entities_cost_nothing_and_name_nothing(dtd: str, item: str) -> None:
    uses = "".join(f"<item>{item.format('&l10;' * 9)}</item>" for _ in range(1_000))
    text = f"<?xml version='1.0'?><!DOCTYPE rss [{dtd}]><rss><channel>{uses}</channel></rss>"
    started = time.monotonic()
    posts = ENGINE.posts(text, ROOT).posts
    assert time.monotonic() - started < 5
    assert len(posts) == 1
    assert "ha" not in (posts[0].thread or "")
    assert all(len(media.url) < 100 for media in posts[0].media)


def test_a_declaration_within_the_feed_declares_nothing() -> None:
    text = f"<rss><!DOCTYPE rss [{laughs()}]><channel><item><title>&l9;</title></item>"
    assert all("ha" not in (post.thread or "") for post in ENGINE.posts(text, ROOT).posts)
