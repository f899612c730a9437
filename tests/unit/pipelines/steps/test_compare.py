from __future__ import annotations

from monitor.models.item import Change
from monitor.models.source import Source
from monitor.store import posts
from pipelines.services import Services
from pipelines.steps.compare import compare
from tests.fixtures.stock import NOW, failed, item, new_source, picture


def test_a_post_that_is_not_stored_is_new(services: Services, source: Source) -> None:
    one = item(source, 1, media=[picture("a")])
    assert compare(one, services) == one


def test_a_post_with_another_digest_is_edited_and_its_media_are_looked_at(
    services: Services, source: Source
) -> None:
    with services.store.write() as db:
        posts.write(db, [item(source, 1, "before")], NOW)
    found = compare(item(source, 1, "after", media=[picture("a")]), services)
    assert (found.change, len(found.media)) == (Change.EDITED, 1)


def test_a_post_that_is_the_same_costs_nothing_more(services: Services, source: Source) -> None:
    one = item(source, 1, media=[picture("a")])
    with services.store.write() as db:
        posts.write(db, [one], NOW)
    found = compare(one, services)
    assert (found.change, found.media) == (Change.SAME, ())


def test_the_same_post_with_media_to_try_again_has_them_tried(
    services: Services, source: Source
) -> None:
    one = item(source, 1, media=[failed("a")])
    with services.store.write() as db:
        posts.write(db, [one], NOW)
    found = compare(one, services)
    assert (found.change, found.media) == (Change.SAME, one.media)


def test_the_same_number_in_another_source_is_another_post(
    services: Services, source: Source
) -> None:
    with services.store.write() as db:
        posts.write(db, [item(source, 1)], NOW)
        other = new_source(db, "@other")
    assert compare(item(other, 1), services).change is Change.NEW
