import io
import time
import urllib.request
from datetime import UTC, datetime

import av
import imagehash
import pytest
from PIL import Image

from monitor.cli.demo.channel import Video
from monitor.cli.demo.forum import Show
from monitor.cli.demo.pictures import EDITS, Encoded
from monitor.cli.demo.site import Site
from monitor.cli.demo.story import CHANNEL, Story, build_story
from monitor.models.source import SourceKind

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def story() -> Story:
    return build_story(NOW)


@pytest.fixture
def fresh() -> Story:
    return build_story(NOW)


SLIDE = (64, 0, 576, 640)


def shown(video: Video) -> list[Image.Image]:
    """One picture a second, without the bars beside the cases' photos."""
    with av.open(io.BytesIO(video.content.data)) as file:
        frames = [frame for frame in file.decode(video=0) if frame.time == int(frame.time)]
        return [frame.to_image().crop(SLIDE) for frame in frames]


def hashed(encoded: Encoded) -> imagehash.ImageHash:
    with Image.open(io.BytesIO(encoded.data)) as picture:
        return imagehash.phash(picture)


def posted(story: Story) -> list[tuple[SourceKind, str, Encoded]]:
    """Every picture that is some post's own and open to guests."""
    open_boards = {board.id for board in story.forum.boards.values() if not board.login_only}
    forum = [
        (SourceKind.FORUM, str(post.id), file.content)
        for thread in story.forum.threads
        for post in thread.posts
        for file in post.files
        if file.show is not Show.FILE and thread.board_id in open_boards
    ]
    return forum + [
        (SourceKind.TELEGRAM, str(message.id), photo)
        for message in story.channel.messages
        for photo in message.photos
    ]


def copies(story: Story) -> set[tuple[str, SourceKind, str]]:
    """What a search by hash over all posted pictures finds."""
    bank = {}
    for case, photo in story.photos.items():
        with Image.open(io.BytesIO(photo.data)) as picture:
            turned = [picture.copy(), *(picture.transpose(turn) for turn in Image.Transpose)]
        bank[case] = [imagehash.phash(turn) for turn in turned]
    found = set()
    for kind, native_id, picture in posted(story):
        seen = hashed(picture)
        for case, hashes in bank.items():
            if min(seen - entry for entry in hashes) <= 8:
                found.add((case, kind, native_id))
    for message in story.channel.messages:
        for picture in shown(message.video) if message.video else ():
            seen = imagehash.phash(picture)
            for case, hashes in bank.items():
                if min(seen - entry for entry in hashes) <= 8:
                    found.add((case, SourceKind.TELEGRAM, str(message.id)))
    return found


def truth(story: Story) -> set[tuple[str, SourceKind, str]]:
    return {(planted.case_id, planted.kind, planted.native_id) for planted in story.planted}


def test_what_is_planted_is_exactly_what_can_be_found(fresh: Story) -> None:
    assert copies(fresh) == truth(fresh)
    added = fresh.second_act()
    assert added == fresh.planted[-1]
    assert copies(fresh) == truth(fresh)


def test_both_places_hold_reposts_of_many_kinds(story: Story) -> None:
    assert len(story.planted) == len(truth(story)) == 8
    assert {planted.kind for planted in story.planted} == set(SourceKind)
    assert {planted.case_id for planted in story.planted} == set(story.photos)
    edits = {planted.edit for planted in story.planted}
    assert {"recompressed", "mirrored", "resized", "as_webp"} <= edits <= {*EDITS, "video"}
    albums = {str(m.id) for m in story.channel.messages if len(m.photos) > 1}
    assert albums & {planted.native_id for planted in story.planted}


def test_a_video_shows_a_photo_from_the_second_that_is_said(story: Story) -> None:
    (planted,) = [one for one in story.planted if one.second is not None]
    video = story.channel.message(int(planted.native_id)).video
    assert video is not None
    with Image.open(io.BytesIO(story.photos[planted.case_id].data)) as photo:
        wanted = imagehash.phash(photo)
    near = [imagehash.phash(one) - wanted <= 8 for one in shown(video)]
    assert near == [3 <= second < 6 for second in range(9)]
    assert planted.second == 3
    assert video.duration == "0:09"


def test_there_is_enough_around_them(story: Story) -> None:
    strangers = len(posted(story)) - len(story.planted)
    assert strangers >= 12
    plain = sum(not post.files for thread in story.forum.threads for post in thread.posts)
    plain += sum(not message.photos for message in story.channel.messages)
    assert plain >= 25
    assert len(story.channel.messages) > 20
    assert any(len(t.posts) > story.forum.posts_per_page for t in story.forum.threads)


def test_times_run_up_to_now_and_never_beyond_before_the_second_act(story: Story) -> None:
    for thread in story.forum.threads:
        times = [post.posted for post in thread.posts]
        assert times == sorted(times)
        assert times[-1] < NOW
    times = [message.posted for message in story.channel.messages]
    assert times == sorted(times)
    assert times[-1] < NOW


def test_a_story_is_the_same_each_time(story: Story) -> None:
    other = build_story(NOW)
    assert other.photos == story.photos
    assert other.planted == story.planted
    assert posted(other) == posted(story)


def test_a_story_is_built_in_a_few_seconds() -> None:
    began = time.process_time()
    build_story(NOW)
    assert time.process_time() - began < 6


def test_the_second_act_appears_on_the_running_site(fresh: Story) -> None:
    client = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with Site() as forum_site, Site() as channel_site:
        fresh.mount(forum_site, channel_site)
        url = f"{channel_site.url}/s/{CHANNEL}"
        planted = fresh.second_act()
        with client.open(url) as response:
            assert f'data-post="{CHANNEL}/{planted.native_id}"' in response.read().decode()
        with client.open(fresh.forum.url) as response:
            assert response.status == 200
        assert fresh.forum.url == f"{forum_site.url}/forum/"
    assert forum_site.errors == channel_site.errors == []
