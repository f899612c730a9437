"""Links of hostile pages."""

from __future__ import annotations

import pytest

from crawlers import urls

PAGE = "https://forum.example/board/viewtopic.php?t=1"


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("./a.php?x=1", "https://forum.example/board/a.php?x=1"),
        ("//Pics.Example/a b.jpg", "https://pics.example/a%20b.jpg"),
        ("../up", "https://forum.example/up"),
        ("https://pics.example", "https://pics.example/"),
        ("사진.jpg", "https://forum.example/board/%EC%82%AC%EC%A7%84.jpg"),
    ],
)
def test_a_link_is_resolved_as_a_browser_does(href: str, url: str) -> None:
    assert urls.absolute(PAGE, href) == url


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "mailto:a@b.example",
        "file:///etc/passwd",
        "http://user:word@host.example/",
        "http://[::1",
        "http://host.example:99999/",
        "https://a\\b.example/",
        "https://host.example/" + "a" * 9_000,
    ],
)
def test_what_is_no_web_address_is_none(href: str) -> None:
    assert urls.absolute(PAGE, href) is None


def test_a_folder_holds_what_is_below_it_only() -> None:
    root = urls.site_root(PAGE)
    assert root == "https://forum.example/board/"
    assert urls.is_under("http://www.forum.example/board/x.php?y=1", root)
    assert not urls.is_under("https://forum.example/boardroom", root)
    assert not urls.is_under("https://forum.example:8443/board/", root)
    assert not urls.is_under("https://forum.example.evil.example/board/", root)
    assert not urls.is_under("https://forum.example/board/%2e%2e/admin", root)
    assert not urls.is_under("http://[", root)


def test_a_parameter_is_a_number_or_nothing() -> None:
    assert urls.number("https://a.example/?t=12&t=13", "t") == 12
    assert urls.number("https://a.example/?t=-1", "t") is None
    assert urls.number("https://a.example/?t=" + "9" * 19, "t") is None
    assert urls.number("http://[", "t") is None


def test_parameters_keep_their_order_and_of_repeated_ones_the_first_counts() -> None:
    assert list(urls.query("https://a.example/?b=1&a=2&b=3").items()) == [("b", "1"), ("a", "2")]


def test_a_path_is_put_in_place_of_all_that_follows_the_host() -> None:
    assert urls.with_path(PAGE, "/a//b") == "https://forum.example/a//b"
    # Not another host.
    assert urls.with_path(PAGE, "//other.example/") == "https://forum.example//other.example/"


def test_what_is_no_url_has_no_path() -> None:
    broken = "https://forum.example:99999/a"
    assert urls.path_of(broken) is None
    assert urls.with_path(broken, "/b") == broken
    assert urls.path_of(PAGE) == "/board/viewtopic.php"
