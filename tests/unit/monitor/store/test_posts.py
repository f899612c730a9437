from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from monitor.models.item import Change, Item
from monitor.models.media import MediaStatus
from monitor.models.post import Coverage
from monitor.models.run import Counts
from monitor.models.source import Source
from monitor.store import channels, posted_media, posts
from monitor.store.posted_media import StoredMedia
from monitor.store.posts import MAX_MEDIA_ATTEMPTS, KnownPost, post_id
from monitor.store.store import Store
from monitor.store.tables import media, post_media
from monitor.store.tables import posts as posts_table
from pipelines.steps.normalise import MAX_VIEWS
from tests.fixtures.stock import NOW, digest, facts, failed, item, new_source, picture


@pytest.fixture
def source(store: Store) -> Source:
    with store.write() as db:
        return new_source(db)


def write(store: Store, *items: Item) -> tuple[Counts, list[str]]:
    with store.write() as db:
        return posts.write(db, items, NOW)


def the_row(store: Store, source: Source, number: int = 1) -> Any:
    with store.read() as db:
        key = post_id(source.id, str(number))
        return db.execute(select(posts_table).where(posts_table.c.id == key)).one()


def media_rows(store: Store, source: Source, number: int = 1) -> list[Any]:
    with store.read() as db:
        return posts.media_of(db, post_id(source.id, str(number)))


def gone(store: Store, source: Source, coverage: Coverage, *shown: str) -> list[str]:
    with store.write() as db:
        return posts.mark_gone(db, source.id, coverage, shown, NOW)


def test_a_new_post_is_stored_with_its_media(store: Store, source: Source) -> None:
    counts, changed = write(store, item(source, 1, "안녕", media=[picture("a"), failed("b")]))
    assert counts == Counts(posts_new=1, media_hashed=1, media_failed=1)
    assert changed == [post_id(source.id, "1")]
    row = the_row(store, source)
    assert (row.text, row.revision, row.native_number, row.edited) == ("안녕", 1, 1, False)
    assert [one.status for one in media_rows(store, source)] == ["hashed", "failed"]


def test_an_edit_keeps_the_id_and_counts_the_revision(store: Store, source: Source) -> None:
    write(store, item(source, 1, "before", media=[picture("a")]))
    counts, changed = write(store, item(source, 1, "after", change=Change.EDITED))
    assert counts == Counts(posts_edited=1)
    assert len(changed) == 1
    row = the_row(store, source)
    assert (row.text, row.revision, row.edited) == ("after", 2, True)
    assert media_rows(store, source) == []


def test_a_post_that_is_the_same_changes_nothing(store: Store, source: Source) -> None:
    write(store, item(source, 1, media=[picture("a")]))
    before = the_row(store, source)
    counts, changed = write(store, item(source, 1, change=Change.SAME))
    assert (counts, changed) == (Counts(), [])
    assert the_row(store, source) == before
    assert len(media_rows(store, source)) == 1


def test_posts_that_a_page_no_longer_shows_are_marked(store: Store, source: Source) -> None:
    write(store, *(item(source, number) for number in (1, 2, 3, 9)))
    assert gone(store, source, Coverage(1, 3), "1", "3") == [post_id(source.id, "2")]
    assert the_row(store, source, 2).deleted_at == NOW
    for number in (1, 3, 9):
        assert the_row(store, source, number).deleted_at is None
    assert gone(store, source, Coverage(1, 3), "1", "3") == []


def test_only_posts_of_the_thread_at_hand_are_marked(store: Store, source: Source) -> None:
    write(store, item(source, 1, thread_id="a"), item(source, 2, thread_id="b"))
    assert gone(store, source, Coverage(1, 9, thread_id="a")) == [post_id(source.id, "1")]


def test_a_whole_thread_is_accounted_for_whatever_the_ids_of_its_posts(
    store: Store, source: Source
) -> None:
    ids = {"free.1": "free.1", "free.2": "free.1", "free.3": "free.3"}
    write(store, *(item(source, 1, native_id=one, thread_id=ids[one]) for one in ids))
    assert gone(store, source, Coverage(0, 9, "free.1"), "free.1") == []
    whole = Coverage(0, 9, "free.1", is_whole=True)
    assert gone(store, source, whole, "free.1") == [post_id(source.id, "free.2")]


def test_posts_of_another_source_are_left_alone(store: Store, source: Source) -> None:
    with store.write() as db:
        other = new_source(db, "https://forum.example/")
    write(store, item(other, 1))
    assert gone(store, source, Coverage(1, 9)) == []


