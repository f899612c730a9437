from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.bench import Options, _reference, matching
from monitor.bench._crowd import crowd
from monitor.cli.demo.pictures import original, photograph
from monitor.errors import Misuse


@pytest.fixture(autouse=True)
def _little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_ROUNDS", 1)
    monkeypatch.setattr(matching, "_POSTS", 1)
    monkeypatch.setattr(matching, "_STRANGERS", 2)
    monkeypatch.setattr(matching, "_LONGEST", 320)
    monkeypatch.setattr(matching, "_BANKS", (3,))
    monkeypatch.setattr(matching, "_LARGE", 7)


def test_search_is_told_in_units_of_hashing_the_same_post(options: Options) -> None:
    peer, *rows = matching.run(options)
    assert peer["times_peer"] == 1
    assert [(row["way"], row["photos"]) for row in rows] == [
        ("exact, PDQ, panels", 0),
        ("windows", 0),
        ("features", 0),
        ("windows in 3", 3),
        ("features in 3", 3),
        ("by hashes in 3", 3),
        ("all in 3", 3),
    ]


def test_the_large_bank_is_for_those_who_ask(options: Options) -> None:
    rows = matching.run(replace(options, large=True))
    assert [row["photos"] for row in rows] == [0] * 4 + [3] * 4 + [7] * 4


def test_without_the_reference_our_own_hash_is_the_peer(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_reference, "IS_THERE", False)
    assert "pdqhash is not installed" in str(matching.run(options)[0]["way"])


def test_a_post_shows_no_photo_of_the_bank(options: Options) -> None:
    one, *others = matching._pictures(options)
    strangers = [matching.enrolled_features(other.rgb) for other in others]
    bank = matching.LocalIndex(crowd(strangers, 20))
    assert len(bank) == 20
    assert all(hit.agreement.agreeing < 3 for hit in bank.search(matching.probe_of(one.rgb)))


def test_too_few_pictures_are_refused(options: Options, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(original(photograph(1, (96, 96))).data)
    with pytest.raises(Misuse, match="needs 3 pictures or more"):
        matching.run(replace(options, photos=tmp_path))
