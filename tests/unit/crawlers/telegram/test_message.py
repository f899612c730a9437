from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl import types

from crawlers.telegram.message import (
    LINKED,
    THUMB,
    WHOLE,
    Page,
    file_of,
    in_albums,
    is_copy_of_post,
    to_post,
)
from monitor.models.post import MediaKind, Post

WHEN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HERE = types.PeerChannel(101)
STICKER = types.DocumentAttributeSticker("🙂", types.InputStickerSetEmpty())


def channel(number: int = 101, **more: Any) -> types.Channel:
    given = {"title": "News", "username": "News_One", "access_hash": 5} | more
    return types.Channel(number, photo=types.ChatPhotoEmpty(), date=WHEN, **given)


def message(number: int = 7, text: str = "소식", **more: Any) -> types.Message:
    return types.Message(number, HERE, WHEN, text, **more)


def read(*album: Any, **around: Any) -> Post:
    found = to_post(list(album), page(**around))
    assert found is not None
    return found


def page(shown: types.Channel | None = None, **around: Any) -> Page:
    chats = {one.id: one for one in around.get("chats", ())}
    users = {one.id: one for one in around.get("users", ())}
    return Page(shown or channel(), [], chats, users)


def size(kind: str, side: int, stored: int = 100) -> types.PhotoSize:
    return types.PhotoSize(kind, side, side, stored)


def photo(number: int = 9, *sizes: Any) -> types.MessageMediaPhoto:
    given = list(sizes) or [types.PhotoStrippedSize("i", b"x"), size("m", 320), size("y", 1_280)]
    return types.MessageMediaPhoto(photo=types.Photo(number, 1, b"ref", WHEN, given, 2))


def document(mime: str, *attributes: Any, thumbs: Any = None) -> types.MessageMediaDocument:
    stored = types.Document(33, 1, b"ref", WHEN, mime, 5_000, 4, list(attributes), thumbs)
    return types.MessageMediaDocument(document=stored)


def kinds(post: Post) -> list[MediaKind]:
    return [one.kind for one in post.media]


def test_a_channel_without_a_name_is_linked_by_its_number() -> None:
    assert read(message()).url == "https://t.me/News_One/7"
    nameless = read(message(), shown=channel(username=None))
    assert nameless.url == "https://t.me/c/101/7"
    other = types.Username("second", active=True)
    assert read(message(), shown=channel(username=None, usernames=[other])).url.endswith("second/7")


def test_an_album_is_one_post_with_its_words_wherever_they_are() -> None:
    album = [
        message(8, "", grouped_id=5, media=photo(1), views=10),
        message(7, "", grouped_id=5, media=photo(2), views=12),
        message(9, "설명", grouped_id=5, media=photo(3)),
        message(10, "다음"),
    ]
    first, second = in_albums(album)
    post = read(*first)
    assert (post.native_id, post.member_ids, post.text) == ("7", ("8", "9"), "설명")
    assert [one.url for one in post.media] == [
        f"https://t.me/News_One/{number}?single" for number in (7, 8, 9)
    ]
    assert [one.origin_id for one in post.media] == ["tg:photo:2", "tg:photo:1", "tg:photo:3"]
    assert post.views == 12
    assert [one.id for one in second] == [10]


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ({"from_id": types.PeerChannel(103), "channel_post": 5}, "https://t.me/origin/5"),
        ({"from_id": types.PeerChannel(103)}, "https://t.me/origin"),
        ({"from_id": types.PeerChannel(999), "channel_post": 5}, "https://t.me/c/999/5"),
        ({"from_name": "Somebody"}, "Somebody"),
        ({"from_id": types.PeerUser(50)}, "@reader"),
        ({"from_id": types.PeerUser(51)}, "user 51"),
        ({}, None),
    ],
)
def test_a_forward_names_its_origin(origin: dict[str, Any], expected: str | None) -> None:
    forward = types.MessageFwdHeader(WHEN, **origin)
    around = {
        "chats": [channel(103, username="origin")],
        "users": [types.User(50, username="reader")],
    }
    assert read(message(fwd_from=forward), **around).forwarded_from == expected


def test_words_behind_links_and_polls_and_places_are_read() -> None:
    text = "🙂 가나 example.org 여기"
    entities = [
        types.MessageEntityUrl(offset=6, length=11),
        types.MessageEntityTextUrl(offset=18, length=2, url="https://t.me/other/1"),
        types.MessageEntityBold(offset=900, length=-4),
    ]
    assert read(message(text=text, entities=entities)).links == (
        "https://example.org",
        "https://t.me/other/1",
    )

    def words(said: str) -> types.TextWithEntities:
        return types.TextWithEntities(said, [])

    answers = [types.PollAnswer(words("네"), b"0"), types.PollAnswer(words("아니요"), b"1")]
    poll = types.Poll(id=1, question=words("누구?"), answers=answers, hash=0)
    asked = types.MessageMediaPoll(poll=poll, results=types.PollResults())
    assert read(message(text="", media=asked)).text == "누구?\n네\n아니요"
    place = types.MessageMediaGeo(types.GeoPoint(long=126.97, lat=37.56, access_hash=1))
    assert read(message(media=place)).links == ("https://maps.google.com/maps?q=37.56,126.97",)


