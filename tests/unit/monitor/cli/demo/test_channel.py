import base64
import json
import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError

import pytest
from parsel import Selector

from monitor.cli.demo import channel_pages
from monitor.cli.demo.channel import Channel, Forward, LinkPreview, Video
from monitor.cli.demo.pictures import Encoded, photograph, recompressed
from monitor.cli.demo.site import Site

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
PICTURES = [recompressed(photograph(seed, (200, 250))) for seed in range(3)]
MESSAGE = "div.tgme_widget_message[data-post]"


class World:
    """A channel on a site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.channel = Channel("Haechi_Test", "시험 채널", avatar=PICTURES[0], subscribers=2650)
        channel_pages.serve((self.channel,), site)
        self.client = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> Selector:
        with self.client.open(self.site.url + path) as response:
            self.final = response.geturl().removeprefix(self.site.url)
            return Selector(response.read().decode())

    def page(self, query: str = "") -> Selector:
        return self.get(f"/s/haechi_test{query}")

    def last(self) -> Selector:
        return self.page().css(MESSAGE)[-1]

    def fetch(self, url: str) -> bytes:
        with self.client.open(url) as response:
            body: bytes = response.read()
            return body


@pytest.fixture
def world() -> Iterator[World]:
    with Site() as site:
        yield World(site)
    assert site.errors == []


def background(node: Selector) -> str:
    found = re.search(r"background-image:url\('([^']+)'\)", node.attrib["style"])
    assert found is not None
    return found[1]


def ids(page: Selector) -> list[int]:
    return [
        int(post.rpartition("/")[2]) for post in page.css(f"{MESSAGE}::attr(data-post)").getall()
    ]


def test_pages_of_twenty_are_walked_by_before_down_to_the_oldest(world: World) -> None:
    for number in range(45):
        world.channel.post(NOW + timedelta(minutes=number), f"글 {number}")
    page = world.page()
    assert ids(page) == list(range(26, 46))
    assert page.css("link[rel=prev]::attr(href)").get() == "/s/Haechi_Test?before=26"
    assert page.css("link[rel=canonical]::attr(href)").get() == "/s/Haechi_Test?before=46"
    pager = page.css("a.tme_messages_more")
    assert [a.attrib.get("data-before") for a in pager] == ["26"]
    assert ids(world.get(pager[0].attrib["href"])) == list(range(6, 26))
    oldest = world.page("?before=6")
    assert ids(oldest) == [1, 2, 3, 4, 5]
    assert not oldest.css("[data-before], link[rel=prev]")
    assert oldest.css("a.tme_messages_more::attr(data-after)").getall() == ["5"]


def test_after_gives_the_next_newer_ones(world: World) -> None:
    for _ in range(30):
        world.channel.post(NOW, "글")
    page = world.page("?after=4")
    assert ids(page) == list(range(5, 25))
    assert page.css("[data-after]::attr(data-after)").get() == "24"
    assert ids(world.page("?after=24")) == list(range(25, 31))
    assert not world.page("?after=24").css("[data-after]")
    assert ids(world.page("/12")) == list(range(3, 23))


@pytest.mark.parametrize("query", ["?before=1", "?after=2", "?q=nothing"])
def test_no_result_is_a_notice_in_a_wrap_without_a_post(world: World, query: str) -> None:
    world.channel.post(NOW, "글")
    world.channel.post(NOW, "글")
    page = world.page(query)
    wrap = page.css(".tgme_widget_message_wrap")
    assert wrap.css(".tme_no_messages_found::text").get() == "No posts found"
    assert not page.css("[data-post], .tme_messages_more")
    empty = channel_pages.empty_page(world.channel)
    assert isinstance(empty.body, bytes)
    assert b"No posts found" in empty.body


def test_a_photo_is_a_background_with_a_long_address_that_serves_it(world: World) -> None:
    world.channel.post(NOW, "사진", [PICTURES[1]])
    (photo,) = world.last().css("a.tgme_widget_message_photo_wrap")
    assert photo.attrib["href"] == "https://t.me/Haechi_Test/1"
    url = background(photo)
    assert re.fullmatch(re.escape(world.site.url) + r"/file/[\w-]{300,}\.jpg", url)
    assert background(world.last().css("a.tgme_widget_message_photo_wrap")[0]) == url
    assert world.fetch(url) == PICTURES[1].data


def test_an_album_is_one_message_whose_links_name_its_members(world: World) -> None:
    world.channel.post(NOW, "앨범", PICTURES)
    world.channel.post(NOW, "다음")
    page = world.page()
    assert ids(page) == [1, 4]
    album = page.css(MESSAGE)[0]
    photos = album.css(".tgme_widget_message_grouped_layer > a.grouped_media_wrap")
    assert [photo.attrib["href"] for photo in photos] == [
        f"https://t.me/Haechi_Test/{number}?single" for number in (1, 2, 3)
    ]
    assert [world.fetch(background(photo)) for photo in photos] == [p.data for p in PICTURES]
    packed = album.attrib["data-view"]
    view = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    assert (view["c"], view["p"]) == (-world.channel.id, "1g")


def test_text_keeps_lines_links_hashtags_and_emoji_and_escapes_the_rest(world: World) -> None:
    world.channel.post(NOW, "첫 줄 <b>\n#행사 👍 https://example.org/?a=1&b=2")
    text = world.last().css(".tgme_widget_message_text.js-message_text")
    assert text.css("a::attr(href)").getall() == ["?q=%23행사", "https://example.org/?a=1&b=2"]
    assert text.css("i.emoji b::text").get() == "👍"
    assert "F09F918D.png" in text.css("i.emoji::attr(style)").get("")
    assert len(text.css("br")) == 1
    assert "첫 줄 <b>" in "".join(text.css("::text").getall())


def test_footer_tells_time_views_signer_and_that_it_was_edited(world: World) -> None:
    post = world.channel.post(NOW, "글", signer="관리자", views=12_340)
    world.channel.edit(post.id, "고친 글")
    message = world.last()
    assert message.css("time[datetime]::attr(datetime)").getall() == ["2026-03-01T09:30:00+00:00"]
    assert message.css(".tgme_widget_message_views::text").get() == "12.3K"
    meta = message.css(".tgme_widget_message_meta")
    assert meta.css(".tgme_widget_message_from_author::text").get() == "관리자"
    assert "edited" in "".join(meta.xpath("text()").getall())
    assert message.css(".tgme_widget_message_text::text").get() == "고친 글"


def test_pictures_that_are_not_the_posts_own_are_marked_as_on_telegram(world: World) -> None:
    card = LinkPreview("https://example.org/", "Example", "제목", "설명", PICTURES[0])
    world.channel.post(NOW, "원문", [PICTURES[1]])
    world.channel.post(NOW, "https://example.org/", preview=card, reply_to=1)
    message = world.last()
    assert message.css("a.tgme_widget_message_link_preview i.link_preview_image")
    reply = message.css("a.tgme_widget_message_reply")
    assert reply.attrib["href"] == "https://t.me/Haechi_Test/1"
    assert reply.css("i.tgme_widget_message_reply_thumb, .js-message_reply_text")
    assert message.css(".tgme_widget_message_user i.tgme_widget_message_user_photo img")
    assert not message.css(".tgme_widget_message_photo_wrap")


def test_videos_stickers_documents_forwards_and_service_messages_have_their_shape(
    world: World,
) -> None:
    film = Video(PICTURES[0], Encoded(b"film", ".mp4"))
    world.channel.post(NOW, "Channel created", is_service=True)
    world.channel.post(NOW, video=film)
    world.channel.post(NOW, sticker=PICTURES[1])
    world.channel.post(NOW, document=("표.pdf", "2 MB"), forwarded_from=Forward("숨은 이", None))
    world.channel.post(NOW, "전달", forwarded_from=Forward("옆", "https://t.me/yeop/7"))
    service, video, sticker, document, forward = world.page().css(MESSAGE)
    assert "service_message" in service.attrib["class"]
    assert not service.css(".tgme_widget_message_views")
    player = video.css("a.tgme_widget_message_video_player")
    assert world.fetch(background(player.css("i.tgme_widget_message_video_thumb")[0])) == (
        PICTURES[0].data
    )
    sources = player.css("video.tgme_widget_message_video::attr(src)").getall()
    assert len(sources) == 2
    assert len(set(sources)) == 1
    assert re.search(r"/file/[0-9a-f]{10}\.mp4\?token=", sources[0])
    assert world.fetch(sources[0]) == b"film"
    assert not video.css(".tgme_widget_message_text")
    webp = sticker.css("i.tgme_widget_message_sticker.js-sticker_image::attr(data-webp)").get("")
    assert world.fetch(webp) == PICTURES[1].data
    assert document.css(".tgme_widget_message_document_title::text").get() == "표.pdf"
    assert document.css("span.tgme_widget_message_forwarded_from_name:not([href])")
    origin = forward.css("a.tgme_widget_message_forwarded_from_name::attr(href)").get()
    assert origin == "https://t.me/yeop/7"


def test_the_header_counts_what_the_channel_holds(world: World) -> None:
    world.channel.post(NOW, "https://example.org", PICTURES)
    page = world.page()
    counters = {
        counter.css(".counter_type::text").get(): counter.css(".counter_value::text").get()
        for counter in page.css(".tgme_channel_info_counter")
    }
    assert counters == {"subscribers": "2.65K", "photos": "3", "link": "1"}
    assert page.css(".tgme_channel_info_header_title span::text").get() == "시험 채널"
    assert page.css(".tgme_channel_info_header_username a::text").get() == "@Haechi_Test"


def test_an_unknown_name_is_redirected_to_a_contact_page(world: World) -> None:
    page = world.get("/s/no_such_name")
    assert world.final == "/no_such_name"
    assert page.css(".tgme_page_icon .tgme_icon_user")
    assert not page.css(".tgme_page_title, .tgme_channel_info")


def test_a_channel_without_preview_is_redirected_to_its_landing_page(world: World) -> None:
    assert world.get("/Haechi_Test").css("a[href='/s/Haechi_Test']")
    world.channel.has_preview = False
    page = world.page()
    assert world.final == "/haechi_test"
    assert page.css(".tgme_page_extra::text").get() == "2 650 subscribers"
    assert not page.css("a[href^='/s/']")


def test_edits_and_deletions_show_at_once_and_ids_are_not_used_again(world: World) -> None:
    album = world.channel.post(NOW, "앨범", PICTURES[:2])
    world.channel.post(NOW, "둘째")
    world.channel.edit(album.id, "바뀐 앨범", [PICTURES[2], PICTURES[1]])
    first = world.page().css("a.grouped_media_wrap")[0]
    assert world.fetch(background(first)) == PICTURES[2].data
    with pytest.raises(ValueError, match="number of photos"):
        world.channel.edit(album.id, "x", [])
    world.channel.delete(3)
    assert ids(world.page()) == [1]
    assert world.channel.post(NOW, "셋째").id == 4
    with pytest.raises(KeyError):
        world.channel.delete(3)


def test_a_file_that_no_page_named_is_not_found(world: World) -> None:
    with pytest.raises(HTTPError, match="404") as caught:
        world.fetch(f"{world.site.url}/file/nothing.jpg")
    caught.value.close()


@pytest.mark.parametrize(
    ("number", "short"), [(980, "980"), (4_200, "4.2K"), (436_600, "437K"), (12_500_000, "12.5M")]
)
def test_counts_are_shortened_as_telegram_does(number: int, short: str) -> None:
    assert channel_pages.short_number(number) == short
