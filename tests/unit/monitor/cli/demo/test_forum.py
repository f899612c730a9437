import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from parsel import Selector
from PIL import Image

from monitor.cli.demo import forum_pages
from monitor.cli.demo.forum import Forum, Rank, Show
from monitor.cli.demo.pictures import Encoded, photograph, recompressed
from monitor.cli.demo.site import Site

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
PICTURE = recompressed(photograph(1, (400, 500)))


class World:
    """A small forum on a site, and a client with a cookie jar."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.forum = Forum("시험 포럼", posts_per_page=3, topics_per_page=2)
        forum_pages.serve(self.forum, site)
        self.board = self.forum.add_board("사진")
        self.mina = self.forum.add_member("Mina <b>", PICTURE)
        proxies = urllib.request.ProxyHandler({})
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        self.client = urllib.request.build_opener(proxies, jar)
        self.stranger = urllib.request.build_opener(proxies)

    def get(self, path: str) -> Selector:
        with self.client.open(urljoin(self.forum.url, path)) as response:
            return Selector(response.read().decode())

    def fetch(self, url: str) -> tuple[str, bytes]:
        with self.client.open(urljoin(self.forum.url, url)) as response:
            return response.headers["Content-Type"], response.read()

    def thread(self, title: str, minutes: int, rank: Rank = Rank.NORMAL) -> int:
        at = NOW + timedelta(minutes=minutes)
        post = self.forum.add_thread(self.board, title, self.mina, "글", at, rank=rank)
        return post.thread_id


@pytest.fixture
def world() -> Iterator[World]:
    with Site() as site:
        yield World(site)
    assert site.errors == []


def test_every_page_carries_the_marks_of_phpbb(world: World) -> None:
    thread = world.thread("t", 0)
    for path, section in (
        ("", "index"),
        ("index.php", "index"),
        ("viewforum.php?f=2", "viewforum"),
        (f"viewtopic.php?t={thread}", "viewtopic"),
    ):
        page = world.get(path)
        assert f"section-{section}" in page.css("body#phpbb::attr(class)").get("").split()
        assert "phpBB" in page.css(".copyright").get("")


def test_the_index_lists_boards_with_their_last_post(world: World) -> None:
    world.thread("t", 0)
    empty = world.forum.add_board("빈 게시판")
    page = world.get("")
    rows = page.css(".forabg ul.topiclist.forums > li.row")
    assert [row.css("a.forumtitle::text").get() for row in rows] == ["사진", "빈 게시판"]
    assert rows[0].css("dd.lastpost time::attr(datetime)").get() == "2026-03-01T09:30:00+00:00"
    assert not rows[1].css("dd.lastpost time")
    assert not world.get(f"viewforum.php?f={empty.id}").css("li.row")


def test_threads_are_ordered_by_last_post_below_stickies_and_announcements(world: World) -> None:
    oldest, *_ = (world.thread(title, minutes) for minutes, title in enumerate("abc"))
    world.thread("pinned", -100, Rank.STICKY)
    other = world.forum.add_board("다른 게시판")
    world.forum.add_thread(other, "rules", world.mina, "글", NOW, rank=Rank.GLOBAL)
    first, second = (world.get(f"viewforum.php?f=2&start={start}") for start in (0, 2))
    assert first.css("a.topictitle::text").getall() == ["rules", "pinned", "c"]
    assert second.css("a.topictitle::text").getall() == ["rules", "b", "a"]
    assert len(first.css("li.row.sticky")) == len(first.css("li.row.global-announce")) == 1
    world.forum.add_post(oldest, world.mina, "위로", NOW + timedelta(days=1))
    assert world.get("viewforum.php?f=2").css("a.topictitle::text").getall()[2] == "a"


def test_pages_of_a_thread_are_chained_by_offset(world: World) -> None:
    thread = world.thread("t", 0)
    for number in range(7):
        world.forum.add_post(thread, world.mina, f"답글 {number}", NOW + timedelta(hours=number))
    seen: list[str] = []
    path: str | None = f"viewtopic.php?t={thread}"
    starts = []
    while path:
        page = world.get(path)
        seen += page.css("div.post::attr(id)").getall()
        path = page.css(".pagination li.arrow.next a[rel=next]::attr(href)").get()
        starts.append(parse_qs(urlsplit(path or "").query).get("start"))
    assert seen == [f"p{number}" for number in range(1, 9)]
    assert starts == [["3"], ["6"], None]
    assert "Re: t" in world.get("viewtopic.php?p=5").css("#post_content5 h3 a::text").getall()


def test_a_post_shows_author_time_text_and_escapes_what_people_wrote(world: World) -> None:
    thread = world.thread("<script>t</script>", 0)
    text = "안녕 :) <script>x</script> & https://example.org/a?b=1&c=2\n둘째 줄"
    post = world.forum.add_post(thread, world.mina, text, NOW)
    page = world.get(f"viewtopic.php?t={thread}")
    assert not page.css("script")
    node = page.css(f"div.post#p{post.id}")
    assert node.css("p.author .username::text").get() == "Mina <b>"
    assert node.css("p.author time::attr(datetime)").get() == "2026-03-01T09:30:00+00:00"
    content = node.css(f"#post_content{post.id} div.content")
    assert content.css("a.postlink::attr(href)").get() == "https://example.org/a?b=1&c=2"
    assert content.css("img.smilies::attr(alt)").get() == ":)"
    assert len(content.css("br")) == 1
    assert "<script>x</script>" in "".join(content.css("::text").getall())


def test_files_are_shown_in_each_of_the_five_ways_and_can_be_fetched(world: World) -> None:
    thread = world.thread("t", 0)
    pdf = Encoded(b"%PDF-1.4", ".pdf")
    files = [
        world.forum.attach(f"{show}.jpg", pdf if show is Show.FILE else PICTURE, show)
        for show in Show
    ]
    thumb, full, inline, linked, _ = files
    world.forum.add_post(thread, world.mina, "첨부", NOW, files)
    page = world.get(f"viewtopic.php?t={thread}")
    box = page.css("dl.attachbox")
    assert len(box) == 1
    target = box.css("dl.thumbnail dt a::attr(href)").get("")
    small = box.css("dl.thumbnail img.postimage::attr(src)").get("")
    assert f"id={thumb.id}" in target
    assert f"id={thumb.id}&t=1" in small
    shown = box.css("dl.file .attach-image img.postimage::attr(src)").get("")
    assert f"id={full.id}" in shown
    download = box.css("dl.file a.postlink::attr(href)").get("")
    inlined = page.css("div.content .inline-attachment img.postimage::attr(src)").get("")
    assert f"id={inline.id}" in inlined
    gallery = page.css("div.content > img.postimage::attr(src)").get("")
    assert gallery == f"{world.forum.url}gallery/{linked.id}.jpg"
    for url in (target, shown, inlined, gallery):
        assert world.fetch(url) == ("image/jpeg", PICTURE.data)
    assert world.fetch(download) == ("application/pdf", pdf.data)
    mime, data = world.fetch(small)
    assert (mime, len(data) < len(PICTURE.data)) == ("image/jpeg", True)


def test_avatars_signatures_and_quotes_hold_pictures_that_are_not_the_posts(world: World) -> None:
    linked = world.forum.attach("q.jpg", PICTURE, Show.LINKED)
    banner = world.forum.attach("b.jpg", PICTURE, Show.LINKED)
    bora = world.forum.add_member("보라", PICTURE, "서명", banner)
    first = world.forum.add_thread(world.board, "t", world.mina, "원문", NOW, (linked,))
    second = world.forum.add_post(first.thread_id, bora, "답", NOW, quote=first)
    node = world.get(f"viewtopic.php?t={first.thread_id}").css(f"div.post#p{second.id}")
    quote = node.css("div.content > blockquote > div")
    assert "Mina <b> wrote:" in "".join(quote.css("cite ::text").getall())
    assert quote.css("img.postimage::attr(src)").get("").endswith(f"/gallery/{linked.id}.jpg")
    assert (
        node.css(f"div.signature#sig{second.id} img::attr(src)")
        .get("")
        .endswith(f"/gallery/{banner.id}.jpg")
    )
    avatar = node.css("dl.postprofile img.avatar::attr(src)").get("")
    assert world.fetch(avatar) == ("image/jpeg", PICTURE.data)


def test_links_carry_a_session_id_until_the_cookie_is_accepted(world: World) -> None:
    for opener, has_sid in ((world.stranger, True), (world.client, True), (world.client, False)):
        with opener.open(world.forum.url) as response:
            links = Selector(response.read().decode()).css("#page-body a::attr(href)").getall()
        assert links
        assert all(bool(re.search(r"[?&]sid=[0-9a-f]{32}", link)) is has_sid for link in links)


def test_the_traps_are_linked_and_lead_to_a_login_form(world: World) -> None:
    thread = world.thread("t", 0)
    links = " ".join(world.get(f"viewtopic.php?t={thread}").css("a::attr(href)").getall())
    for trap in ("posting.php?mode=reply", "ucp.php?mode=login", "search.php", "view=print"):
        assert trap in links
    assert world.get("posting.php?mode=reply&t=1").css("form#login input[type=password]")


def test_a_members_board_answers_200_with_a_login_form_and_hides_its_files(world: World) -> None:
    board = world.forum.add_board("회원", login_only=True)
    file = world.forum.attach("a.jpg", PICTURE)
    post = world.forum.add_thread(board, "비밀", world.mina, "글", NOW, (file,))
    for path in (f"viewforum.php?f={board.id}", f"viewtopic.php?t={post.thread_id}"):
        page = world.get(path)
        assert page.css("form#login input[type=password]")
        assert "비밀" not in page.get()
    assert "비밀" not in world.get("").get()
    with pytest.raises(HTTPError, match="403") as caught:
        world.fetch(f"download/file.php?id={file.id}")
    caught.value.close()


def test_an_edit_marks_the_post_and_changes_its_files(world: World) -> None:
    thread = world.thread("t", 0)
    file = world.forum.attach("a.jpg", PICTURE)
    post = world.forum.add_post(thread, world.mina, "전", NOW)
    assert not world.get(f"viewtopic.php?t={thread}").css(".notice")
    world.forum.edit_post(post.id, NOW, "후", (file,))
    page = world.get(f"viewtopic.php?t={thread}")
    assert "edited 1 time in total" in page.css(f"#p{post.id} .notice").get("")
    assert page.css(f"#p{post.id} div.content::text").get() == "후"
    assert page.css(f"#p{post.id} dl.thumbnail")


def test_a_deleted_post_is_gone_with_its_attachments_and_the_last_takes_the_thread(
    world: World,
) -> None:
    file = world.forum.attach("a.jpg", PICTURE)
    first = world.forum.add_thread(world.board, "t", world.mina, "글", NOW)
    second = world.forum.add_post(first.thread_id, world.mina, "답", NOW, (file,))
    world.forum.delete_post(second.id)
    page = world.get(f"viewtopic.php?t={first.thread_id}")
    assert page.css("div.post::attr(id)").getall() == [f"p{first.id}"]
    world.forum.delete_post(first.id)
    for path in (
        f"viewtopic.php?t={first.thread_id}",
        f"viewtopic.php?p={second.id}",
        f"download/file.php?id={file.id}",
        "viewforum.php?f=99",
        "gallery/1.jpg",
        "download/file.php?avatar=99_1.jpg",
        "nowhere",
    ):
        with pytest.raises(HTTPError, match="404") as caught:
            world.get(path)
        caught.value.close()
    with pytest.raises(KeyError):
        world.forum.delete_post(first.id)


@pytest.mark.parametrize(
    "path", ["viewtopic.php?t=abc", "viewtopic.php?t=" + "9" * 5000, "viewtopic.php?p=-1"]
)
def test_nonsense_numbers_are_not_found(world: World, path: str) -> None:
    with pytest.raises(HTTPError, match="404") as caught:
        world.get(path)
    caught.value.close()


def test_thumbnails_are_small_pictures(world: World) -> None:
    file = world.forum.attach("a.jpg", PICTURE)
    world.forum.add_thread(world.board, "t", world.mina, "글", NOW, (file,))
    url = f"{world.forum.url}download/file.php?id={file.id}&t=1"
    with world.client.open(url) as response, Image.open(response) as picture:
        assert max(picture.size) == 200
        assert response.headers["Content-Disposition"] == "inline; filename*=UTF-8''a.jpg"
