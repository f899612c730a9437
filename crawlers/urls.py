"""Links of hostile pages as plain, comparable URLs."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urljoin, urlsplit

# The longest address that common servers take; a longer one is no link a reader could follow.
MAX_LENGTH = 8_000
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\<>\"]")


def absolute(base: str, href: str) -> str | None:
    """Resolve a link as a browser does.

    Args:
        base: The page (or its `<base>`), absolute.
        href: The attribute's value, as written.

    Returns:
        An http(s) URL with a lower-case host; None for anything that is not one, that carries a
        user name, or that can't be parsed.
    """
    href = href.strip()
    if len(href) > MAX_LENGTH:
        return None
    try:
        url = urljoin(base, href)
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None
        _ = parts.port  # Reading it is what checks it.
    except ValueError:
        return None
    if not known or len(url) > MAX_LENGTH:
        return None
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._") or "/"
    url = parts._replace(netloc=parts.netloc.lower(), path=path).geturl()
    url = url.replace(" ", "%20")
    return None if _FORBIDDEN.search(url) else url


def query(url: str) -> dict[str, str]:
    """Read the parameters of a URL; of a repeated one the first. Empty for what is no URL."""
    parts = _split(url)
    if parts is None:
        return {}
    try:
        pairs = parse_qsl(parts.query, max_num_fields=100)
    except ValueError:
        return {}
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def number(url: str, name: str) -> int | None:
    """Read a parameter that is a number from 0 to 10^18 - 1; None where it isn't."""
    value = query(url).get(name, "")
    return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else None


def with_query(url: str, parameters: dict[str, str]) -> str:
    """Put these parameters in place of a URL's own and drop its fragment."""
    parts = _split(url)
    if parts is None:
        return url
    return parts._replace(query=urlencode(parameters), fragment="").geturl()


def path_of(url: str) -> str | None:
    """Give the path of a URL; None for what is no URL."""
    parts = _split(url)
    return None if parts is None else parts.path


def with_path(url: str, path: str) -> str:
    """Put a path in place of a URL's own and drop what follows it."""
    parts = _split(url)
    if parts is None:
        return url
    return parts._replace(path=path, query="", fragment="").geturl()


def site_root(url: str) -> str:
    """Cut a URL after the last slash of its path: where a forum's scripts live."""
    parts = _split(url)
    if parts is None:
        return url
    path = parts.path[: parts.path.rfind("/") + 1] or "/"
    return parts._replace(path=path, query="", fragment="").geturl()


def is_same_site(url: str, other: str) -> bool:
    """Compare host and port; `www.` and the change from http to https make no other site."""
    mine, theirs = _split(url), _split(other)
    return mine is not None and theirs is not None and _host(mine) == _host(theirs)


def is_under(url: str, root: str) -> bool:
    """Tell whether a URL is on the site of a root, in the same folder or below."""
    mine, theirs = _split(url), _split(root)
    if mine is None or theirs is None or not is_same_site(url, root):
        return False
    # Climbing out by ".." is resolved in `absolute`; encoded dots are nobody's forum.
    return mine.path.startswith(theirs.path) and "%2e" not in mine.path.lower()


def _host(parts: SplitResult) -> tuple[str, int | None]:
    port = parts.port if parts.port not in {80, 443} else None
    return (parts.hostname or "").removeprefix("www."), port


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
