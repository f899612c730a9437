from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.cli.search import parse_time
from monitor.errors import Misuse
from monitor.models.frames import Frames, dump, row_type
from monitor.store import outbox, posts, sources
from monitor.store.store import Store
from tests.fixtures.stock import NOW, digest, failed, item, new_source, picture

Haechi = Callable[..., Any]

# What a post may say to the terminal of whoever reads it.
HOSTILE = (
    "사진 \x1b[2J\x1b]0;owned\x07 [bold red]loud[/bold red] [/] \u202eevil\x9b31m \u2028 :smile:"
)


def write(store: Store, *texts: str, **changes: Any) -> None:
    with store.write() as db:
        source = sources.find(db, "@channel") or new_source(db)
        shown = [
            item(source, number, text, media=[picture(f"p{number}")], **changes)
            for number, text in enumerate(texts, 1)
        ]
        _, changed = posts.write(db, shown, NOW)
        outbox.enqueue(db, outbox.POST, changed, NOW)


@pytest.fixture
def _posts(at_home: Haechi, store: Store) -> None:
    write(store, "어제 올라온 합성사진 모음", "회의는 세 시", "English words here")
    assert at_home("index", "drain").code == 0


@pytest.mark.usefixtures("_posts")
def test_a_part_of_a_korean_word_is_found(at_home: Haechi) -> None:
    (row,) = at_home("search", "사진", "--json").rows
    assert row["text"] == "어제 올라온 합성사진 모음"
    assert row["source"] == "@channel"
    ended = at_home("search", "사진")
    assert "합성사진" in ended.out
    assert "hxxps://t[.]me/channel/1" in ended.out
    assert ended.out.endswith("\n1 post\n")


@pytest.mark.usefixtures("_posts")
@pytest.mark.parametrize(
    ("options", "hits"),
    [
        (("",), 3),
        (("없는말",), 0),
        (("words", "--from", "2026-11-23"), 1),
        (("words", "--from", "2026-11-24"), 0),
        (("words", "--to", "2026-11-23"), 1),
        (("words", "--to", "2026-11-22"), 0),
        (("words", "--from", "2026-11-23T09:00+09:00", "--to", "2026-11-23T18:00+09:00"), 1),
        (("", "--source", "t.me/channel"), 3),
        (("", "--limit", "2"), 2),
        (('"세 시"',), 1),
        (("OR NOT ( * ' \" ;--",), 0),
    ],
)
def test_a_search_is_narrowed_by_words_time_and_source(
    at_home: Haechi, options: tuple[str, ...], hits: int
) -> None:
    ended = at_home("search", *options, "--json")
    assert ended.code == 0
    assert len(ended.rows) == hits


@pytest.mark.parametrize("option", ["--from", "--to"])
@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-11-31", "23.11.2026"])
def test_what_is_no_time_is_misuse(at_home: Haechi, option: str, text: str) -> None:
    ended = at_home("search", "x", option, text)
    assert (ended.code, ended.err.count("\n")) == (2, 1)


@pytest.mark.parametrize("text", ["9999-12-31", "0001-01-01"])
def test_the_ends_of_time_do_no_harm(at_home: Haechi, text: str) -> None:
    for option in ("--from", "--to"):
        assert at_home("search", "x", option, text).code in (0, 2)
    with pytest.raises(Misuse):
        parse_time("9999-12-31", end=True)


@pytest.mark.parametrize("query", ["\udcff\udcfe", "\x00", "\x1b[2J", "x" * 50_000, '"', "\u202e"])
def test_any_query_is_answered(at_home: Haechi, store: Store, query: str) -> None:
    write(store, "text")
    at_home("index", "drain")
    assert at_home("search", query).code == 0


def test_a_damaged_index_is_one_line_and_a_rebuild_repairs_it(
    at_home: Haechi, store: Store, folder: Path
) -> None:
    write(store, "합성사진")
    at_home("index", "drain")
    sound = (folder / "search.db").read_bytes()
    broken = (b"no index at all" * 999, b"SQLite format 3\0" + b"\xff" * 9_000, sound[:9_000])
    for content in broken:
        (folder / "search.db").write_bytes(content)
        ended = at_home("search", "사진")
        assert ended.code == 1
        assert ended.err.count("\n") == 1
        assert "haechi index rebuild" in ended.err
        assert at_home("index", "rebuild").code == 0
        assert len(at_home("search", "사진", "--json").rows) == 1


