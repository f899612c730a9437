from __future__ import annotations

import sys

import pytest

from monitor import compiled

NAME = "monitor.hashes._pdq_kernels"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    monkeypatch.setattr(compiled, "_saved_s", 0.0)
    monkeypatch.setattr(compiled, "_ready", {})


def test_kernels_are_loaded_once_they_would_have_saved_their_start() -> None:
    assert compiled.kernels(NAME, compiled.START_S / 2) is None
    assert NAME not in sys.modules
    assert compiled.kernels(NAME, compiled.START_S) is sys.modules[NAME]
    assert compiled.kernels(NAME, 0) is sys.modules[NAME]


def test_numpy_does_it_where_numba_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "find_spec", lambda _name: None)
    assert compiled.kernels(NAME, 1e9) is None


def test_numpy_does_it_where_kernels_can_not_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_name: str) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(compiled.importlib, "import_module", refuse)
    assert compiled.kernels(NAME, 1e9) is None