def test_reactions_are_counted_by_what_stands_for_them() -> None:
    results = [
        types.ReactionCount(types.ReactionEmoji("👍"), 3),
        types.ReactionCount(types.ReactionCustomEmoji(5372), 2),
        types.ReactionCount(types.ReactionPaid(), 1),
    ]
    given = types.MessageReactions(results=results)
    assert read(message(reactions=given)).reactions == {"👍": 3, "5372": 2, "paid": 1}


def test_an_edit_counts_unless_it_is_of_the_reactions_only() -> None:
    assert read(message(edit_date=WHEN)).edited
    assert not read(message(edit_date=WHEN, edit_hide=True)).edited


def test_a_group_s_message_names_who_wrote_it_and_its_thread() -> None:
    group = channel(megagroup=True)
    reply = types.MessageReplyHeader(reply_to_msg_id=5, reply_to_top_id=2)
    writer = types.User(50, first_name="Mina", last_name="Kim")
    post = read(message(from_id=types.PeerUser(50), reply_to=reply), shown=group, users=[writer])
    assert (post.author, post.thread_id, post.reply_to) == ("Mina Kim", "2", "5")
    assert read(message(reply_to=reply)).thread_id is None


def test_telegram_s_copy_of_a_post_in_its_discussion_group_is_known() -> None:
    sender = types.PeerChannel(101)
    forward = types.MessageFwdHeader(
        WHEN, from_id=sender, channel_post=7, saved_from_peer=sender, saved_from_msg_id=7
    )
    assert is_copy_of_post(message(from_id=sender, fwd_from=forward))
    assert not is_copy_of_post(message(from_id=types.PeerUser(50), fwd_from=forward))
    assert not is_copy_of_post(message())


def test_a_new_picture_of_the_channel_is_a_post_and_other_service_messages_are_none() -> None:
    shown = photo().photo
    changed = types.MessageService(7, HERE, WHEN, action=types.MessageActionChatEditPhoto(shown))
    post = read(changed)
    assert (post.text, kinds(post)) == ("Channel photo updated", [MediaKind.PHOTO])
    renamed = types.MessageService(8, HERE, WHEN, action=types.MessageActionChatEditTitle("Newer"))
    assert to_post([renamed], page()) is None


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        (document("image/png"), [MediaKind.PHOTO]),
        (
            document(
                "image/webp", types.DocumentAttributeSticker("🙂", types.InputStickerSetEmpty())
            ),
            [MediaKind.STICKER],
        ),
        (
            document("application/x-tgsticker", STICKER, thumbs=[size("m", 320)]),
            [MediaKind.STICKER],
        ),
        (
            document("video/webm", STICKER, thumbs=[size("m", 320)]),
            [MediaKind.STICKER, MediaKind.STICKER],
        ),
        (
            document("video/mp4", types.DocumentAttributeAnimated()),
            [MediaKind.VIDEO],
        ),
        (
            document("video/mp4", types.DocumentAttributeVideo(3.5, 640, 360)),
            [MediaKind.VIDEO],
        ),
        (
            document(
                "video/mp4",
                types.DocumentAttributeVideo(3.5, 640, 360, round_message=True),
                thumbs=[size("m", 320)],
            ),
            [MediaKind.VIDEO_THUMB, MediaKind.VIDEO],
        ),
        (document("audio/ogg", types.DocumentAttributeAudio(3)), [MediaKind.SOUND]),
        (document("application/pdf"), [MediaKind.FILE]),
        (types.MessageMediaPhoto(), []),
        (types.MessageMediaDocument(), []),
        (types.MessageMediaUnsupported(), []),
        (types.MessageMediaWebPage(types.WebPageEmpty(1)), []),
    ],
)
def test_each_kind_of_media_is_named(media: Any, expected: list[MediaKind]) -> None:
    assert kinds(read(message(media=media))) == expected


def test_the_picture_of_a_linked_page_is_not_the_post_s_own() -> None:
    linked = types.WebPage(
        id=1, url="https://example.org/a", display_url="", hash=0, photo=photo().photo
    )
    post = read(message(media=types.MessageMediaWebPage(linked)))
    assert (kinds(post), post.links) == ([MediaKind.LINK_PREVIEW], ("https://example.org/a",))


def test_of_a_photo_the_largest_still_picture_is_fetched() -> None:
    shown = photo(
        9,
        types.PhotoStrippedSize("i", b"x"),
        types.PhotoSizeProgressive("y", 1_280, 960, [500, 90_000]),
        size("x", 800),
        types.VideoSize("v", 1_280, 1_280, 9_000_000),
    )
    found = file_of(message(media=shown), WHOLE)
    assert found is not None
    assert (found.id, found.location.thumb_size, found.dc, found.size) == (9, "y", 2, 90_000)
    assert file_of(message(media=photo(9, types.PhotoStrippedSize("i", b"x"))), WHOLE) is None


def test_of_a_document_itself_or_its_picture_is_fetched() -> None:
    video = message(media=document("video/mp4", thumbs=[size("s", 90), size("m", 320)]))
    thumb, whole = file_of(video, THUMB), file_of(video, WHOLE)
    assert thumb is not None
    assert whole is not None
    assert (thumb.location.thumb_size, whole.location.thumb_size) == ("m", "")
    assert (whole.size, whole.dc) == (5_000, 4)
    assert file_of(video, LINKED) is None
    assert file_of(None, WHOLE) is None
