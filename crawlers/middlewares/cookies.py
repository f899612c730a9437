"""Scrapy's cookies, without its download of the public suffix list: Haechi phones nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from http.cookiejar import Cookie

from scrapy.downloadermiddlewares import cookies
from tldextract import TLDExtract

# Scrapy's own extractor fetches the list from the network and keeps it in the user's home.
cookies._split_domain = TLDExtract(
    cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True
)


class Cookies(cookies.CookiesMiddleware):
    """The built-in list of suffixes is what this one uses."""

    def take(self, own: Iterable[Cookie]) -> None:
        """Add an operator's own cookies; each goes only to where it was set."""
        jar = self.jars[None]
        for cookie in own:
            jar.set_cookie(cookie)
