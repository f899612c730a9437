"""What a worker can't do, and what becomes of one that tries."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from monitor.errors import HaechiError, MediaError
from monitor.sandbox import box, seccomp
from monitor.sandbox._base import ANSWER, DONE, Breach
from monitor.sandbox.box import Sandbox
from monitor.settings import SandboxSettings
from tests.fixtures.hostile_task import TASK

DENIED = 4_000_000_000

New = Callable[..., Sandbox]


@pytest.fixture
def new() -> Iterator[New]:
    """Make sandboxes of a task that does as it is told."""
    with ExitStack() as stack:

        def make(**settings: int) -> Sandbox:
            return stack.enter_context(
                Sandbox(
                    "tests.fixtures.hostile_task",
                    TASK,
                    SandboxSettings(**settings),
                    options={"denied": DENIED},
                )
            )

        yield make


def number(sandbox: Sandbox, deed: str | bytes) -> int:
    data = deed if isinstance(deed, bytes) else deed.encode()
    return sandbox.run(data, lambda answer, _: answer[0])


def reason(sandbox: Sandbox, deed: str | bytes) -> str:
    with pytest.raises(MediaError) as caught:
        number(sandbox, deed)
    return caught.value.reason


def test_an_item_is_answered_and_no_worker_is_there_before_it(new: New) -> None:
    sandbox = new()
    assert (sandbox.pid, sandbox.starts) == (None, 0)
    assert number(sandbox, "nothing") == 7
    assert number(sandbox, "pid") == sandbox.pid != os.getpid()
    assert sandbox.starts == 1
    sandbox.close()
    assert sandbox.pid is None
    assert number(sandbox, "nothing") == 7


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the filter is Linux's")
@pytest.mark.parametrize(
    "deed", ["print", "socket", "fork", "exec", "kill", "limit", "executable", "read /etc/hostname"]
)
def test_the_kernel_refuses_what_is_not_computing(new: New, deed: str) -> None:
    sandbox = new()
    assert number(sandbox, deed) == DENIED
    assert number(sandbox, "nothing") == 7
    assert sandbox.starts == 1


def test_no_file_is_written(new: New, tmp_path: Path) -> None:
    path = tmp_path / "written"
    assert number(new(), f"write {path}") == DENIED
    assert not path.exists()


def test_also_without_the_filter_nothing_is_written(new: New, tmp_path: Path) -> None:
    path = tmp_path / "written"
    sandbox = new()
    sandbox._module = "tests.fixtures.unfiltered_task"
    assert reason(sandbox, f"write {path}") == Breach.CRASH
    assert not path.exists() or path.stat().st_size == 0


def test_a_worker_has_no_variable_and_no_handle_of_ours(
    new: New, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HAECHI_MAIL__PASSWORD", "secret")
    sandbox = new()
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        assert number(sandbox, "environment") == 0
        # The standard ones, and twice the shared memory.
        assert number(sandbox, "handles") == 5


def test_an_endless_item_is_ended_by_its_time_on_the_processor(new: New) -> None:
    sandbox = new(seconds=1)
    started = time.monotonic()
    assert reason(sandbox, "spin") == Breach.TIME
    assert time.monotonic() - started < 10
    assert sandbox.breaches == {Breach.TIME: 1}
    assert number(sandbox, "nothing") == 7


def test_time_is_given_to_each_item_anew(new: New) -> None:
    sandbox = new(seconds=1)
    # Altogether longer than one item may take.
    for _ in range(3):
        assert number(sandbox, "work") == 1
    assert sandbox.starts == 1


def test_an_item_that_waits_for_nothing_is_ended_by_the_clock(new: New) -> None:
    sandbox = new(seconds=1)
    assert reason(sandbox, "sleep") == Breach.TIME
    assert number(sandbox, "nothing") == 7


def test_an_item_that_needs_too_much_memory_is_told_and_the_worker_replaced(new: New) -> None:
    sandbox = new()
    assert reason(sandbox, "allocate") == Breach.MEMORY
    assert number(sandbox, "nothing") == 7
    assert sandbox.starts == 3


@pytest.mark.parametrize("deed", ["crash", "exit", "raise"])
def test_an_item_on_which_workers_die_is_tried_twice(new: New, deed: str) -> None:
    sandbox = new()
    assert reason(sandbox, deed) == Breach.CRASH
    assert (sandbox.starts, sandbox.breaches) == (2, {Breach.CRASH: 2})
    assert number(sandbox, "nothing") == 7


def test_an_item_whose_worker_is_killed_is_done_by_another(new: New) -> None:
    sandbox = new()
    number(sandbox, "nothing")
    first = sandbox.pid
    assert first is not None
    started = time.monotonic()
    os.kill(first, signal.SIGSTOP)
    waiting = subprocess.Popen(["/bin/sh", "-c", f"sleep 0.5; kill -9 {first}"])
    assert number(sandbox, "pid") == sandbox.pid != first
    assert waiting.wait() == 0
    assert time.monotonic() - started < 10
    assert sandbox.breaches == {Breach.CRASH: 1}


def test_a_worker_that_died_between_two_items_is_replaced_without_a_word(new: New) -> None:
    sandbox = new()
    number(sandbox, "nothing")
    assert sandbox.pid is not None
    os.kill(sandbox.pid, signal.SIGKILL)
    time.sleep(0.2)
    assert number(sandbox, "nothing") == 7
    assert (sandbox.starts, sandbox.breaches) == (2, {})


def test_a_worker_is_replaced_after_its_items(new: New) -> None:
    sandbox = new(items=3)
    pids = [number(sandbox, "pid") for _ in range(7)]
    assert [pids.count(one) for one in dict.fromkeys(pids)] == [3, 3, 1]


def test_what_is_refused_is_said_in_words_of_ours_and_breaks_nothing(new: New) -> None:
    sandbox = new()
    assert reason(sandbox, "refuse") == "refused"
    assert (sandbox.starts, sandbox.breaches) == (1, {})


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER.pack(9, 0) + bytes(4),
        ANSWER.pack(1, 200) + bytes(4),
        b"\xff" * 6,
    ],
)
def test_an_answer_that_can_not_be_is_a_crash(new: New, answer: bytes) -> None:
    sandbox = new(seconds=2)
    assert reason(sandbox, b"lie " + answer) == Breach.CRASH
    assert number(sandbox, "nothing") == 7


def test_half_an_answer_is_waited_for_and_not_believed(new: New) -> None:
    sandbox = new(seconds=1)
    assert reason(sandbox, b"lie " + ANSWER.pack(DONE, 0)) == Breach.TIME


def pixels(sandbox: Sandbox, size: int, height: int, width: int) -> np.ndarray:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    return sandbox.run(b"send " + content, lambda _, output: output.pixels(height, width, 3))


def test_pixels_come_back_whole_and_read_only(new: New) -> None:
    sandbox = new()
    rgb = pixels(sandbox, 3_000_000, 1_000, 1_000)
    assert rgb.shape == (1_000, 1_000, 3)
    assert rgb.tobytes()[:2_999_808] == bytes(range(256)) * 11_718
    assert not rgb.flags.writeable
    assert pixels(sandbox, 48, 4, 4).shape == (4, 4, 3)


@pytest.mark.parametrize("is_shared", [True, False], ids=["in memory", "by the socket"])
def test_large_pixels_come_back_whole(
    new: New, monkeypatch: pytest.MonkeyPatch, is_shared: bool
) -> None:
    if not is_shared:
        # As where files may not grow, or there are none in memory.
        monkeypatch.setattr(box, "_memory", lambda: None)
    sandbox = new()
    for side in (10, 3_400, 1_000):
        rgb = pixels(sandbox, side * side * 3, side, side)
        start = bytes(range(256))[: side * side]
        assert rgb.tobytes()[: len(start)] == start
    assert sandbox.starts == 1


def test_pixels_that_do_not_come_are_waited_for_and_not_made_up(
    new: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box, "_memory", lambda: None)
    sandbox = new(seconds=1)
    with pytest.raises(MediaError, match="too long"):
        pixels(sandbox, 48, 5, 5)
    assert number(sandbox, "nothing") == 7


def test_a_large_item_is_handed_over_whole(new: New) -> None:
    content = bytes(range(256)) * 100_000
    assert number(new(), b"length " + content) == len(content)


def test_numbers_that_can_not_be_are_a_crash(new: New) -> None:
    def refuse(*_: object) -> None:
        raise ValueError

    sandbox = new()
    with pytest.raises(MediaError, match="crashed"):
        sandbox.run(b"nothing", refuse)
    assert number(sandbox, "nothing") == 7


def test_a_taker_that_fails_leaves_no_worker_in_the_middle_of_an_answer(new: New) -> None:
    sandbox = new()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sandbox.run(b"nothing", fail)
    assert sandbox.pid is None
    assert number(sandbox, "nothing") == 7


def test_a_worker_that_does_not_start_is_no_fault_of_the_picture(
    new: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = new()
    sandbox._module = "tests.fixtures.nothing_there"
    with pytest.raises(HaechiError, match="haechi doctor") as caught:
        number(sandbox, "nothing")
    assert not isinstance(caught.value, MediaError)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(HaechiError, match="No such file"):
        number(new(), "nothing")


PARENT = """
import time
from monitor.sandbox import box
from monitor.settings import SandboxSettings
from tests.fixtures.hostile_task import TASK
one = box.Sandbox("tests.fixtures.hostile_task", TASK, SandboxSettings(),
                  options={{"denied": 0}})
print(one.run(b"pid", lambda answer, _: answer[0]), flush=True)
{then}
"""


@pytest.mark.parametrize("then", ["time.sleep(60)", "one.run(b'sleep', None)"])
def test_a_worker_ends_with_the_process_that_started_it(then: str) -> None:
    program = PARENT.format(then=then)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.kill()
    deadline = time.monotonic() + 10
    while _is_there(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_no_filter_is_written_for_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp.platform, "machine", lambda: "pdp11")
    assert seccomp.confine() is False
