from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monitor.errors import StoreError
from monitor.locks import hold
from monitor.models.frames import Frames, dump, row_type
from monitor.models.match import Moment
from monitor.search import drain as index
from monitor.search.base import Query, SearchDoc
from monitor.search.sqlite import SqliteIndex
from monitor.settings import Settings
from monitor.store import findings, outbox, posts, sources
from monitor.store.store import Store
from tests.fixtures.stock import (
    ALERTING,
    NOW,
    StoppedClock,
    found,
    item,
    match,
    new_source,
    new_store,
    open_case,
    picture,
    settings_of,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path)
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


def write(store: Store, *texts: str) -> None:
    with store.write() as db:
        source = sources.find(db, "@channel") or new_source(db)
        items = [item(source, number, text) for number, text in enumerate(texts, 1)]
        _, changed = posts.write(db, items, NOW)
        outbox.enqueue(db, outbox.POST, changed, NOW)


def drain(store: Store, settings: Settings) -> int:
    return index.drain(store, settings, clock=StoppedClock())


def hits(settings: Settings, text: str = "") -> list[str]:
    opened = index.open_index(settings)
    try:
        return sorted(hit.doc.text for hit in opened.search(Query(text=text)).hits)
    finally:
        opened.close()


def test_what_waits_is_taken_over_once(store: Store, settings: Settings) -> None:
    write(store, "합성사진 모음", "다른 이야기")
    assert drain(store, settings) == 2
    assert drain(store, settings) == 0
    assert hits(settings, "사진") == ["합성사진 모음"]


def test_nothing_that_waits_opens_no_index(store: Store, settings: Settings) -> None:
    assert drain(store, settings) == 0
    assert not settings.search_path.exists()


def test_an_edit_replaces_what_was_indexed(store: Store, settings: Settings) -> None:
    for text in ("before", "after"):
        write(store, text)
        drain(store, settings)
    assert hits(settings) == ["after"]


def test_a_finding_is_indexed_with_its_post(store: Store, settings: Settings) -> None:
    with store.write() as db:
        (key,) = found(db)
        outbox.enqueue(db, outbox.FINDING, [key, "d-none"], NOW)
    assert drain(store, settings) == 2
    assert hits(settings) == ["case-1 strong new"]


def test_a_crash_between_index_and_outbox_loses_and_doubles_nothing(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, "one", "two")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "done", killed)
        with pytest.raises(KeyboardInterrupt):
            drain(store, settings)
    assert hits(settings) == ["one", "two"]
    assert drain(store, settings) == 2
    assert hits(settings) == ["one", "two"]


def test_what_comes_in_while_it_works_is_taken_too(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, "one")
    real = SqliteIndex.upsert

    def slow(self: SqliteIndex, docs: Sequence[SearchDoc]) -> None:
        monkeypatch.setattr(SqliteIndex, "upsert", real)
        write(store, "one", "two")
        real(self, docs)

    monkeypatch.setattr(SqliteIndex, "upsert", slow)
    assert drain(store, settings) == 3
    assert hits(settings) == ["one", "two"]


def test_a_document_that_the_index_refuses_is_put_aside_and_the_others_are_taken(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, "good", "bad", "fine")
    real = SqliteIndex.upsert

    def picky(self: SqliteIndex, docs: Sequence[SearchDoc]) -> None:
        if any(doc.text == "bad" for doc in docs):
            raise ValueError("too long")
        real(self, docs)

    monkeypatch.setattr(SqliteIndex, "upsert", picky)
    assert drain(store, settings) == 3
    assert hits(settings) == ["fine", "good"]
    with store.read() as db:
        ((kind, _, reason),) = outbox.dead(db)
    assert (kind, reason) == ("post", "too long")


def test_a_damaged_index_leaves_everything_waiting(store: Store, settings: Settings) -> None:
    write(store, "one")
    settings.search_path.write_bytes(b"this is no index" * 500)
    with pytest.raises(StoreError, match="index rebuild"):
        drain(store, settings)
    with store.read() as db:
        assert outbox.backlog(db)[0] == 1
    settings.search_path.unlink()
    assert drain(store, settings) == 1


@pytest.mark.parametrize("content", [None, b"", b"this is no index" * 500])
def test_a_reset_removes_the_index_and_has_everything_indexed_anew(
    store: Store, settings: Settings, content: bytes | None
) -> None:
    write(store, "one", "two")
    drain(store, settings)
    if content is not None:
        settings.search_path.write_bytes(content)
    index.reset(store, settings, clock=StoppedClock())
    assert list(settings.search_path.parent.glob("search.db*")) == []
    assert drain(store, settings) == 2
    assert hits(settings) == ["one", "two"]


def test_a_reset_waits_for_an_indexing_that_is_at_work(store: Store, settings: Settings) -> None:
    write(store, "one")
    drain(store, settings)
    thread = threading.Thread(target=index.reset, args=(store, settings))
    with hold(settings.state_folder, "index", what="a test"):
        thread.start()
        thread.join(timeout=0.2)
        assert thread.is_alive()
        assert settings.search_path.exists()
    thread.join()
    assert not settings.search_path.exists()


def test_an_indexing_that_is_told_to_stop_leaves_the_rest_for_the_next(
    store: Store, settings: Settings
) -> None:
    write(store, "one")
    assert index.drain(store, settings, clock=StoppedClock(), stop=lambda: True) == 0
    assert drain(store, settings) == 1


def test_a_finding_in_a_video_and_its_post_carry_when_and_how_long(
    store: Store, settings: Settings
) -> None:
    clip = picture("v")
    assert clip.facts
    frames = dump(Frames(np.zeros(2, row_type(1)), 94_500, 9))
    moment = Moment(start_s=12.5, end_s=20.0, share=0.1, length_s=94.5)
    with store.write() as db:
        open_case(db)
        source = new_source(db)
        media = [replace(clip, facts=replace(clip.facts, frames=frames)), picture("w")]
        _, changed = posts.write(db, [item(source, 1, media=media)], NOW)
        (key,) = findings.add(
            db,
            source_id=source.id,
            post_id=changed[0],
            matches=[replace(match("case-1", "v"), moment=moment)],
            alerting=ALERTING,
            now=NOW,
        )
        outbox.enqueue(db, outbox.POST, changed, NOW)
        outbox.enqueue(db, outbox.FINDING, [key], NOW)
    drain(store, settings)
    opened = index.open_index(settings)
    try:
        extras = {hit.doc.kind: hit.doc.extra for hit in opened.search(Query()).hits}
    finally:
        opened.close()
    assert extras["post"]["video_s"] == 94.5
    told = [extras["finding"][name] for name in ("method", "start_s", "end_s", "length_s")]
    assert told == ["pdq", 12.5, 20.0, 94.5]
    assert extras["finding"]["clip_start_s"] is None
