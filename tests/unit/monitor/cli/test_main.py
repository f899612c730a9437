from __future__ import annotations

import errno
import os
import re
import resource
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy.exc import OperationalError

from monitor import __version__
from monitor.cli.app import app
from monitor.store import cases
from monitor.store.store import Store
from tests.fixtures.stock import found

README = Path(__file__).resolve().parents[4] / "README.md"


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if path:
        yield path
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, (*path, name))


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_command_has_help(haechi: Callable[..., Any], path: tuple[str, ...]) -> None:
    for option in ("--help", "-h"):
        ended = haechi(*path, option)
        assert ended.code == 0
        assert "Usage: haechi " + " ".join(path) in ended.out
    text = re.sub(r"(?s)Options:.*", "", ended.out)
    assert len(text.split("\n\n")[1].split()) > 2


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_command_is_in_the_readme(path: tuple[str, ...]) -> None:
    lines = [line for line in README.read_text().splitlines() if f"haechi {path[0]}" in line]
    assert lines
    if len(path) > 1:
        assert any(re.search(rf"\b{path[1]}\b", line) for line in lines)


def test_each_command_in_the_readme_exists() -> None:
    known = {path[0] for path in COMMANDS}
    named = set(re.findall(r"`(?:\$ )?haechi ([a-z]+)", README.read_text()))
    assert named
    assert named <= known


def test_the_version_is_printed(haechi: Callable[..., Any]) -> None:
    assert haechi("--version").out == f"haechi {__version__}\n"


@pytest.mark.parametrize("arguments", [("nonsense",), ("enrol",), ("search",), ("--nonsense",)])
def test_what_is_no_command_is_misuse(
    haechi: Callable[..., Any], arguments: tuple[str, ...]
) -> None:
    ended = haechi(*arguments)
    assert ended.code == 2
    assert ended.err


NEEDS_A_HOME = [
    ("status",),
    ("cases",),
    ("sources",),
    ("findings", "list"),
    ("alerts", "test"),
    ("crawl", "--all"),
    ("run",),
    ("search", "x"),
    ("posts",),
    ("hunt",),
    ("index", "rebuild"),
    ("enrol", "x.jpg", "--case", "1"),
]


@pytest.mark.parametrize("command", NEEDS_A_HOME, ids=" ".join)
def test_without_a_configuration_every_command_says_how_to_make_one(
    haechi: Callable[..., Any], tmp_path: Path, command: tuple[str, ...]
) -> None:
    ended = haechi("--home", tmp_path, *command)
    assert ended.code == 2
    assert ended.err.startswith("haechi: no configuration")
    assert "haechi init" in ended.err
    assert ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", NEEDS_A_HOME, ids=" ".join)
def test_with_a_damaged_store_every_command_says_so_in_one_line(
    at_home: Callable[..., Any], folder: Path, command: tuple[str, ...]
) -> None:
    (folder / "haechi.db").write_bytes(b"this is no database" * 1_000)
    ended = at_home(*command)
    assert ended.code == 1
    assert "is damaged" in ended.err
    assert ended.err.count("\n") == 1


