from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.exchange import Given, Kind, format_of
from monitor.exchange.threatexchange import FORMAT
from monitor.models.case import Partner
from tests.fixtures.stock import NOW, digest, fingerprint


def read(path: Path, *lines: str) -> list[Given]:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert format_of(path) is FORMAT
    return list(FORMAT.read(path, Kind.PDQ))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signals.csv"


def test_a_local_dataset_is_read(path: Path) -> None:
    pdq, md5, text = read(
        path,
        "signal_type,signal_str,collab,category,tags",
        f"pdq,{digest(1).upper()},Ours,POSITIVE_CLASS,a b",
        f"video_md5,{'ab' * 16},,,",
        'raw_text,"a, b",Ours,,',
    )
    assert pdq.hashes == {Kind.PDQ: digest(1)}
    assert pdq.partner == Partner(
        "ThreatExchange", f"Ours/{digest(1)}", "POSITIVE_CLASS", {"Ours": "POSITIVE_CLASS"}
    )
    assert md5.hashes == {Kind.MD5: "ab" * 16}
    assert text.unusable == "raw_text"


def test_queried_descriptors_are_read_and_what_is_not_malicious_is_taken_back(path: Path) -> None:
    first, second = read(
        path,
        "\ufeffid,type,indicator,status",
        f"77,HASH_PDQ,{digest(1)},MALICIOUS",
        f"78,HASH_SHA256,{digest(2)},NON_MALICIOUS",
    )
    assert first.partner is not None
    assert (first.partner.cases, first.is_gone) == ({"77": "MALICIOUS"}, False)
    assert (second.hashes, second.is_gone) == ({Kind.SHA256: digest(2)}, True)


@pytest.mark.parametrize("row", ["pdq", f"pdq,{digest(1)}0,", 'pdq,"a', "a,b,c,d,e", "\0"])
def test_a_bad_row_is_told_and_the_others_are_read(path: Path, row: str) -> None:
    bad, good = read(path, "signal_type,signal_str,collab", row, f"pdq,{digest(1)},x")
    assert bad.fault
    assert bad.place == "line 2"
    assert good.hashes


def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless() -> None:
    partner = Partner("ThreatExchange", digest(1), "=1+1", {"@x": ""})
    one = replace(fingerprint("p", [digest(1)]), partner=partner)
    assert list(FORMAT.write([one], Kind.PDQ, NOW))[1] == f"pdq,{digest(1)},'@x,'=1+1,\n"