@pytest.mark.parametrize("change", [Change.SAME, Change.EDITED])
def test_a_deleted_post_that_is_shown_again_is_there_again(
    store: Store, source: Source, change: Change
) -> None:
    write(store, item(source, 1))
    gone(store, source, Coverage(1, 1))
    _, changed = write(store, item(source, 1, change=change))
    assert changed == [post_id(source.id, "1")]
    assert the_row(store, source).deleted_at is None


def test_what_is_known_of_posts_is_told_by_their_digest(store: Store, source: Source) -> None:
    write(store, item(source, 1, "a"), item(source, 2, "b", media=[failed("x")]))
    with store.read() as db:
        keys = [post_id(source.id, native_id) for native_id in ("1", "2", "3")]
        known = posts.known(db, keys)
    assert known == {
        keys[0]: KnownPost(digest("a"), False),
        keys[1]: KnownPost(digest("b"), True),
    }


def test_passing_failures_are_tried_again_but_not_for_ever(store: Store, source: Source) -> None:
    write(store, item(source, 1, media=[failed("a")]))
    for _ in range(MAX_MEDIA_ATTEMPTS - 1):
        with store.read() as db:
            (again,) = posts.to_retry(db, source.id, 10)
        assert [one.url for one in again.media] == ["https://cdn.example/a.jpg"]
        write(store, item(source, 1, change=Change.SAME, media=[failed("a")]))
    with store.read() as db:
        assert posts.to_retry(db, source.id, 10) == []
        (known,) = posts.known(db, [post_id(source.id, "1")]).values()
    assert known.has_media_to_retry is False
    assert media_rows(store, source)[0].attempts == MAX_MEDIA_ATTEMPTS


def test_media_that_succeed_at_last_are_not_tried_again(store: Store, source: Source) -> None:
    write(store, item(source, 1, media=[failed("a")]))
    counts, changed = write(store, item(source, 1, change=Change.SAME, media=[picture("a")]))
    assert (counts, changed) == (Counts(media_hashed=1), [])
    with store.read() as db:
        assert posts.to_retry(db, source.id, 10) == []
    assert media_rows(store, source)[0].pdq == facts("a").pdq


def test_what_can_not_be_read_for_good_and_what_is_gone_is_not_tried_again(
    store: Store, source: Source
) -> None:
    skipped = replace(picture("a"), status=MediaStatus.SKIPPED, facts=None, reason="too large")
    write(store, item(source, 1, media=[skipped]), item(source, 2, media=[failed("b")]))
    gone(store, source, Coverage(2, 2))
    with store.read() as db:
        assert posts.to_retry(db, source.id, 10) == []


def test_a_post_to_try_again_is_the_post_that_was_stored(store: Store, source: Source) -> None:
    one = item(
        source,
        7,
        "text",
        media=[failed("a")],
        author="누구",
        thread="글타래",
        thread_id="3",
        links=("https://a.example/",),
        member_ids=("8", "9"),
        forwarded_from="@other",
        views=3,
    )
    write(store, one)
    with store.read() as db:
        assert posts.to_retry(db, source.id, 10) == [one.post]


def test_a_file_is_stored_once_and_found_by_its_digest_and_its_origin(
    store: Store, source: Source
) -> None:
    ref = replace(picture("a").ref, origin_id="tg:1")
    write(
        store,
        item(source, 1, media=[picture("a", ref=ref)]),
        item(source, 2, media=[picture("a"), picture("a", known=True)]),
    )
    with store.read() as db:
        assert db.scalars(select(media.c.sha256)).all() == [digest("a")]
        assert posts.facts_of_sha256(db, digest("a")) == facts("a")
        assert posts.facts_of_origin(db, "tg:1") == facts("a")
        assert posts.facts_of_origin(db, "tg:2") is None
        assert posts.facts_of_sha256(db, digest("z")) is None
        assert len(db.execute(select(post_media)).all()) == 3


@pytest.mark.parametrize("native_id", ["٣", "1" * 30, "-1", "abc", "1.5"])
def test_an_id_that_is_no_plain_number_is_stored_without_one(
    store: Store, source: Source, native_id: str
) -> None:
    one = item(source, 1, native_id=native_id)
    write(store, one)
    with store.read() as db:
        row = db.execute(select(posts_table)).one()
    assert (row.native_id, row.native_number) == (native_id, None)


def test_counts_name_posts_media_and_failures(store: Store, source: Source) -> None:
    skipped = replace(picture("c"), status=MediaStatus.SKIPPED, facts=None, reason="too large")
    write(store, item(source, 1, media=[picture("a"), failed("b"), skipped]), item(source, 2))
    counted = {"posts": 2, "media": 1, "media_failed": 1, "media_skipped": 1}
    with store.read() as db:
        assert posts.count(db) == counted
        assert [row.native_id for row, _ in posts.iterate(db, source.id)] == ["1", "2"]
        assert posts.source_address(db, source.id) == "@channel"


