"""Keeps every connection of a crawl on permitted addresses, whatever a page or DNS says."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest

from crawlers.addresses import AddressRules

_REAL = "_haechi_real_connect_tcp"


class AddressBlocked(IgnoreRequest):
    """A connection that the rules forbid; IgnoreRequest, so that it is not tried again."""


class AddressGuard:
    """Refuses other schemes, and wraps the reactor's one way to connect.

    The wrapped call gets the literal address after DNS, for each redirect and each address of a
    name; so a name that is re-pointed between check and use gains nothing.
    """

    def __init__(self, rules: AddressRules) -> None:
        from twisted.internet import reactor  # must not be imported before Scrapy installs it

        self._rules = rules
        install(reactor, rules)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> AddressGuard:
        """Take the rules from the spider: they differ by source."""
        rules = getattr(crawler.spider, "address_rules", AddressRules())
        return cls(rules)

    def process_request(self, request: Request) -> None:
        """Refuse what is not http or https, or names a forbidden address outright.

        Raises:
            AddressBlocked: Says which.
        """
        parts = urlsplit(request.url)
        if parts.scheme not in ("http", "https"):
            raise AddressBlocked("only http and https are fetched")
        try:
            host = str(ipaddress.ip_address(parts.hostname or ""))
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            return
        if not self._rules.permit(host, port):
            raise AddressBlocked(f"{host}:{port} is not a permitted address")


def install(reactor: Any, rules: AddressRules) -> None:  # noqa: ANN401 - reactors are untyped
    """Have every connection of the reactor checked; installing again replaces the rules."""
    real: Callable[..., Any] = getattr(reactor, _REAL, reactor.connectTCP)

    def connect_tcp(host: str, port: int, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if not rules.permit(host, port):
            raise AddressBlocked(f"{host}:{port} is not a permitted address")
        return real(host, port, *args, **kwargs)

    setattr(reactor, _REAL, real)
    reactor.connectTCP = connect_tcp
