from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitor.errors import NotConfigured
from monitor.settings import FILE_NAME, Settings, build, find_home, load, parse_private


def written(home: Path, text: str) -> Settings:
    (home / FILE_NAME).write_text(text, encoding="utf-8")
    return load(home)


def complaint(home: Path, text: str) -> str:
    with pytest.raises(NotConfigured) as caught:
        written(home, text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = written(tmp_path, "")
    assert settings.network.obey_robots
    assert settings.network.allow_private == ()
    assert settings.home == tmp_path
    assert settings.store_url == f"sqlite:///{tmp_path}/haechi.db"
    assert settings.search_path == tmp_path / "search.db"


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_MAIL__HOST", "smtp.env.example")
    monkeypatch.setenv("HAECHI_MAIL__TO", '["env@example.org"]')
    settings = written(tmp_path, '[mail]\nhost = "smtp.file.example"\nport = 2525\n')
    assert (settings.mail.host, settings.mail.port) == ("smtp.env.example", 2525)
    assert settings.recipients == ("env@example.org",)


def test_a_relative_home_is_kept_as_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert build(Path("h"), {}).home == tmp_path / "h"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[crawl]\nintervall_s = 5", "crawl.intervall_s"),
        ("[crawls]\ninterval_s = 5", "crawls"),
        ("[crawl]\ninterval_s = 0", "crawl.interval_s"),
        ('[crawl]\ninterval_s = "often"', "crawl.interval_s"),
        ("crawl = 5", "crawl"),
        ("[network]\ndelay_s = -1", "network.delay_s"),
        ("[network]\ndelay_s = nan", "network.delay_s"),
        ('[network]\nallow_private = ["localhost"]', "network.allow_private.0"),
        ('[mail]\nto = ["a@b.org\\r\\nBcc: x@y.org"]', "mail.to.0"),
        ('[mail]\nfrom = "Haechi <a@b.org>"', "mail.from"),
        ('[mail]\nto = ["담당자@example.org"]', "mail.to.0"),
        ('[mail]\nto = ["a(b)@example.org"]', "mail.to.0"),
        ('[mail]\nto = ["a@[127.0.0.1]"]', "mail.to.0"),
        ('[mail]\nto = ["a@b@c.org"]', "mail.to.0"),
        ('[mail]\nto = ["a\\u0000@b.org"]', "mail.to.0"),
        ('[mail]\nhost = "smtp.example.org"\nusername = "a"\nsecurity = "none"', "mail"),
        ('[mail]\nsecurity = "some"', "mail.security"),
        ('[operator]\ncontact = "two words"', "operator.contact"),
        ('[telegram]\npreview_url = "ftp://t.me"', "telegram.preview_url"),
        ('[store]\nurl = "postgres://x"', "store.url"),
    ],
)
def test_a_wrong_setting_is_named_with_the_file(tmp_path: Path, text: str, key: str) -> None:
    told = complaint(tmp_path, text)
    assert f"{tmp_path / FILE_NAME}: {key}: " in told


@pytest.mark.parametrize("text", ["[crawl", "a = ", "\x00", "a = 1\na = 2"])
def test_what_is_no_toml_is_told_with_its_place(tmp_path: Path, text: str) -> None:
    assert "is not valid TOML" in complaint(tmp_path, text)


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes('contact = "해치"'.encode("euc-kr"))
    with pytest.raises(NotConfigured, match="not valid TOML"):
        load(tmp_path)


def test_a_missing_file_says_how_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match=f"haechi init {tmp_path}"):
        load(tmp_path)
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(NotConfigured, match="can't read"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HAECHI_MAIL__HOTS", "smtp.example.org"),
        ("HAECHI_MAIL__PORT", "99999"),
    ],
)
def test_a_wrong_variable_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    told = complaint(tmp_path, "")
    assert name.split("_")[1] in told.upper()


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("HAECHI_MAIL__TO", "a@b.c", """give a JSON list, such as '["team@example.org"]'"""),
        ("haechi_mail__to", '"a@b.c"', """give a JSON list, such as '["team@example.org"]'"""),
        (
            "HAECHI_NETWORK__ALLOW_PRIVATE",
            "127.0.0.1",
            """give a JSON list, such as '["127.0.0.1:8101"]'""",
        ),
        (
            "HAECHI_MAIL",
            "hunter2",
            "this is a section: give one of its settings, such as HAECHI_MAIL__HOST",
        ),
        (
            "HAECHI_CRAWL",
            "[" * 9_999,
            "this is a section: give one of its settings, such as HAECHI_CRAWL__INTERVAL_S",
        ),
    ],
)
def test_a_variable_that_needs_json_says_so_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, advice: str
) -> None:
    monkeypatch.setenv(name, value)
    assert complaint(tmp_path, "") == f"environment: {name}: {advice}"