def test_what_is_stored_of_a_posts_media_is_told_by_their_ids_or_addresses(
    store: Store, source: Source
) -> None:
    ref = replace(picture("a").ref, origin_id="tg:1")
    write(store, item(source, 1, media=[picture("a", ref=ref), failed("b")]), item(source, 2))
    with store.read() as db:
        keys = [post_id(source.id, native_id) for native_id in ("1", "2")]
        stored = posted_media.stored(db, keys)
        assert posted_media.stored(db, keys[1:]) == posted_media.stored(db, []) == {}
    assert stored == {
        keys[0]: {
            "tg:1": StoredMedia(1, facts("a")),
            "https://cdn.example/b.jpg": StoredMedia(1, None),
        }
    }


def test_attempts_are_counted_though_the_token_in_the_address_changes(
    store: Store, source: Source
) -> None:
    for number in (1, 2, 3):
        one = failed("a")
        ref = replace(one.ref, url=f"{one.ref.url}?token={number}", origin_id="tg:1")
        change = Change.NEW if number == 1 else Change.SAME
        write(store, item(source, 1, change=change, media=[replace(one, ref=ref)]))
    assert [row.attempts for row in media_rows(store, source)] == [3]


def test_as_many_views_as_a_post_may_have_can_be_stored(store: Store, source: Source) -> None:
    write(store, item(source, 1, views=MAX_VIEWS))
    assert the_row(store, source).views == MAX_VIEWS


def test_a_page_is_written_as_a_whole_each_post_by_what_became_of_it(
    store: Store, source: Source
) -> None:
    old = [item(source, number, media=[picture(f"{number}")]) for number in (1, 2, 3, 4)]
    write(store, *old)
    gone(store, source, Coverage(1, 2))
    page = [
        item(source, 5, text="@somebody"),
        item(source, 1, change=Change.SAME),
        item(source, 3, "after", change=Change.EDITED, media=[failed("3"), picture("new")]),
        item(source, 4, change=Change.SAME),
        item(source, 2, "after", change=Change.EDITED),
    ]
    counts, changed = write(store, *page)
    assert counts == Counts(posts_new=1, posts_edited=2, media_hashed=1, media_failed=1)
    assert changed == [post_id(source.id, number) for number in "5132"]
    rows = [the_row(store, source, number) for number in (1, 2, 3, 4, 5)]
    assert [row.revision for row in rows] == [1, 2, 2, 1, 1]
    assert {row.deleted_at for row in rows} == {None}
    shown = [[one.url for one in media_rows(store, source, number)] for number in (1, 2, 3, 4, 5)]
    urls = {name: f"https://cdn.example/{name}.jpg" for name in ("1", "3", "4", "new")}
    assert shown == [[urls["1"]], [], [urls["3"], urls["new"]], [urls["4"]], []]
    with store.read() as db:
        assert [one.name for one in channels.every(db)] == ["somebody"]


def test_of_a_post_that_a_page_shows_twice_the_latter_is_kept_and_all_files_are(
    store: Store, source: Source
) -> None:
    twice = [
        item(source, 1, "@first_name", media=[picture("a"), failed("b")]),
        item(source, 1, "@second_name", media=[picture("c")]),
    ]
    counts, changed = write(store, *twice)
    assert (counts.posts_new, changed) == (2, [post_id(source.id, "1")])
    assert (the_row(store, source).text, the_row(store, source).revision) == ("@second_name", 2)
    assert [row.sha256 for row in media_rows(store, source)] == [digest("c")]
    with store.read() as db:
        assert [one.name for one in channels.every(db)] == ["second_name"]
        assert posts.facts_of_sha256(db, digest("a")) == facts("a")


def test_what_was_not_known_of_a_file_is_completed_and_nothing_else_changed(
    store: Store, source: Source
) -> None:
    with_md5, other = replace(facts("a"), md5="1" * 32), replace(facts("a"), md5="2" * 32, width=1)
    for number, one in enumerate([facts("a"), with_md5, other, facts("a")]):
        write(store, item(source, number, media=[picture("a", facts=one)]))
        with store.read() as db:
            expected = with_md5 if number else facts("a")
            assert posts.facts_of_sha256(db, digest("a")) == expected


def test_what_the_pages_of_a_source_told_is_counted(store: Store, source: Source) -> None:
    full = item(source, 1)
    bare = item(source, 2)
    nameless = replace(bare, post=replace(bare.post, author=None, posted=None, board=None))
    write(store, replace(full, post=replace(full.post, author="gull", board=None)), nameless)
    with store.read() as db:
        assert posts.told(db, source.id) == posts.Told(posts=2, authors=1, times=1, boards=0)
        assert posts.told(db, "another") == posts.Told(0, 0, 0, 0)