def test_in_a_folder_that_was_deleted_every_command_says_so_in_one_line(
    haechi: Callable[..., Any], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for command in (("status",), ("init",), ("demo",), ("--home", "x", "crawl", "--all")):
        ended = haechi(*command)
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert "the current folder does not exist any more" in ended.err
        assert "--home" in ended.err
    assert haechi("--home", folder, "status").code == 0
    monkeypatch.chdir(tmp_path)


def test_a_home_that_may_not_be_written_is_told_with_what_it_needs(
    at_home: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OperationalError("", {}, sqlite3.OperationalError("readonly database"))

    monkeypatch.setattr(cases, "every", refused)
    ended = at_home("cases", "list")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert f"write that file and its folder {folder}" in ended.err


@pytest.mark.parametrize("blocker", ["logs", "logs/haechi.log"])
def test_a_log_that_can_not_be_written_is_one_line(
    at_home: Callable[..., Any], folder: Path, blocker: str
) -> None:
    path = folder / blocker
    if blocker == "logs":
        path.touch()
    else:
        path.mkdir(parents=True)
    ended = at_home("status")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert f"can't write the log {folder}/logs/haechi.log" in ended.err


def test_what_the_machine_refuses_is_told_in_its_words(
    at_home: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/srv/haechi/x")

    monkeypatch.setattr(cases, "every", full)
    ended = at_home("cases", "list")
    assert (ended.code, ended.err) == (1, "haechi: /srv/haechi/x: no space left on device\n")


def test_a_variable_that_is_no_setting_is_named_with_the_one_that_was_meant(
    at_home: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_MIAL__HOST", "smtp.example.org")
    ended = at_home("status")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "HAECHI_MIAL__HOST" in ended.err
    assert "did you mean HAECHI_MAIL__HOST?" in ended.err


def test_a_missing_store_is_one_line(at_home: Callable[..., Any], folder: Path) -> None:
    (folder / "haechi.db").unlink()
    ended = at_home("status")
    assert ended.code == 1
    assert "`haechi init` makes it" in ended.err


def test_the_home_may_come_from_the_environment(
    haechi: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_HOME", str(folder))
    assert haechi("status", "--json").rows[0]["home"] == str(folder)


def test_a_wrong_setting_is_named(at_home: Callable[..., Any], folder: Path) -> None:
    (folder / "haechi.toml").write_text("[crawl]\nworkrs = 2\n")
    ended = at_home("status")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "crawl.workrs" in ended.err


LISTINGS = [
    ("cases",),
    ("cases", "list"),
    ("sources", "list"),
    ("findings", "list"),
    ("alerts", "list"),
    ("posts",),
    ("search", ""),
]


@pytest.mark.parametrize("command", LISTINGS, ids=" ".join)
def test_a_listing_of_nothing_prints_no_line_of_json_and_a_word_for_people(
    at_home: Callable[..., Any], command: tuple[str, ...]
) -> None:
    ended = at_home(*command, "--json")
    assert (ended.code, ended.out) == (0, "")
    ended = at_home(*command)
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 1


def test_what_is_kept_is_its_owners_only_whatever_the_umask(
    at_home: Callable[..., Any], photos: list[Path], tmp_path: Path
) -> None:
    os.umask(0)
    for name in ("a.json", "b.json"):
        at_home("fingerprint", photos[0], "-o", tmp_path / name)
    at_home("enrol", photos[0], "--case", "1")
    at_home("index", "rebuild")
    at_home("cases", "export", "1", "-o", tmp_path / "c.json")
    made = [*tmp_path.glob("*.json"), *(tmp_path / "home").rglob("*")]
    before = {"haechi.toml", "haechi.db"}
    assert len(made) > 5
    for path in made:
        assert path.name in before or path.stat().st_mode & 0o077 == 0, path


def test_no_dump_of_a_process_that_saw_a_photo_is_written(at_home: Callable[..., Any]) -> None:
    at_home("status")
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


def test_an_error_of_our_own_is_one_line_that_quotes_nothing(
    at_home: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a word of a crawled page")

    monkeypatch.setattr(cases, "every", broken)
    ended = at_home("cases", "list")
    assert ended.code == 1
    assert re.fullmatch(
        r"haechi: an error in Haechi itself: KeyError at test_main\.py:\d+ broken\n", ended.err
    )
    text = (folder / "logs" / "haechi.log").read_text()
    assert "command.bug" in text
    assert "crawled page" not in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nonsense",), "no such command 'nonsense'; see haechi --help"),
        (("enrol",), "missing argument 'paths'; see haechi enrol --help"),
        (("--nonsense",), "no such option: --nonsense; see haechi --help"),
        (("search", "x", "--limit"), "option '--limit' requires an argument; see haechi --help"),
        (
            ("search", "x", "--limit", "0"),
            "--limit: '0' is not a whole number from 1 to 1000; see haechi search --help",
        ),
        (
            ("findings", "--status", "maybe"),
            "--status: 'maybe' is not one of 'new', 'confirmed', 'dismissed'; "
            "see haechi findings list --help",
        ),
        (
            ("posts", "\x1b[2J"),
            "got unexpected extra argument(s) (\\x1b[2J); see haechi posts --help",
        ),
    ],
)
def test_a_command_line_that_can_not_be_understood_is_told_in_one_line(
    haechi: Callable[..., Any], arguments: tuple[str, ...], told: str
) -> None:
    ended = haechi(*arguments)
    assert (ended.code, ended.out, ended.err) == (2, "", f"haechi: {told}\n")


def test_a_command_that_is_told_nothing_shows_its_help(haechi: Callable[..., Any]) -> None:
    for arguments in ((), ("index",)):
        ended = haechi(*arguments)
        assert ended.code == 2
        assert ended.err.startswith("Usage: haechi")


@pytest.mark.parametrize("group", ["cases", "sources", "findings", "alerts"])
def test_options_before_the_command_of_a_group_are_the_commands_own(
    at_home: Callable[..., Any], store: Store, group: str
) -> None:
    with store.write() as db:
        found(db)
    (row,) = at_home(group, "list", "--json").rows
    for words in (("--json",), ("--json", "list"), ("list", "--json")):
        assert at_home(group, *words).rows == [row]
    ended = at_home(group, "--nonsense", "list")
    assert (ended.code, ended.err.count("\n")) == (2, 1)


def test_options_of_a_list_are_refused_by_a_command_that_has_none_such(
    at_home: Callable[..., Any], store: Store
) -> None:
    with store.write() as db:
        (finding,) = found(db)
    assert at_home("findings", "--json", "show", finding).rows[0]["id"] == finding
    ended = at_home("findings", "--case", "case-1", "confirm", finding)
    assert (ended.code, ended.out) == (2, "")
    assert "no such option: --case; see haechi findings confirm --help" in ended.err
    assert at_home("findings", "--case", "nope", "list").code == 2
    assert at_home("findings", "--status", "dismissed", "list", "--json").rows == []


def test_no_line_of_a_help_is_cut(haechi: Callable[..., Any]) -> None:
    for arguments in ((), *((path[0],) for path in COMMANDS if len(path) > 1)):
        assert "..." not in haechi(*arguments, "--help").out.partition("Commands:")[2], arguments
