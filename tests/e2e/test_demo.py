"""The whole job as anyone can run it: `haechi demo`, in a process and a folder of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from monitor.cli.demo.story import build_story
from monitor.clock import utc_now

MARK = "MARK_OF_THIS_TEST"


@dataclass(frozen=True)
class World:
    """A place to run in: nothing of the user's own is in reach."""

    folder: Path
    mark: str

    @property
    def cwd(self) -> Path:
        return self.folder / "here"

    def run(self, *arguments: str, limit_s: float = 100) -> subprocess.CompletedProcess[str]:
        environment = {
            "HOME": str(self.folder / "user"),
            "TMPDIR": str(self.folder / "tmp"),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            MARK: self.mark,
        }
        return subprocess.run(
            [sys.executable, "-m", "monitor.cli.main", *arguments],
            cwd=self.cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )

    def left_running(self) -> list[str]:
        """Processes that inherited this world's mark."""
        wanted = f"{MARK}={self.mark}".encode()
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                with contextlib.suppress(OSError):
                    if wanted in (process / "environ").read_bytes().split(b"\0"):
                        found.append((process / "cmdline").read_text())
        return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    for name in ("here", "user", "tmp"):
        (tmp_path / name).mkdir()
    return World(tmp_path, uuid4().hex)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def rows(ended: subprocess.CompletedProcess[str]) -> list[Any]:
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_the_demo_finds_and_mails_each_planted_repost_once_and_leaves_a_sound_home(
    world: World,
) -> None:
    # The second act plants one more.
    planted = len(build_story(utc_now()).planted) + 1
    ended = world.run("demo", "--json")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout.splitlines()[-1])
    assert set(result) >= {"posts", "media", "findings", "mails", "seconds"}
    assert len(result["findings"]) == result["mails"] == planted
    assert result["posts"] > planted
    assert result["media"] > planted
    assert result["seconds"] < 60
    assert {one["case"] for one in result["findings"]} == {"case-1", "case-2", "case-3"}
    assert {one["transform"] for one in result["findings"]} > {"none", "flip_y"}
    assert ended.stderr == ""

    assert world.left_running() == []
    assert names(world.cwd) == ["haechi-demo"]
    assert names(world.folder / "user") == []
    assert names(world.folder / "tmp") == []

    home = ("--home", "haechi-demo")
    (status,) = rows(world.run(*home, "status", "--json"))
    assert status["daemon"] is False
    assert status["stored"]["posts"] == result["posts"]
    assert status["findings"]["new"] == status["alerts"]["sent"] == planted
    assert status["index"]["waiting"] == 0
    assert len(rows(world.run(*home, "findings", "list", "--json"))) == planted
    found = rows(world.run(*home, "search", "사진", "--limit", "100", "--json"))
    assert found
    assert all("사진" in one["text"] for one in found)
    # Also within a compound word.
    assert any("합성사진" in one["text"].split() for one in found)
    scanned = rows(world.run(*home, "scan", "haechi-demo/photos", "--json"))
    assert all(one["status"] == "match" for one in scanned)


def test_a_second_demo_takes_the_place_of_the_first_and_of_nothing_else(world: World) -> None:
    old = world.cwd / "haechi-demo"
    old.mkdir()
    (old / ".haechi-demo").touch()
    (old / "stale").touch()
    other = world.cwd / "my-photos"
    other.mkdir()
    (other / "one.jpg").touch()

    refused = world.run("demo", "my-photos")
    assert refused.returncode == 2
    assert "is no demo's" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert names(other) == ["one.jpg"]

    ended = world.run("demo")
    assert ended.returncode == 0, ended.stderr
    assert "nothing is left running" in ended.stdout
    assert not (old / "stale").exists()
    assert (old / "haechi.db").exists()
    assert world.left_running() == []
