"""Makes addresses unclickable: a recipient must not open a page by mistake."""

from __future__ import annotations

from urllib.parse import urlsplit


def defang(url: str) -> str:
    """Write a URL so that no program makes a link of it: hxxps://t[.]me/name/1.

    Args:
        url: Hostile; control characters are dropped.
    """
    clean = "".join(char for char in url if char.isprintable())
    try:
        host = urlsplit(clean).netloc
    except ValueError:
        host = ""
    if host:
        clean = clean.replace(host, host.replace(".", "[.]").replace(":", "[:]"), 1)
    else:
        clean = clean.replace(".", "[.]")
    for scheme in ("https://", "http://"):
        if clean.lower().startswith(scheme):
            clean = "hxx" + clean[3:]
    return clean
