"""What the demo's forum and channel hold: daily talk, and reposts of three enrolled photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from PIL import Image

from monitor.cli.demo import channel_pages, forum_pages, talk
from monitor.cli.demo.channel import Channel, Forward, LinkPreview, Video
from monitor.cli.demo.forum import Board, File, Forum, ForumPost, Member, Rank, Show
from monitor.cli.demo.pictures import EDITS, Encoded, original, photograph, recompressed, resized
from monitor.cli.demo.site import Site
from monitor.cli.demo.videos import slideshow
from monitor.models.source import SourceKind

CHANNEL = "dongne_sosik"
SLIDE_S = 3.0
_FIRST_BYSTANDER = 1000
_BYSTANDER_SIZES = ((720, 900), (900, 675), (640, 640))


@dataclass(frozen=True, slots=True)
class Planted:
    """One repost.

    Attributes:
        native_id: Of the forum's post; of the channel's message, an album's first one.
        edit: Key of `pictures.EDITS`, or "video".
        second: From which on it is shown in a video; None: it is a picture.
    """

    case_id: str
    kind: SourceKind
    native_id: str
    edit: str
    second: float | None = None


@dataclass(slots=True)
class Story:
    """The demo's world.

    Attributes:
        photos: The photo to enrol of each case, as JPEG.
        planted: Every repost there is, and nothing else; grows with the second act.
        bystanders: How many pictures of nobody were posted beside them.
    """

    now: datetime
    forum: Forum
    channel: Channel
    photos: dict[str, Encoded]
    planted: tuple[Planted, ...] = ()
    bystanders: int = 0
    _pictures: dict[str, Image.Image] = field(default_factory=dict)

    def mount(self, forum_site: Site, channel_site: Site | None = None) -> None:
        """Serve the forum at /forum/, and the channel on the same site or one of its own."""
        forum_pages.serve(self.forum, forum_site)
        channel_pages.serve((self.channel,), channel_site or forum_site)

    def second_act(self) -> Planted:
        """Post one more repost to the channel, as if time had gone on; returns it."""
        copy = self.copy("case-3", "recompressed")
        message = self.channel.post(self.now, talk.SECOND_ACT, (copy,), views=31)
        return self.plant("case-3", SourceKind.TELEGRAM, message.id, "recompressed")

    def copy(self, case_id: str, edit: str) -> Encoded:
        """Make an edited copy of a case's photo."""
        return EDITS[edit](self._pictures[case_id])

    def plant(
        self,
        case_id: str,
        kind: SourceKind,
        native_id: int,
        edit: str,
        second: float | None = None,
    ) -> Planted:
        """Note down where a copy was posted."""
        planted = Planted(case_id, kind, str(native_id), edit, second)
        self.planted = (*self.planted, planted)
        return planted

    def bystander(self) -> Encoded:
        """Make a picture that belongs to no case, unlike any other."""
        return recompressed(self._stranger())

    def video(self, *shown: str | None) -> Video:
        """Make a video of pictures, each for `SLIDE_S`: of a case's photo, or of nobody."""
        pictures = [self._pictures[case] if case else self._stranger() for case in shown]
        length = f"0:{round(SLIDE_S * len(shown)):02d}"
        return Video(resized(pictures[0]), slideshow(pictures, SLIDE_S), length)

    def _stranger(self) -> Image.Image:
        size = _BYSTANDER_SIZES[self.bystanders % len(_BYSTANDER_SIZES)]
        self.bystanders += 1
        return photograph(_FIRST_BYSTANDER + self.bystanders - 1, size)


def build_story(now: datetime) -> Story:
    """Build forum and channel as they are before the second act.

    Args:
        now: Aware; the newest post is some minutes older.

    Returns:
        A story that is the same, byte for byte, for the same time.
    """
    pictures = {f"case-{seed}": photograph(seed) for seed in (1, 2, 3)}
    story = Story(
        now=now,
        forum=Forum("해치 데모 광장", posts_per_page=5, topics_per_page=4),
        channel=Channel(CHANNEL, "동네 소식통", about=talk.CHANNEL_ABOUT, subscribers=2650),
        photos={case: original(picture) for case, picture in pictures.items()},
        _pictures=pictures,
    )
    _fill_forum(story)
    _fill_channel(story)
    return story


class _Writer:
    """Adds posts to the story's forum, each some hours younger than the one before."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.forum = story.forum
        self._at = story.now - timedelta(days=12)
        badge = resized(photograph(900, (360, 120)))
        banner = self.forum.attach("banner.jpg", badge, Show.LINKED)
        self._members = [
            self._member(number, name, banner if number == 1 else None)
            for number, name in enumerate(talk.MEMBERS)
        ]

    def _member(self, number: int, name: str, banner: File | None) -> Member:
        avatar = resized(photograph(901 + number, (120, 120))) if number < 2 else None
        signature = "사진은 직접 찍은 것만 올립니다." if banner else ""
        return self.forum.add_member(name, avatar, signature, banner)

    def time(self) -> datetime:
        """The next post's time."""
        self._at += timedelta(hours=5, minutes=17)
        return self._at

    def thread(
        self, board: Board, thread: talk.Thread, rank: Rank = Rank.NORMAL
    ) -> list[ForumPost]:
        """Write a thread, each post by another member."""
        posts: list[ForumPost] = []
        for number, (text, show) in enumerate(thread.posts):
            author = self._members[(number + len(thread.title)) % len(self._members)]
            files = (self.bystander(show),) if show else ()
            if posts:
                post = self.forum.add_post(posts[0].thread_id, author, text, self.time(), files)
            else:
                post = self.forum.add_thread(
                    board, thread.title, author, text, self.time(), files, rank
                )
            posts.append(post)
        return posts

    def bystander(self, show: str) -> File:
        """Upload a picture of nobody."""
        name = f"IMG_{4100 + self.story.bystanders}.jpg"
        return self.forum.attach(name, self.story.bystander(), Show(show))

    def repost(self, post: ForumPost, case_id: str, edit: str, show: Show) -> None:
        """Put a copy of a case's photo into a post."""
        copy = self.story.copy(case_id, edit)
        file = self.forum.attach(f"{post.id:04d}{copy.suffix}", copy, show)
        post.files = (*post.files, file)
        self.story.plant(case_id, SourceKind.FORUM, post.id, edit)


