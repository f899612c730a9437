from __future__ import annotations

import pytest

from tests.fixtures import kernels


@pytest.fixture(params=kernels.WAYS, autouse=True)
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels.use(request.param, monkeypatch)
