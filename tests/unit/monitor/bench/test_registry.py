from __future__ import annotations

import pytest

from monitor.bench import BENCHES, Options, registry


def test_each_step_is_timed(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_FEW", 300)
    monkeypatch.setattr(registry, "_TRIES", 2)
    rows = {row["step"]: row["seconds"] for row in BENCHES["registry"].run(options)}
    assert list(rows) == [
        "import a list of them",
        "put them into files",
        "open the bank",
        "see an enrolment",
        "see a withdrawal",
        "look for a photo in as many media",
    ]
