from __future__ import annotations

import sys

import pytest

from monitor.sandbox import box, probe
from monitor.settings import SandboxSettings


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="told as it is elsewhere")
def test_everything_holds_here_and_is_told_in_words() -> None:
    found = list(probe.try_out(SandboxSettings(memory_mb=600, seconds=20)))
    assert [one for one in found if not one.holds] == []
    told = {one.what: one.detail for one in found}
    assert told["sandbox, network"] == "no socket can be made"
    assert told["sandbox, memory"] == "600 MiB at most"
    assert told["sandbox, time"] == "20 s a picture"


def test_what_does_not_hold_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without the filter, as on a system that has none.
    started = box.Sandbox._started

    def unfiltered(self: box.Sandbox) -> object:
        self._module = "tests.fixtures.unfiltered_probe"
        return started(self)

    monkeypatch.setattr(box.Sandbox, "_started", unfiltered)
    found = {one.what.removeprefix("sandbox, "): one for one in probe.try_out(SandboxSettings())}
    open_ways = {what for what, one in found.items() if not one.holds}
    assert open_ways == {"network", "reading", "programs"}
    assert found["network"].detail == "sockets can be made"
    # Limits hold everywhere.
    assert all(found[what].holds for what in ("writing", "memory", "time"))
