"""Scrapy's settings, derived from Haechi's own."""

from __future__ import annotations

from typing import Any

from monitor import __version__
from monitor.errors import NotConfigured
from monitor.settings import Settings, find_home, load


def scrapy_settings(settings: Settings) -> dict[str, Any]:
    """Derive Scrapy's settings.

    Raises:
        NotConfigured: The operator's contact is missing: sites must be able to reach them.
    """
    contact = settings.operator.contact
    if not contact:
        raise NotConfigured(
            "operator.contact is not set: sites must be able to reach who crawls them; "
            "set it in haechi.toml, such as mailto:you@example.org"
        )
    network = settings.network
    return {
        "BOT_NAME": "haechi",
        "SPIDER_MODULES": ["crawlers.spiders"],
        "USER_AGENT": f"Haechi/{__version__} (+{contact})",
        "ROBOTSTXT_OBEY": network.obey_robots,
        "ROBOTSTXT_PARSER": "crawlers.robots.Robots",
        "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
        "ITEM_PIPELINES": {"pipelines.scrapy_adapter.ChainPipeline": 100},
        "DOWNLOAD_HANDLERS": dict.fromkeys(("http", "https"), "crawlers.pages.handler.Pages"),
        "DOWNLOADER_MIDDLEWARES": {
            "crawlers.middlewares.address_guard.AddressGuard": 10,
            "scrapy.downloadermiddlewares.cookies.CookiesMiddleware": None,
            "crawlers.middlewares.cookies.Cookies": 700,
            "crawlers.middlewares.enough.Enough": 940,
            # Last before the download: a request that another one stops must not use up a turn.
            "crawlers.middlewares.politeness.Politeness": 950,
        },
        "HAECHI_PACE_FOLDER": settings.home / "run" / "pace",
        "HAECHI_DELAY_S": network.delay_s,
        # The pause is kept by Politeness, over all processes.
        "DOWNLOAD_DELAY": 0,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_TIMEOUT": network.timeout_s,
        "DOWNLOAD_MAXSIZE": network.max_page_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "REDIRECT_MAX_TIMES": network.max_redirects,
        "METAREFRESH_ENABLED": False,
        # Which page a picture was found on is nobody's business.
        "REFERRER_POLICY": "no-referrer",
        "HTTPPROXY_ENABLED": False,
        # The chain, the host name and the dates.
        "DOWNLOAD_VERIFY_CERTIFICATES": network.verify_tls,
        "TELNETCONSOLE_ENABLED": False,
        "REACTOR_THREADPOOL_MAXSIZE": 4,
        # It would listen on a port and run what it is sent, and leave files in the user's home.
        "REMOTE_CONTROL_ENABLED": False,
        "EXTENSIONS": {"scrapy.extensions.remote_control.RemoteControl": None},
        "AUTOTHROTTLE_ENABLED": False,
        "LOG_LEVEL": "WARNING",
        "RETRY_GIVE_UP_LOG_LEVEL": "WARNING",
        "RETRY_TIMES": 2,
    }


def _for_scrapy_command() -> dict[str, Any]:
    """Settings for `scrapy list` and `scrapy crawl`; without a home folder only to list."""
    try:
        return scrapy_settings(load(find_home(None)))
    except NotConfigured:
        return {"BOT_NAME": "haechi", "SPIDER_MODULES": ["crawlers.spiders"]}


globals().update(_for_scrapy_command())
