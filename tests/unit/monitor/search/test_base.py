"""What documents and queries refuse."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.errors import Misuse
from monitor.search.base import Query, SearchDoc, storable_doc

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001


def test_document_needs_an_aware_time() -> None:
    with pytest.raises(ValueError, match="aware"):
        SearchDoc("post", "1", NAIVE, "@a", "", "")


def test_query_names_the_time_that_lacks_a_zone() -> None:
    with pytest.raises(Misuse, match="until"):
        Query(until=NAIVE)


def test_deep_paging_names_the_way_out() -> None:
    with pytest.raises(Misuse, match="narrow"):
        Query(offset=10_001)


def test_storable_document_keeps_all_but_lone_surrogates() -> None:
    doc = SearchDoc("post", "1", datetime.now(UTC), "@a", "사진 🔥", "u", None, {"n": 1, "b": None})
    assert storable_doc(doc) == doc
