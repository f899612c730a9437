"""Tells a page that scripts are to fill from one that says what it has to say."""

from __future__ import annotations

import re
from typing import Final

from crawlers.engines._html import parse, text_of

# A bar of links, a foot line: less is said on a page that waits for its scripts.
_MAX_TEXT: Final = 200
_MAX_LINKS: Final = 5
# Where the common frameworks build a page.
_MOUNTS: Final = (
    "#app, #root, #__next, #__nuxt, #__layout, #svelte, #gatsby-focus-wrapper, #q-app, #ember-app, "
    "#main-app, #react-root, #app-root, app-root, [data-reactroot], [ng-app], [ng-version], "
    "[data-v-app], [data-server-rendered]"
)
_ASKS: Final = re.compile(
    r"(?:enable|requires?|needs?|without|turn on|activate|disabled|allow)\W[^.]{0,40}java-?script|"
    r"java-?script[^.]{0,40}(?:enable|required|disabled|needed|to run|turned off|"
    r"활성|필요|켜|사용|허용)",
    re.IGNORECASE,
)
_UNSEEN: Final = "script, style, template, noscript, svg, head"


def needs_browser(html: str) -> bool:
    """Tell whether a page is an empty shell, which scripts fill in a browser.

    Next to no text and links outside of scripts, a script to load, and one more sign: a place
    where a framework builds its page, a request to switch scripts on, a script that is a module.

    Args:
        html: As the server sent it; any text. Takes time linear in its length.
    """
    tree = parse(html)
    bodies = tree.css("body")
    if not bodies or not tree.css("script[src], script[type='module']"):
        return False
    if len(bodies.css("a[href]")) > _MAX_LINKS or len(text_of(bodies[0], _UNSEEN)) > _MAX_TEXT:
        return False
    if bodies.css(_MOUNTS) or tree.css("script[type='module'], link[rel='modulepreload']"):
        return True
    # Read by some parsers as text, by others as elements.
    asked = " ".join(" ".join(one.css("*::text").getall()) for one in tree.css("noscript")[:5])
    return bool(_ASKS.search(asked[:2_000]))
