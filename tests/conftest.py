"""Fixtures for all tests: a home folder, and a loopback world to crawl."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.world import Home, World, configuration, empty_world, new_home, small_talk

MINIMAL = '[operator]\ncontact = "mailto:team@example.org"\n\n[network]\ndelay_s = 0\n'


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home folder without sources and cases; nothing is listening for its mails."""
    with new_home(tmp_path / "home", MINIMAL) as made:
        yield made


@pytest.fixture
def world() -> Iterator[World]:
    """A small forum and channel on this machine, with 3 reposts, and a mail server."""
    with empty_world() as made:
        small_talk(made)
        yield made


@pytest.fixture
def world_home(world: World, tmp_path: Path) -> Iterator[Home]:
    """A home folder that may crawl the world; cases 1 and 2 are enrolled, no source is watched."""
    with new_home(tmp_path / "home", configuration(world)) as made:
        made.enrol("case-1", 1)
        made.enrol("case-2", 2)
        yield made


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Callable[..., Home]]:
    """Make homes: `homes(toml, network={"timeout_s": 1})`."""
    with ExitStack() as stack:

        def make(toml: str = MINIMAL, **extra: dict[str, object]) -> Home:
            folder = tmp_path / f"home-{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(new_home(folder, toml, extra))

        yield make
