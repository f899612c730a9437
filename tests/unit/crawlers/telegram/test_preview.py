"""Preview pages as a person would read them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.telegram.preview import ChannelInfo, PreviewPage, PreviewState, read
from monitor.errors import SourceChanged
from monitor.models.post import MediaKind, Post

TESTS = Path(__file__).resolve().parents[3]
FIXTURES = TESTS / "fixtures" / "telegram"
REAL = TESTS.parent / "../shared/data/tme"
URL = "https://t.me/s/piernews"

real_pages = pytest.mark.skipif(not REAL.is_dir(), reason="real pages are not in the project")


def page(name: str) -> PreviewPage:
    return read((FIXTURES / f"{name}.html").read_text(encoding="utf-8"), URL)


def post(id_: int) -> Post:
    return next(post for post in page("channel").posts if post.native_id == str(id_))


def real(name: str) -> PreviewPage:
    return read((REAL / name).read_text(encoding="utf-8"), URL)


def test_the_page_accounts_for_service_messages_and_album_members() -> None:
    read_page = page("channel")
    assert read_page.state is PreviewState.POSTS
    assert read_page.ids == (70, 71, 80, 81, 83, 85, 86, 87)
    assert [post.native_id for post in read_page.posts] == ["70", "71", "80", "85", "86", "87"]


def test_the_cursor_is_the_pagers_and_never_the_pages_own() -> None:
    assert page("channel").older_before == 70
    html = '<link rel="canonical" href="/s/a?before=9"><div class=tgme_channel_info></div>'
    message = '<div class="tgme_widget_message" data-post="a/3"></div>'
    assert read(html + message, URL).older_before is None
    assert read('<link rel="prev" href="/s/a?before=3">' + message, URL).older_before == 3


def test_the_header_names_the_channel_in_its_own_case() -> None:
    assert page("channel").channel == ChannelInfo("PierNews", "Pier news", -12345, 2650)


def test_a_post_gives_its_own_words_and_not_those_it_answers() -> None:
    found = post(71)
    assert found.url == "https://t.me/PierNews/71"
    assert found.text == "Fog 🌫\n\n#pier weather"
    assert found.links == ("https://weather.example/",)
    assert found.posted == datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
    assert (found.author, found.edited, found.views) == ("Mina", True, 4200)
    assert (found.forwarded_from, found.reply_to) == ("https://t.me/boats/512", "60")


def test_a_post_gives_its_own_picture_and_apart_from_it_that_of_the_page_it_links_to() -> None:
    photo, linked = post(71).media
    assert linked.kind is MediaKind.LINK_PREVIEW
    assert linked.url.startswith("https://cdn1.telesco.pe/file/preview-")
    assert photo.kind is MediaKind.PHOTO
    assert photo.url.startswith("https://cdn1.telesco.pe/file/photo-seventy-one-")
    assert photo.origin_id is not None
    assert photo.origin_id.startswith("tme:photo-seventy-one-")
    assert photo.origin_id.endswith(".jpg")


def test_an_album_is_one_post_with_all_its_media() -> None:
    found = post(80)
    assert found.member_ids == ("81", "83")
    assert [media.kind for media in found.media] == [
        MediaKind.PHOTO,
        MediaKind.PHOTO,
        MediaKind.VIDEO_THUMB,
        MediaKind.VIDEO,
    ]
    assert found.media[-1].origin_id is None
    assert found.text == "Three of them"
    assert found.forwarded_from == "A hidden one"
    assert found.author == "Pier news"
    assert not found.edited


def test_stickers_and_round_videos_are_media_and_documents_are_named() -> None:
    assert [media.kind for media in post(85).media] == [MediaKind.STICKER]
    assert [media.kind for media in post(86).media] == [MediaKind.VIDEO_THUMB, MediaKind.VIDEO]
    (document,) = post(87).media
    assert (document.kind, document.name) == (MediaKind.DOCUMENT, "notes.pdf")
    assert document.url == "https://t.me/PierNews/87"


def test_polls_places_and_voices_are_read() -> None:
    message = '<div class="tgme_widget_message" data-post="a/3">{}</div>'
    poll = (
        '<div class="tgme_widget_message_poll"><div class="tgme_widget_message_poll_question">Fog?'
        '</div><a class="tgme_widget_message_poll_options"><div class="'
        'tgme_widget_message_poll_option_text">Yes</div><div class="'
        'tgme_widget_message_poll_option_text">No</div></a></div>'
    )
    (asked,) = read(message.format(poll), URL).posts
    assert asked.text == "Fog?\nYes\nNo"
    place = (
        '<a class="tgme_widget_message_location_wrap" href="https://maps.google.com/maps?q=1,2">'
    )
    (placed,) = read(message.format(place), URL).posts
    assert placed.links == ("https://maps.google.com/maps?q=1,2",)
    voice = '<audio class="tgme_widget_message_voice" src="https://cdn4.telesco.pe/file/x.ogg?t=1">'
    (spoken,) = read(message.format(voice), URL).posts
    assert [media.kind for media in spoken.media] == [MediaKind.SOUND]


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("group", PreviewState.GROUP),
        ("no_preview", PreviewState.NO_PREVIEW),
        ("absent", PreviewState.ABSENT),
        ("no_posts_found", PreviewState.EMPTY_UNKNOWN),
    ],
)
def test_a_page_without_posts_tells_why(name: str, state: PreviewState) -> None:
    assert page(name).state is state


def test_an_unknown_page_is_a_changed_page() -> None:
    with pytest.raises(SourceChanged):
        read("<html><body>telegram.org</body></html>", URL)


@pytest.mark.parametrize("view", ["", "!!", "eyJj", "W10", "W1tbW1tb", "eyJjIjp0cnVlfQ"])
def test_a_broken_channel_id_is_none(view: str) -> None:
    html = f'<div class="tgme_widget_message" data-post="a/3" data-view="{view}"></div>'
    channel = read(html, URL).channel
    assert channel is not None
    assert channel.id is None


@real_pages
@pytest.mark.parametrize(
    ("name", "id_", "kinds"),
    [
        ("audio_document", "12", ["document"]),
        ("audio_message", "13", ["sound"]),
        ("forwarded_text_message", "89", []),
        ("location_message", "10", []),
        ("multimedia_message", "84", ["video_thumb", "video", "photo"] * 2),
        ("photo_single", "16", ["photo"]),
        ("round_video_single", "17", ["video_thumb", "video"]),
        ("service_message_channel_video_changed", "82", []),
        ("sticker_message", "9", ["sticker"]),
        ("text_message_link_with_regular_preview", "94", ["link_preview"]),
        ("text_reply_to_video", "20", []),
        ("video_big", "5343", ["video_thumb"]),
        ("video_single", "18", ["video_thumb", "video"]),
    ],
)
def test_a_real_message_shows_what_it_shows(name: str, id_: str, kinds: list[str]) -> None:
    (found,) = real(f"tchan/{name}.html").posts
    assert found.native_id == id_
    assert [media.kind.value for media in found.media] == kinds
    assert found.posted is not None
    assert found.author


@real_pages
def test_real_texts_are_read_as_they_stand() -> None:
    multiline = real("tchan/text_message_multiline.html").posts[0]
    assert multiline.text == "Bigger\ntext\nmessage\nnumber\n34"
    signed = real("tchan/signed_edited_text_message.html").posts[0]
    assert (signed.author, signed.edited) == ("Álvaro Justen", True)
    answer = real("tchan/text_reply_to_video.html").posts[0]
    assert (answer.text, answer.reply_to) == ("Reply to a video (not recorded in telegram)", "19")
    forward = real("tchan/forwarded_text_message.html").posts[0]
    assert forward.forwarded_from == "https://t.me/some_user"
    newest = real("warodan/A01-s-durov.523.trimmed.html")
    assert newest.posts[0].text == "⌚️ A fully native Telegram app for Apple Watch is out."
    assert (newest.posts[0].views, newest.older_before) == (12_500_000, 523)


@real_pages
def test_real_service_messages_are_accounted_for_and_are_no_posts() -> None:
    for name, id_ in (("channel_created", 1), ("pinned", 92)):
        read_page = real(f"tchan/service_message_{name}.html")
        assert (read_page.ids, read_page.posts) == ((id_,), ())


@real_pages
def test_a_real_new_picture_of_a_channel_is_a_post() -> None:
    [shown] = real("tchan/service_message_channel_photo_updated.html").posts
    assert (shown.native_id, shown.text) == ("3", "Channel photo updated")
    [picture] = shown.media
    assert picture.kind is MediaKind.PHOTO
    assert picture.url.startswith("https://cdn1.telegram-cdn.org/file/DL-kc")


def test_a_new_picture_of_the_channel_is_a_post() -> None:
    shown = post(70)
    assert shown.text == "Channel photo updated"
    assert [one.kind for one in shown.media] == [MediaKind.PHOTO]


def test_reactions_are_counted_by_what_stands_for_them() -> None:
    html = """<div class="tgme_widget_message" data-post="a/3">
    <div class="tgme_widget_message_reactions"><span class="tgme_reaction tgme_reaction_paid">
    <i class="icon icon-telegram-stars"></i>7.03K</span><span class="tgme_reaction">
    <i class="emoji"><b>👍</b></i>1.5K</span><span class="tgme_reaction">
    <tg-emoji emoji-id="54655"></tg-emoji>12</span><span class="tgme_reaction">?</span>
    </div></div>"""
    [shown] = read(html, URL).posts
    assert shown.reactions == {"paid": 7_030, "👍": 1_500, "54655": 12}


@real_pages
def test_real_pages_without_posts_tell_why() -> None:
    assert real("tchan/no_posts_found.html").state is PreviewState.EMPTY_UNKNOWN
    assert real("warodan/live-s-durov-q-nohits.trimmed.html").state is PreviewState.EMPTY_UNKNOWN
    assert real("warodan/C02-landing-nonexistent.trimmed.html").state is PreviewState.ABSENT
    info = real("tchan/channel_info.html").channel
    assert info == ChannelInfo("tchantest", "tchan's test channel 👍", None, 1)
