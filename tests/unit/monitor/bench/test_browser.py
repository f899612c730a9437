from __future__ import annotations

import pytest

from monitor.bench import BENCHES, Options, browser
from tests.fixtures import chromium

pytestmark = pytest.mark.xdist_group("browser")


def test_pages_are_read_and_what_they_cost_is_told(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    chromium.executable()
    for name, small in (("_PAGES", 4), ("_WARM", 1), ("_SAMPLES", 2), ("_POSTS", 2)):
        monkeypatch.setattr(browser, name, small)
    assert BENCHES["browser"].run is browser.run
    (row,) = browser.run(options)
    assert row["pages"] == 4
    # The application's own code of some 300 KiB is not loaded again.
    assert float(row["kib_loaded_a_page"] or 0) < 50
    assert 0 < float(row["mib_last"] or 0) <= float(row["mib_most"] or 0)