def test_a_variable_that_is_near_to_none_gets_no_guess(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_FOO", "1")
    assert complaint(tmp_path, "") == "environment: HAECHI_FOO: there is no such setting"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HAECHI_MAIL__HOTS", "HAECHI_MAIL__HOST"),
        ("HAECHI_MIAL__HOST", "HAECHI_MAIL__HOST"),
        ("HAECHI_MAIL_HOST", "HAECHI_MAIL__HOST"),
        ("HAECHI_MAIL__FORM", "HAECHI_MAIL__FROM"),
        ("HAECHI_HOEM", "HAECHI_HOME"),
        ("haechi_crawl__wokers", "HAECHI_CRAWL__WORKERS"),
    ],
)
def test_a_variable_with_a_typing_error_is_named_with_the_one_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "hunter2")
    told = complaint(tmp_path, "")
    assert f"{name}: there is no such setting; did you mean {meant}?" in told
    assert "hunter2" not in told


def test_each_setting_has_a_variable_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_MAIL__FROM", "env@example.org")
    monkeypatch.setenv("haechi_crawl__workers", "3")
    monkeypatch.setenv("HAECHI_NETWORK", '{"delay_s": 2}')
    settings = written(tmp_path, "")
    assert settings.mail.sender == "env@example.org"
    assert (settings.crawl.workers, settings.network.delay_s) == (3, 2)


def test_a_wrong_variable_is_named_and_not_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_CRAWL__WORKERS", "0")
    told = complaint(tmp_path, "[crawl]\nworkers = 2")
    assert told == "environment: HAECHI_CRAWL__WORKERS: crawl.workers: " + (
        "give a whole number from 1 to 64"
    )


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("[crawl]\nworkers = 65", "a whole number from 1 to 64"),
        ("[crawl]\nworkers = 1.5", "a whole number from 1 to 64"),
        ('[crawl]\nworkers = "two"', "a whole number from 1 to 64"),
        ("[crawl]\ninterval_s = 0", "a whole number of at least 1"),
        ("[crawl]\ntime_limit_s = 0", "a number above 0"),
        ("[network]\ntimeout_s = 0", "a number above 0, up to 600"),
        ("[network]\nobey_robots = 7", "true or false"),
        ('[network]\nallow_private = "x"', "a list of texts"),
        ('[mail]\nsecurity = "ssl"', '"none" or "starttls" or "tls"'),
        ("[mail]\nhost = 5", "a text in quotes"),
        ("[mail]\npassword_file = 5", "a text in quotes"),
        ('[telegram]\npreview_url = "t.me"', "a web address without a path"),
    ],
)
def test_a_wrong_value_is_told_with_what_may_stand_there(
    tmp_path: Path, text: str, allowed: str
) -> None:
    assert f": give {allowed}" in complaint(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[crawl]\nworker = 1", "no such setting; did you mean workers?"),
        ("[crawls]\nworkers = 1", "no such setting; did you mean crawl?"),
        ("[mail]\nform = 'a@b.org'", "no such setting; did you mean from?"),
        ("[mail]\nquxbar = 1", "there is no such setting"),
        ("crawl = 5", "this is a section: write [crawl]"),
    ],
)
def test_a_wrong_name_is_told_with_the_one_that_was_meant(
    tmp_path: Path, text: str, told: str
) -> None:
    assert complaint(tmp_path, text).endswith(told) or told in complaint(tmp_path, text)


def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    told = complaint(tmp_path, '[mail]\npassword = "hunter2"')
    assert "HAECHI_MAIL__PASSWORD" in told
    assert "hunter2" not in told


def test_the_password_comes_from_the_environment_and_shows_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_MAIL__PASSWORD", "hunter2")
    settings = written(tmp_path, "")
    assert settings.mail_password() == "hunter2"
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.mail)):
        assert "hunter2" not in shown


def test_the_password_comes_from_a_file_of_its_own(tmp_path: Path) -> None:
    settings = written(tmp_path, '[mail]\npassword_file = "smtp.password"')
    with pytest.raises(NotConfigured, match="can't read"):
        settings.mail_password()
    (tmp_path / "smtp.password").write_text("hunter2\n")
    assert settings.mail_password() == "hunter2"
    (tmp_path / "smtp.password").write_bytes(b"\xff\xfehunter2")
    with pytest.raises(NotConfigured, match="not text") as caught:
        settings.mail_password()
    assert caught.value.__cause__ is None
    assert written(tmp_path, "").mail_password() is None