def _fill_forum(story: Story) -> None:
    write = _Writer(story)
    forum = story.forum
    photos = forum.add_board("여행과 사진", "Trips, food and photos")
    local = forum.add_board("동네 소식 / Local notices", "안내와 도움 요청")
    inner = forum.add_board("회원 전용", "Members only", login_only=True)
    write.thread(local, talk.RULES, Rank.GLOBAL)
    write.thread(photos, talk.HOW_TO, Rank.STICKY)
    trip = write.thread(photos, talk.TRIP)
    write.repost(trip[2], "case-1", "recompressed", Show.THUMBNAIL)
    write.repost(trip[6], "case-3", "resized", Show.LINKED)
    # Quoting repeats the picture's address; the repost is the first post, not this one.
    quoting = forum.add_post(
        trip[0].thread_id, trip[0].author, talk.QUOTING, write.time(), quote=trip[6]
    )
    forum.edit_post(quoting.id, write.time(), talk.QUOTING)
    write.thread(photos, talk.FOOD)
    found = write.thread(local, talk.TAKE_DOWN)
    write.repost(found[1], "case-2", "mirrored", Show.INLINE)
    write.repost(found[4], "case-1", "as_webp", Show.FULL)
    support = write.thread(local, talk.SUPPORT)
    notice = forum.attach("안내문.pdf", Encoded(b"%PDF-1.4\n%%EOF\n", ".pdf"), Show.FILE)
    support[0].files = (notice,)
    for thread in talk.SHORT_THREADS:
        write.thread(photos, thread)
    write.thread(inner, talk.INNER)


def _fill_channel(story: Story) -> None:
    channel = story.channel
    channel.avatar = resized(photograph(950, (320, 320)))
    at = story.now - timedelta(days=9)
    channel.post(at, "Channel created", is_service=True)
    for number, text in enumerate(talk.CHANNEL_POSTS):
        at += timedelta(hours=6, minutes=41)
        photos = (story.bystander(),) if number in talk.CHANNEL_PHOTOS else ()
        channel.post(at, text, photos, views=90 + 37 * number)
    at += timedelta(hours=2)
    channel.delete(channel.post(at, "오타가 있어 다시 올립니다.").id)
    channel.edit(channel.messages[4].id, channel.messages[4].text + "\n(시간을 고쳤습니다)")
    _show_every_kind(story, at)
    for hours, text, case_id, edit in (
        (2, talk.CHANNEL_REPOSTS[0], "case-2", "recompressed"),
        (9, talk.CHANNEL_REPOSTS[1], "case-3", "quarter_turned"),
    ):
        copy = story.copy(case_id, edit)
        message = channel.post(at + timedelta(hours=hours), text, (copy,), views=412)
        story.plant(case_id, SourceKind.TELEGRAM, message.id, edit)
    album = (story.bystander(), story.copy("case-1", "mirrored"), story.bystander())
    message = channel.post(at + timedelta(hours=10), talk.CHANNEL_REPOSTS[2], album, views=388)
    story.plant("case-1", SourceKind.TELEGRAM, message.id, "mirrored")
    film = story.video(None, "case-2", None)
    message = channel.post(at + timedelta(hours=11), talk.CHANNEL_REPOSTS[3], video=film, views=204)
    story.plant("case-2", SourceKind.TELEGRAM, message.id, "video", SLIDE_S)
    channel.post(story.now - timedelta(minutes=12), talk.CHANNEL_LAST, signer="관리자", views=40)


def _show_every_kind(story: Story, at: datetime) -> None:
    """Post what is no photo of the channel's own: stickers, previews, videos, forwards."""
    channel = story.channel
    first_photo = next(message for message in channel.messages if message.photos)
    card = LinkPreview(
        "https://example.org/center",
        "Example",
        "디지털 피해 지원 안내",
        "상담은 무료이며 비밀이 지켜집니다.",
        story.bystander(),
    )
    webp = EDITS["as_webp"](photograph(951, (256, 256)))
    channel.post(at, "안내 페이지: https://example.org/center", preview=card)
    channel.post(at + timedelta(minutes=20), "강변 산책로 영상 🎬", video=story.video(None, None))
    channel.post(at + timedelta(minutes=30), sticker=webp)
    channel.post(
        at + timedelta(minutes=40),
        "다른 동네 소식도 전해 드립니다. Market day is moved to Sunday.",
        forwarded_from=Forward("옆 동네 소식", "https://t.me/yeop_dongne/71"),
    )
    channel.post(
        at + timedelta(minutes=50), "이 사진 장소 아시는 분?", reply_to=first_photo.id, views=77
    )
    channel.post(at + timedelta(minutes=55), document=("행사_일정.pdf", "220.3 KB"))
