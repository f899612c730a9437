"""Reads robots.txt, which any host of a picture can write, in time linear in its length."""

from __future__ import annotations

import re

from scrapy import Spider
from scrapy.robotstxt import ProtegoRobotParser

# What every parser must read at least. Source: RFC 9309, section 2.5.
MAX_BYTES = 500 << 10
_AGENT = re.compile(r"\s*user[- ]?agent\s*:?(.*)", re.IGNORECASE)
_OTHERS = "User-agent: others"


class Robots(ProtegoRobotParser):
    """Scrapy's parser, which keeps every rule once for each agent that it is meant for."""

    def __init__(self, robotstxt_body: bytes, spider: Spider | None) -> None:
        text = robotstxt_body[:MAX_BYTES].decode("utf-8-sig", "ignore")
        super().__init__("\n".join(_relevant(text)).encode(), spider)


def _relevant(text: str) -> list[str]:
    """Give the lines, with all agents of a group that are not Haechi as one of another name.

    Thousands of agents with thousands of rules would fill the memory.
    """
    kept: list[str] = []
    named: set[str] = set()
    for line in text.splitlines():
        agent = _AGENT.match(line)
        if agent is None:
            kept.append(line)
            if line.strip() and not line.lstrip().startswith("#"):
                named.clear()
            continue
        asked = agent[1].partition("#")[0].lower()
        line = line if "haechi" in asked or asked.strip() == "*" else _OTHERS
        if line not in named:
            named.add(line)
            kept.append(line)
    return kept
