from __future__ import annotations

from pathlib import Path

import pytest

from crawlers.pages import executable
from crawlers.pages.executable import find
from monitor.errors import NotConfigured
from monitor.settings import BrowserSettings


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a browser."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PLAYWRIGHT_BROWSERS_PATH", raising=False)
    return tmp_path


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.touch(mode=0o755)
    return path


def test_without_any_the_way_out_is_named() -> None:
    with pytest.raises(NotConfigured, match="apt install chromium") as told:
        find(BrowserSettings())
    assert "\n" not in str(told.value)


def test_the_one_in_the_settings_comes_before_the_system_s_and_that_before_playwright_s(
    bare: Path,
) -> None:
    own = program(bare / ".cache/ms-playwright/chromium-1200/chrome-linux64/chrome")
    assert find(BrowserSettings()) == own
    system = program(bare / "bin/chromium")
    assert find(BrowserSettings()) == system
    named = program(bare / "opt/browser")
    assert find(BrowserSettings(executable=named)) == named


def test_of_playwright_s_the_newest_is_taken_also_where_it_was_told_to_keep_them(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(bare / "kept"))
    program(bare / "kept/chromium-999/chrome-linux/chrome")
    newest = program(bare / "kept/chromium-1200/chrome-linux/chrome")
    assert find(BrowserSettings()) == newest


def test_one_that_can_not_be_run_is_named(bare: Path) -> None:
    with pytest.raises(NotConfigured, match=r"browser\.executable: .*gone can't be run"):
        find(BrowserSettings(executable=bare / "gone"))


def test_the_number_of_a_build_is_read_from_its_folder_only() -> None:
    assert executable._build(Path("/a-7/chromium-1200/chrome-linux64/chrome")) == 1200
