"""The daemon as a process of its own: only there do signals, locks and pipes mean what they do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
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
        assert first.stderr.readline() == "haechi: watching 0 sources; Ctrl-C stops\n"
        assert "haechi sources add" in first.stderr.readline()
        for line in first.stderr:
            if json.loads(line)["event"] == "daemon.started":
                break
        with started("--home", folder, "run") as second:
            _, told = second.communicate(timeout=30)
        assert second.returncode == 1
        assert f"another `haechi run` is at work on {folder} (process {first.pid})" in told
        assert len(told.splitlines()) == 1
        first.send_signal(number)
        _, told = first.communicate(timeout=30)
        assert told.splitlines()[-1] == "haechi: stopped"
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


def test_ctrl_c_ends_a_question_without_a_traceback(tmp_path: Path) -> None:
    with started("init", tmp_path / "a") as asked:
        assert asked.stderr is not None
        while "?" not in asked.stderr.read(1):
            pass
        asked.send_signal(signal.SIGINT)
        told = asked.stderr.read()
    assert asked.returncode == 130
    assert "Traceback" not in told
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("pause_s", [0.05, 0.2, 0.4])
def test_ctrl_c_while_the_command_is_loaded_ends_it_without_a_traceback(
    folder: Path, pause_s: float
) -> None:
    code = "import monitor.cli.main as command, sys; sys.stderr.write('!'); command.main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "--home", str(folder), "run"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        process.stderr.read(1)
        time.sleep(pause_s)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
    assert process.returncode in (0, 130)
    assert b"Traceback" not in told


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


def test_on_a_terminal_there_are_lines_for_people_and_the_log_is_in_its_file(folder: Path) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [*COMMAND, "--home", str(folder), "run"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        log = folder / "logs" / "haechi.log"
        deadline = time.monotonic() + 30
        while not log.exists() or "daemon.started" not in log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    told = os.read(ours, 9_999).decode()
    os.close(ours)
    assert [line.partition(";")[0].partition(" while")[0] for line in told.splitlines()] == [
        "haechi: watching 0 sources",
        "haechi: add one",
        "haechi: stopped",
    ]
