"""The daemon as a process of its own: only there do signals, locks and pipes mean what they do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "monitor.cli.main")
ROOT = Path(__file__).resolve().parents[4]


def started(*arguments: str | Path, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        text=True,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,  # type: ignore[call-overload]  # of Popen itself
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_daemon_is_refused_and_the_first_ends_on_a_signal(
    folder: Path, number: signal.Signals
) -> None:
    with started("--home", folder, "run") as first:
        assert first.stderr is not None
        for line in first.stderr:
            if json.loads(line)["event"] == "daemon.started":
                break
        with started("--home", folder, "run") as second:
            _, told = second.communicate(timeout=30)
        assert second.returncode == 1
        assert f"another `haechi run` is at work on {folder} (process {first.pid})" in told
        assert len(told.splitlines()) == 1
        first.send_signal(number)
        first.communicate(timeout=30)
    assert first.returncode == 0


def test_init_reads_the_contact_from_a_pipe_and_needs_one(tmp_path: Path) -> None:
    with started("init", tmp_path / "a") as asked:
        _, told = asked.communicate("", timeout=30)
    assert asked.returncode == 2
    assert "--contact" in told
    with started("init", tmp_path / "a") as asked:
        out, _ = asked.communicate("team@example.org\n", timeout=30)
    assert asked.returncode == 0
    assert "ready" in out


def test_a_reader_that_goes_away_is_not_worth_a_word(folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [*COMMAND, "--home", str(folder), "status", "--json"],
        cwd=ROOT,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert ended.stderr == ""
