from __future__ import annotations

import time
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.models.item import Item
from monitor.models.post import MediaKind, MediaRef, Post
from monitor.models.source import Source, SourceKind, SourceState
from pipelines.steps import normalise as step
from pipelines.steps.normalise import clean_text, is_web_url, normalise
from tests.fixtures.stock import NOW

SOURCE = Source("s1", SourceKind.TELEGRAM, "@a", None, 900, False, SourceState.OK, "", NOW)
POST = Post(native_id="1", url="https://t.me/a/1")

# Letters, marks, spaces of all kinds, controls, surrogates, directions: what a page may hold.
ODD = st.text(
    st.characters() | st.sampled_from("\u0344\u0301\u0316\u1100\u1161\u2028\x85\ud800 \n")
)


def normalised(**changes: Any) -> Item:
    return normalise(Item(SOURCE, replace(POST, **changes)))


def ref(url: str, **changes: Any) -> MediaRef:
    return MediaRef(url, MediaKind.PHOTO, **changes)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  a\r\nb\t", "a\nb"),
        ("\x00a\x1b[31mb\x9b\x7f", "a[31mb"),
        ("a\ud800b", "ab"),
        ("한글".encode().decode(), "한글"),
        (unicodedata.normalize("NFD", "한글"), "한글"),
        ("\u202eabc", "\u202eabc"),
        ("", ""),
    ],
)
def test_text_is_composed_and_freed_of_what_is_no_text(text: str, clean: str) -> None:
    assert clean_text(text) == clean


def test_no_letter_keeps_more_marks_than_any_language_has() -> None:
    marks = [mark for mark in map(chr, range(0x110000)) if unicodedata.combining(mark)]
    assert len(marks) > 500
    for mark in marks:
        # Some come apart into two, and some are composed with their letter.
        clean = clean_text(f"가a{mark * 100}b")
        assert 29 <= sum(map(bool, map(unicodedata.combining, clean))) <= 30, hex(ord(mark))


@given(ODD)
def test_cleaning_clean_text_changes_nothing(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once
    assert unicodedata.is_normalized("NFC", once)
    once.encode()


@given(ODD, ODD, st.lists(ODD, max_size=3))
def test_a_post_that_is_stored_and_read_again_is_no_edit(
    text: str, name: str, links: list[str]
) -> None:
    first = normalised(text=text, author=name, thread=name, links=tuple(links))
    again = normalise(Item(SOURCE, first.post))
    assert (again.post, again.digest) == (first.post, first.digest)


@pytest.mark.parametrize("tail", [" ", "\n", "\u0301", "\u1161"])
def test_a_cut_text_is_not_cut_differently_when_it_is_read_again(tail: str) -> None:
    for field, longest in (("text", step.MAX_TEXT), ("author", step.MAX_FIELD)):
        long = "a" * (longest - 1) + tail + "b" * 10
        first = normalised(**{field: long})
        assert len(getattr(first.post, field)) <= longest
        assert normalise(Item(SOURCE, first.post)).digest == first.digest


def test_fields_are_one_line_and_short() -> None:
    post = normalised(author=" a\n b\u2028c ", board="x" * 9_999, thread=None).post
    assert post.author == "a b c"
    assert len(post.board or "") == step.MAX_FIELD
    assert post.thread is None


@pytest.mark.parametrize(
    "text",
    ["a" + "\u0300\u0316" * 500_000, "\u0344" * 500_000, " " * 3_000_000, "\ud800" * 3_000_000],
)
def test_monstrous_text_takes_no_time(text: str) -> None:
    started = time.monotonic()
    normalised(text=text, author=text, thread=text)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "url", ["https://a.example/x.jpg", "http://1.2.3.4:81/", "https://예시.한국/", "HTTP://A/"]
)
def test_a_web_address_is_followed(url: str) -> None:
    assert is_web_url(url)


@pytest.mark.parametrize(
    "url",
    ["", "x.jpg", "/x.jpg", "//a/x.jpg", "javascript:alert(1)", "data:image/png;base64,x",
     "file:///etc/passwd", "ftp://a/", "http://", "https:///x", "http://a b/", "http://a/\n",
     "http://a/\x00", "http://a/\ud800", "http://[::1", "http://a:99999/", "http://a:b/",
     "http://a:0/", "http://a/" + "x" * 3_000],
)  # fmt: skip
def test_anything_else_is_not(url: str) -> None:
    assert not is_web_url(url)


def test_links_and_media_that_can_not_be_followed_are_dropped() -> None:
    item = normalised(
        links=("javascript:x", "https://a.example/"),
        media=(ref("data:x"), ref("https://a.example/1.jpg", name="a\x1b\n.jpg")),
    )
    assert item.post.links == ("https://a.example/",)
    assert [one.ref.url for one in item.media] == ["https://a.example/1.jpg"]
    assert item.media[0].ref.name == "a .jpg"


def test_a_page_can_not_give_more_media_or_links_than_the_limits() -> None:
    many = tuple(ref(f"https://a.example/{number}") for number in range(10_000))
    item = normalised(media=many, links=tuple(one.url for one in many))
    assert len(item.media) == step.MAX_MEDIA
    assert len(item.post.links) == step.MAX_LINKS


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "other"},
        {"author": "other"},
        {"thread": "other"},
        {"forwarded_from": "@other"},
        {"links": ("https://other.example/",)},
        {"media": (ref("https://cdn.example/other.jpg?t=1"),)},
        {"media": ()},
    ],
)
def test_an_edit_has_another_digest(changes: dict[str, Any]) -> None:
    base = {"text": "a", "author": "b", "media": (ref("https://cdn.example/a.jpg?t=1"),)}
    assert normalised(**{**base, **changes}).digest != normalised(**base).digest


def test_views_times_and_tokens_in_media_addresses_are_no_edit() -> None:
    first = normalised(media=(ref("https://cdn.example/a.jpg?token=1"),), views=1)
    later = normalised(media=(ref("https://cdn.example/a.jpg?token=2"),), views=900, posted=NOW)
    assert first.digest == later.digest


def test_a_file_with_an_id_is_the_same_wherever_it_is_kept() -> None:
    first = normalised(media=(ref("https://cdn1.example/a", origin_id="tg:1"),))
    assert first.digest == normalised(media=(ref("https://b/x", origin_id="tg:1"),)).digest
    assert first.digest != normalised(media=(ref("https://b/x", origin_id="tg:2"),)).digest


def test_the_address_of_a_post_can_be_stored() -> None:
    assert normalised(url="https://a.example/\ud800\x00" + "x" * 9_999).post.url == (
        "https://a.example/" + "x" * (step.MAX_URL - 18)
    )


@pytest.mark.parametrize(
    ("views", "kept"), [(None, None), (0, 0), (7, 7), (10**30, step.MAX_VIEWS)]
)
def test_more_views_than_a_store_can_count_are_as_many_as_it_can(
    views: int | None, kept: int | None
) -> None:
    assert normalised(views=views).post.views == kept
