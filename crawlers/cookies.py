"""An operator's own cookies for one forum, from a file as curl and browsers write it."""

from __future__ import annotations

import time
from http.cookiejar import Cookie, LoadError, MozillaCookieJar
from pathlib import Path
from urllib.parse import urlsplit

from monitor.errors import Misuse


def cookies_for(address: str, file: Path) -> list[Cookie]:
    """Read the cookies that are for the host of an address; those of others are left alone.

    Raises:
        Misuse: The file can't be read, or has none for it that is still good.
    """
    jar = MozillaCookieJar(str(file))
    try:
        jar.load(ignore_discard=True, ignore_expires=True)
    except LoadError as error:
        raise Misuse(
            f"{file} is not a file of cookies as curl writes it (its first line: "
            "# Netscape HTTP Cookie File)"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Misuse(f"the cookies in {file} can't be read: {why}") from error
    host = (urlsplit(address).hostname or "").lower()
    own = [one for one in jar if _is_for(one, host)]
    if not own:
        raise Misuse(f"{file} has no cookies for {host}: export them while its page is open")
    good = [one for one in own if not one.is_expired(int(time.time()))]
    if not good:
        raise Misuse(f"the cookies for {host} in {file} have expired: export them anew")
    return good


def _is_for(cookie: Cookie, host: str) -> bool:
    """Tell whether a cookie is of a host, or of a domain that it is in."""
    domain = cookie.domain.lower().lstrip(".")
    return host == domain or (cookie.domain_specified and host.endswith(f".{domain}"))