def test_an_index_that_was_lost_is_told_and_a_rebuild_heals_it(
    at_home: Haechi, store: Store, folder: Path
) -> None:
    write(store, "합성사진", "둘")
    at_home("index", "drain")
    at_home("sources", "pause", "@channel")
    assert at_home("status", "--json").rows[0]["trouble"] == []
    for content in (b"", b"x", b"no index at all" * 99):
        (folder / "search.db").write_bytes(content)
        (trouble,) = at_home("status", "--json").rows[0]["trouble"]
        assert "haechi index rebuild" in trouble
        checks = {row["what"]: row["state"] for row in at_home("doctor", "--json").rows}
        assert checks["search index"] == "error"
        assert at_home("index", "rebuild").code == 0
        assert at_home("status", "--json").rows[0]["trouble"] == []
    (folder / "search.db").unlink()
    assert "only 0 of 2 posts" in at_home("status").out


def test_what_is_not_indexed_yet_is_said(at_home: Haechi, store: Store) -> None:
    write(store, "합성사진")
    ended = at_home("search", "사진")
    assert "not indexed yet: 1 change; haechi index drain" in ended.out
    (row,) = at_home("index", "status", "--json").rows
    assert (row["posts"], row["waiting"]) == (0, 1)
    assert "1 change indexed" in at_home("index", "drain").out
    told = at_home("index", "status").out
    assert told == "indexed: 1 post, 0 findings\nwaiting: 0 changes\n"


def test_what_the_index_refused_is_told_and_tried_again(at_home: Haechi, store: Store) -> None:
    with store.write() as db:
        outbox.bury(db, outbox.POST, "p1", "too long", NOW)
    assert "put aside: post p1: too long" in at_home("index", "status").out
    assert at_home("index", "drain", "--dead").code == 0
    assert at_home("index", "status", "--json").rows[0]["dead"] == []


def harmless(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_hostile_text_is_shown_and_does_not_steer_the_terminal(
    at_home: Haechi, store: Store
) -> None:
    write(store, HOSTILE, author=HOSTILE, board=HOSTILE, thread=HOSTILE, url="https://x/\x1b[2J")
    at_home("index", "drain")
    for command in (("search", "사진"), ("posts",), ("search", "loud"), ("sources", "list")):
        ended = at_home(*command)
        assert ended.code == 0
        assert harmless(ended.out)
    assert "[bold red]loud[/bold red] [/]" in at_home("search", "loud").out
    assert ":smile:" in at_home("search", "loud").out
    assert "[bold red]loud[/bold red]" in at_home("posts").out


def test_hostile_text_in_json_is_whole_and_escaped(at_home: Haechi, store: Store) -> None:
    write(store, HOSTILE + "\n둘째 줄\x85")
    ended = at_home("posts", "--json")
    (row,) = ended.rows
    assert row["text"] == HOSTILE + "\n둘째 줄\x85"
    assert len(ended.out.splitlines()) == 1
    assert harmless(ended.out)
    assert "둘째" in ended.out


def test_posts_are_listed_with_their_media(at_home: Haechi, store: Store) -> None:
    write(store, "하나", "둘")
    first, second = at_home("posts", "--source", "@channel", "--json").rows
    assert (first["id"], first["text"], first["deleted"]) == ("1", "하나", False)
    assert first["media"][0]["status"] == "hashed"
    assert second["source"] == "@channel"


def test_a_search_in_an_index_that_lost_posts_fails_with_what_it_has(
    at_home: Haechi, store: Store, folder: Path
) -> None:
    write(store, "합성사진", "둘")
    at_home("index", "drain")
    (folder / "search.db").unlink()
    with store.write() as db:
        posts.write(db, [item(new_source(db), 3, "사진 셋")], NOW)
        outbox.enqueue(db, outbox.POST, [posts.post_id(new_source(db).id, "3")], NOW)
    at_home("index", "drain")
    for options in ((), ("--json",)):
        ended = at_home("search", "사진", *options)
        assert ended.code == 1
        assert "사진 셋" in ended.out
        assert ended.err == (
            "haechi: the search index has only 1 of 3 posts: haechi index rebuild\n"
        )
    at_home("index", "rebuild")
    assert at_home("search", "사진").code == 0


def test_posts_say_of_videos_how_long_they_are_and_of_which_only_parts_were_had(
    at_home: Haechi, store: Store
) -> None:
    frames = dump(Frames(np.zeros(2, row_type(1)), 94_500, 9))
    plain, cut = picture("a"), picture("b")
    assert plain.facts
    assert cut.facts
    media = [
        replace(plain, facts=replace(plain.facts, frames=frames)),
        replace(cut, facts=replace(cut.facts, frames=frames, partial=True)),
        picture("c"),
        failed("d"),
    ]
    with store.write() as db:
        posts.write(db, [item(new_source(db), 1, media=media)], NOW)
    (row,) = at_home("posts", "--json").rows
    told = [(one["duration_s"], one["whole"]) for one in row["media"]]
    assert told == [(94.5, True), (94.5, False), (None, True), (None, None)]
    ids = [digest("a"), digest("b"), digest("c"), None]
    assert [one["id"] for one in row["media"]] == ids
    assert [one["sha256"] for one in row["media"]] == [ids[0], None, ids[2], None]
