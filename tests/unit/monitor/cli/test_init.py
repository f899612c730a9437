from __future__ import annotations

import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.init import SAMPLE
from monitor.settings import Settings, load
from monitor.store.store import Store

Haechi = Callable[..., Any]


@pytest.mark.parametrize(
    ("contact", "kept"),
    [
        ("mailto:a@b.org", "mailto:a@b.org"),
        ("a@b.org", "mailto:a@b.org"),
        ("https://b.org/contact?a='x'", "https://b.org/contact?a='x'"),
        ('https://b.org/"\\', 'https://b.org/"\\'),
    ],
)
def test_init_makes_settings_and_a_store_for_its_owner_only(
    haechi: Haechi, tmp_path: Path, contact: str, kept: str
) -> None:
    home = tmp_path / "a" / "home"
    ended = haechi("init", home, "--contact", contact)
    assert ended.code == 0
    assert f"ready: {home}" in ended.out
    assert load(home).operator.contact == kept
    assert home.stat().st_mode & 0o077 == 0
    assert (home / "haechi.toml").stat().st_mode & 0o077 == 0
    store = Store(load(home).store_url)
    store.check()
    store.close()
    assert haechi("--home", home, "status").code == 0


def test_the_contact_may_come_from_a_pipe(haechi: Haechi, tmp_path: Path) -> None:
    ended = haechi("init", tmp_path, stdin="mailto:a@b.org\n")
    assert ended.code == 0
    assert load(tmp_path).operator.contact == "mailto:a@b.org"


@pytest.mark.parametrize("stdin", ["", "\n"])
def test_without_a_contact_nothing_is_made(haechi: Haechi, tmp_path: Path, stdin: str) -> None:
    ended = haechi("init", tmp_path / "home", stdin=stdin)
    assert ended.code == 2
    assert "--contact" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("contact", ["nobody", "two words", "ftp://x", "a@b\nc", "해치"])
def test_a_contact_that_is_none_is_misuse_and_nothing_is_made(
    haechi: Haechi, tmp_path: Path, contact: str
) -> None:
    ended = haechi("init", tmp_path / "home", "--contact", contact)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_init_on_an_old_folder_keeps_its_settings_and_what_is_stored(
    haechi: Haechi, tmp_path: Path
) -> None:
    haechi("init", tmp_path, "--contact", "a@b.org")
    haechi("--home", tmp_path, "sources", "add", "@channel")
    path = tmp_path / "haechi.toml"
    path.write_text(path.read_text() + "# mine\n")
    for contact in ((), ("--contact", "a@b.org"), ("--contact", "mailto:a@b.org")):
        assert haechi("init", tmp_path, *contact).code == 0
    assert path.read_text().endswith("# mine\n")
    assert load(tmp_path).operator.contact == "mailto:a@b.org"
    assert len(haechi("--home", tmp_path, "sources", "list", "--json").rows) == 1


def test_another_contact_for_an_old_folder_is_refused_with_the_place_to_change_it(
    haechi: Haechi, tmp_path: Path
) -> None:
    haechi("init", tmp_path, "--contact", "a@b.org")
    before = (tmp_path / "haechi.toml").read_bytes()
    ended = haechi("init", tmp_path, "--contact", "other@b.org")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert f"{tmp_path / 'haechi.toml'} exists and keeps its contact mailto:a@b.org" in ended.err
    assert "operator.contact" in ended.err
    assert (tmp_path / "haechi.toml").read_bytes() == before


def test_init_takes_the_folder_of_home_and_this_one(
    haechi: Haechi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert haechi("--home", tmp_path / "a", "init", "--contact", "a@b.org").code == 0
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    assert haechi("init", "--contact", "a@b.org").code == 0
    assert sorted(one.parent.name for one in tmp_path.glob("*/haechi.toml")) == ["a", "b"]


def test_a_place_that_can_not_be_written_is_one_line(haechi: Haechi, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = haechi("init", tmp_path / "file", "--contact", "a@b.org")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "can't write" in ended.err


def test_the_sample_has_each_setting_with_a_comment_and_its_default(tmp_path: Path) -> None:
    lines = SAMPLE.format(contact='""').splitlines()
    shown = "\n".join(line.removeprefix("# ") if " = " in line else line for line in lines)
    sections = tomllib.loads(shown)
    # These have no default, or belong in no file.
    sections["mail"].pop("password_file")
    sections["browser"].pop("executable")
    for name in ("api_id", "api_hash_file", "dc_public_key", "since"):
        sections["telegram"].pop(name)
    defaults = Settings().model_dump(mode="json", by_alias=True)
    del defaults["mail"]["password"], defaults["mail"]["password_file"], defaults["features"]["key"]
    for name in ("api_id", "api_hash", "api_hash_file", "dc_public_key", "since"):
        assert defaults["telegram"].pop(name) is None
    assert defaults["browser"].pop("executable") is None
    assert sections == defaults
    for above, line in pairwise(lines):
        if " = " in line:
            assert above.startswith("# "), line
            assert " = " not in above, line
