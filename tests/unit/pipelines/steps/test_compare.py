from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.models.item import Change, Item, MediaItem
from monitor.models.media import MediaStatus
from monitor.models.source import Source
from monitor.store import posts
from pipelines.services import Services
from pipelines.steps.compare import compare
from tests.fixtures.stock import NOW, facts, failed, item, new_source, picture


def test_a_post_that_is_not_stored_is_new(services: Services, source: Source) -> None:
    one = item(source, 1, media=[picture("a")])
    assert compare([one], services) == [one]


def test_a_post_with_another_digest_is_edited_and_its_media_are_looked_at(
    services: Services, source: Source
) -> None:
    with services.store.write() as db:
        posts.write(db, [item(source, 1, "before")], NOW)
    (found,) = compare([item(source, 1, "after", media=[picture("a")])], services)
    assert (found.change, len(found.media)) == (Change.EDITED, 1)


def test_a_post_that_is_the_same_costs_nothing_more(services: Services, source: Source) -> None:
    one = item(source, 1, media=[picture("a")])
    with services.store.write() as db:
        posts.write(db, [one], NOW)
    (found,) = compare([one], services)
    assert (found.change, found.media) == (Change.SAME, ())


def test_the_same_post_with_media_to_try_again_has_them_tried(
    services: Services, source: Source
) -> None:
    one = item(source, 1, media=[failed("a")])
    with services.store.write() as db:
        posts.write(db, [one], NOW)
    (found,) = compare([one], services)
    assert (found.change, found.media) == (Change.SAME, one.media)


def test_the_same_number_in_another_source_is_another_post(
    services: Services, source: Source
) -> None:
    with services.store.write() as db:
        posts.write(db, [item(source, 1)], NOW)
        other = new_source(db, "@other")
    (found,) = compare([item(other, 1)], services)
    assert found.change is Change.NEW


@pytest.mark.parametrize("text", ["text", "after"])
def test_pictures_that_were_hashed_keep_their_facts_and_the_others_are_looked_at(
    services: Services, source: Source, text: str
) -> None:
    with services.store.write() as db:
        posts.write(db, [item(source, 1, media=[picture("a"), failed("b")])], NOW)
    shown = [MediaItem(picture(name).ref) for name in ("b", "a", "c")]
    (found,) = compare([item(source, 1, text, media=shown)], services)
    kept = MediaItem(shown[1].ref, status=MediaStatus.HASHED, facts=facts("a"), known=True)
    assert found.media == (shown[0], kept, shown[2])


def test_a_picture_is_the_same_by_its_sites_id_whatever_token_its_address_carries(
    services: Services, source: Source
) -> None:
    before, after = (
        replace(picture("a").ref, url=f"https://cdn.example/a.jpg?token={token}", origin_id="tg:1")
        for token in (1, 2)
    )
    with services.store.write() as db:
        posts.write(db, [item(source, 1, media=[picture("a", ref=before)])], NOW)
    (found,) = compare([item(source, 1, "after", media=[MediaItem(after)])], services)
    (one,) = found.media
    assert (one.ref, one.facts, one.known) == (after, facts("a"), True)


def test_the_facts_of_another_posts_picture_are_not_taken_by_its_address(
    services: Services, source: Source
) -> None:
    with services.store.write() as db:
        posts.write(db, [item(source, 1, media=[picture("a")]), item(source, 2)], NOW)
    shown = MediaItem(picture("a").ref)
    (found,) = compare([item(source, 2, "after", media=[shown])], services)
    assert found.media == (shown,)


def test_each_post_of_a_page_is_compared_with_itself(services: Services, source: Source) -> None:
    with services.store.write() as db:
        posts.write(
            db, [item(source, n, media=[picture(f"{n}"), failed("x")]) for n in (1, 2)], NOW
        )
    shown = [MediaItem(picture(name).ref) for name in ("1", "2")]
    page = [
        item(source, 3, media=shown),
        item(source, 2, "after", media=shown),
        item(source, 1, media=shown),
    ]
    found = compare(page, services)
    assert [one.post for one in found] == [one.post for one in page]
    assert [one.change for one in found] == [Change.NEW, Change.EDITED, Change.SAME]
    assert [[one.facts for one in post.media] for post in found] == [
        [None, None],
        [None, facts("2")],
        [facts("1"), None],
    ]
    assert compare([], services) == []


def shown_by(one: Item, via: str, *, edited: bool = False) -> Item:
    return replace(one, post=replace(one.post, via=via, edited=edited))


def test_what_another_way_of_reading_shows_differently_is_the_same_post(
    services: Services, source: Source
) -> None:
    with services.store.write() as db:
        posts.write(db, [shown_by(item(source, 1, "a", media=[picture("a")]), "account")], NOW)
    other = shown_by(item(source, 1, "b", media=[picture("b")]), "preview")
    (found,) = compare([other], services)
    assert (found.change, found.media) == (Change.SAME, ())
    (found,) = compare([shown_by(other, "account")], services)
    assert found.change is Change.EDITED


def test_an_edit_that_another_way_of_reading_tells_of_is_one(
    services: Services, source: Source
) -> None:
    with services.store.write() as db:
        posts.write(db, [shown_by(item(source, 1, "a"), "account")], NOW)
    edited = shown_by(item(source, 1, "b"), "preview", edited=True)
    (found,) = compare([edited], services)
    assert found.change is Change.EDITED
    with services.store.write() as db:
        posts.write(db, [found], NOW)
    # Told once.
    (found,) = compare([shown_by(item(source, 1, "c"), "account", edited=True)], services)
    assert found.change is Change.SAME


def test_a_picture_that_one_way_could_not_fetch_is_fetched_by_the_other(
    services: Services, source: Source
) -> None:
    with services.store.write() as db:
        posts.write(db, [shown_by(item(source, 1, "a", media=[failed("a")]), "account")], NOW)
    (found,) = compare([shown_by(item(source, 1, "b", media=[picture("b")]), "preview")], services)
    assert (found.change, len(found.media)) == (Change.SAME, 1)