@pytest.mark.parametrize(
    ("given", "recipients"),
    [
        ({}, ()),
        ({"operator": {"contact": "mailto:a@b.org"}}, ("a@b.org",)),
        ({"operator": {"contact": "https://b.org/contact"}}, ()),
        (
            {"operator": {"contact": "mailto:a@b.org"}, "mail": {"to": ["c@d.org", "e@f.org"]}},
            ("c@d.org", "e@f.org"),
        ),
    ],
)
def test_alerts_go_to_mail_to_or_to_the_operator(
    tmp_path: Path, given: dict[str, Any], recipients: tuple[str, ...]
) -> None:
    assert build(tmp_path, given).recipients == recipients


@pytest.mark.parametrize(
    ("entry", "network", "port"),
    [
        ("127.0.0.1", "127.0.0.1/32", None),
        ("127.0.0.1:8101", "127.0.0.1/32", 8101),
        ("10.1.2.3/8", "10.0.0.0/8", None),
        ("::1", "::1/128", None),
        ("[::1]", "::1/128", None),
        ("[::1]:80", "::1/128", 80),
        ("fd00::/8", "fd00::/8", None),
    ],
)
def test_a_private_address_is_an_ip_with_or_without_port_or_a_network(
    entry: str, network: str, port: int | None
) -> None:
    found, allowed = parse_private(entry)
    assert (str(found), allowed) == (network, port)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "localhost",
        "nas.local:80",
        "*",
        "1.2.3",
        "1.2.3.4:",
        "1.2.3.4:x",
        "[::1]:",
        "[::1",
        "::1:80:",
        "1.2.3.4/33",
        "http://1.2.3.4",
        "1.2.3.4:70000",
        "1.2.3.4:0",
    ],
)
def test_a_name_or_anything_else_is_no_private_address(entry: str) -> None:
    with pytest.raises(ValueError, match="is not an IP address, IP:PORT or network"):
        parse_private(entry)


def test_the_home_is_the_one_given_or_of_the_environment_or_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HAECHI_HOME", raising=False)
    assert find_home(None) == tmp_path
    monkeypatch.setenv("HAECHI_HOME", "/env")
    assert find_home(None) == Path("/env")
    assert find_home(Path("/given")) == Path("/given")
    monkeypatch.setenv("HAECHI_HOME", "")
    assert find_home(None) == tmp_path


def test_the_variable_of_the_home_is_no_unknown_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_HOME", str(tmp_path))
    assert written(tmp_path, "").home == tmp_path


@pytest.mark.parametrize("address", ["a@b.org", "first.last+tag@sub.example.org", "o'x@b-c.org"])
def test_a_plain_mail_address_is_taken(tmp_path: Path, address: str) -> None:
    assert build(tmp_path, {"mail": {"to": [address]}}).recipients == (address,)


@pytest.mark.parametrize(
    "mail",
    [
        {"host": "127.0.0.1", "username": "a", "security": "none"},
        {"host": "localhost", "username": "a", "security": "none"},
        {"host": "smtp.example.org", "username": "a", "security": "tls"},
        {"host": "smtp.example.org", "username": "a", "security": "starttls"},
        {"host": "smtp.example.org", "security": "none"},
    ],
)
def test_a_login_is_taken_where_nobody_can_read_it(tmp_path: Path, mail: dict[str, Any]) -> None:
    assert build(tmp_path, {"mail": mail}).mail.host == mail["host"]


def test_a_refused_login_says_what_it_needs(tmp_path: Path) -> None:
    told = complaint(
        tmp_path, '[mail]\nhost = "smtp.example.org"\nusername = "a"\nsecurity = "none"'
    )
    assert 'username needs security = "starttls" or "tls"' in told


def test_sealed_settings_are_the_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_STORE__URL", "sqlite:////somewhere/else.db")
    monkeypatch.setenv("HAECHI_MAIL__PASSWORD", "hunter2")
    (tmp_path / FILE_NAME).write_text("[crawl]\nworkers = 3\n")
    trial = load(tmp_path, sealed=True)
    assert (trial.is_sealed, trial.crawl.workers, trial.home) == (True, 3, tmp_path)
    assert trial.store_url == f"sqlite:///{tmp_path}/haechi.db"
    assert trial.mail_password() is None
    usual = load(tmp_path)
    assert (usual.is_sealed, usual.store_url) == (False, "sqlite:////somewhere/else.db")


def test_state_lies_beside_the_store(tmp_path: Path) -> None:
    assert build(tmp_path, {}).state_folder == tmp_path
    other = {"store": {"url": "sqlite:////srv/haechi/all.db"}}
    assert build(tmp_path, other).state_folder == Path("/srv/haechi")
