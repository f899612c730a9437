"""Makes addresses unclickable: a recipient must not open a page by mistake."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# Also the dots that browsers take for one in a host name. Source: RFC 3490, section 3.1.
_DOT = re.compile("[.\u3002\uff0e\uff61]")
_SCHEME = re.compile("http", re.IGNORECASE)


def defang(url: str) -> str:
    """Write a URL so that no program makes a link of it or of a part: hxxps://t[.]me/name/1.

    Args:
        url: Hostile; control characters are dropped.
    """
    clean = "".join(char for char in url if char.isprintable())
    try:
        host = urlsplit(clean).netloc
    except ValueError:
        host = ""
    if host:
        clean = clean.replace(host, host.replace(":", "[:]"), 1)
    # A path or query can hold a whole second address.
    return _SCHEME.sub("hxxp", _DOT.sub("[.]", clean))
