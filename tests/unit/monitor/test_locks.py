from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from monitor.errors import Busy
from monitor.locks import hold, is_held, sign, source_lock


def test_a_lock_is_held_while_the_block_runs(tmp_path: Path) -> None:
    assert not is_held(tmp_path, "x")
    with hold(tmp_path, "x", what="a test"):
        assert is_held(tmp_path, "x")
        assert not is_held(tmp_path, "y")
    assert not is_held(tmp_path, "x")


def test_who_comes_second_is_told_who_is_at_work(tmp_path: Path) -> None:
    with hold(tmp_path, "x", what="a first"):
        other = hold(tmp_path, "x", what="a first")
        with pytest.raises(Busy, match=f"a first is at work on .*process {os.getpid()}"):
            other.__enter__()


def test_who_waits_gets_it_when_it_is_free(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with hold(tmp_path, "x", what="a test", wait=True):
            order.append("second")

    thread = threading.Thread(target=second)
    with hold(tmp_path, "x", what="a test"):
        thread.start()
        time.sleep(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_process_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from monitor.locks import hold\n"
        "with hold(Path(sys.argv[1]), 'x', what='a child'):\n"
        "    print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert is_held(tmp_path, "x")
        child.kill()
    assert not is_held(tmp_path, "x")
    with hold(tmp_path, "x", what="a test"):
        pass


def test_looking_at_a_lock_does_not_take_it_away(tmp_path: Path) -> None:
    with hold(tmp_path, "x", what="a test"):
        pass
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            is_held(tmp_path, "x")

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(20):
            with hold(tmp_path, "x", what="a test"):
                pass
    finally:
        stop.set()
        thread.join()


def test_the_folder_of_locks_is_its_owners_only(tmp_path: Path) -> None:
    with hold(tmp_path / "home", "x", what="a test"):
        pass
    assert (tmp_path / "home" / "run").stat().st_mode & 0o077 == 0


def test_each_source_has_a_lock_of_its_own(tmp_path: Path) -> None:
    with hold(tmp_path, source_lock("s1"), what="a test"):
        assert is_held(tmp_path, source_lock("s1"))
        assert not is_held(tmp_path, source_lock("s2"))


def test_a_lock_that_a_child_holds_as_well_names_the_child(tmp_path: Path) -> None:
    with hold(tmp_path, "x", what="a test") as handle:
        sign(handle, 7)
        other = hold(tmp_path, "x", what="a test")
        with pytest.raises(Busy, match=r"\(process 7\)"):
            other.__enter__()
