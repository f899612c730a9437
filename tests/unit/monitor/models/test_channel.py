from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.models.channel import CHANNEL_NAME, How, channel_of, channels_in
from monitor.models.post import Post


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://t.me/Some_Channel", "Some_Channel"),
        ("https://t.me/s/some_channel?before=3", "some_channel"),
        ("http://telegram.me/some_channel/77", "some_channel"),
        ("https://t.me/+AbCdEf", None),
        ("https://t.me/joinchat/AbCdEf", None),
        ("https://t.me/c/1591537674/3", None),
        ("https://t.me/addstickers/some", None),
        ("https://t.me.evil.example/some_channel", None),
        ("https://example.org/some_channel", None),
        ("tg://resolve?domain=some_channel", None),
        ("https://[t.me/some", None),
        ("https://t.me/", None),
    ],
)
def test_links_to_channels_are_told_from_others(url: str, name: str | None) -> None:
    assert channel_of(url) == name


def test_a_post_leads_to_where_it_came_from_what_it_links_to_and_whom_it_names() -> None:
    post = Post(
        "1",
        "https://t.me/own_channel/1",
        "see @Third_One, mail me@example.org or @helper_bot, @own_channel and x@y@some_name",
        links=("https://t.me/second/3", "https://t.me/own_channel/2", "https://example.org/"),
        forwarded_from="https://t.me/first_one/17",
    )
    assert channels_in(post, "@own_channel") == {
        ("first_one", How.FORWARD),
        ("second", How.LINK),
        ("third_one", How.MENTION),
    }


def test_an_origin_that_hides_is_none() -> None:
    assert channels_in(Post("1", "", forwarded_from="Somebody"), "@own") == frozenset()


@given(st.text(max_size=200), st.lists(st.text(max_size=40), max_size=3))
def test_whatever_a_post_says_only_names_are_found(text: str, links: list[str]) -> None:
    post = Post("1", "", text, links=tuple(links), forwarded_from=text)
    assert all(CHANNEL_NAME.fullmatch(name) for name, _ in channels_in(post, "@own"))


def test_a_list_of_very_many_channels_is_cut() -> None:
    text = " ".join(f"@channel_{number}" for number in range(500))
    assert len(channels_in(Post("1", "", text), "@own")) == 100
