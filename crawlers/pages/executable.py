"""Finds a Chromium on this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from monitor.errors import NotConfigured
from monitor.settings import BrowserSettings

_COMMANDS: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# Where `playwright install chromium` puts it. Source: Playwright's documentation, "Browsers".
_FOLDERS: Final = ("~/.cache/ms-playwright", "~/Library/Caches/ms-playwright")
_PROGRAMS: Final = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium_headless_shell-*/chrome-headless-shell-*/chrome-headless-shell",
    "chromium_headless_shell-*/chrome-linux*/headless_shell",
)
WAY_OUT: Final = (
    "install Chromium (on Debian: apt install chromium; else: playwright install chromium), "
    "or name one by browser.executable"
)


def find(settings: BrowserSettings) -> Path:
    """Name the program: the one in the settings, the system's, else Playwright's own.

    Raises:
        NotConfigured: There is none; says what to do.
    """
    if settings.executable is not None:
        if not os.access(settings.executable, os.X_OK):
            raise NotConfigured(f"browser.executable: {settings.executable} can't be run")
        return settings.executable
    for command in _COMMANDS:
        if found := shutil.which(command):
            return Path(found)
    folder = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    for place in (folder,) if folder else _FOLDERS:
        for program in _PROGRAMS:
            # By the number of the build: the newest is the one that fits.
            kept = sorted(Path(place).expanduser().glob(program), key=_build)
            if kept:
                return kept[-1]
    raise NotConfigured(f"no browser for pages that scripts make: {WAY_OUT}")


def _build(program: Path) -> int:
    """Read the number of a build from its folder."""
    numbers = [part.rpartition("-")[2] for part in program.parts if part.startswith("chromium")]
    return max((int(number) for number in numbers if number.isdecimal()), default=0)
