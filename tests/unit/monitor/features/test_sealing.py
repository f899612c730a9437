from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.errors import NotConfigured
from monitor.features.sealing import KEY_BYTES, Sealer, sealer
from monitor.settings import build, load
from tests.fixtures.stock import settings_of

KEY, OTHER = bytes(range(KEY_BYTES)), bytes(KEY_BYTES)
PLAIN = b"what is known of a photo"


def test_what_was_sealed_opens_and_shows_nothing() -> None:
    sealed = Sealer(KEY).seal(PLAIN, "c1")
    assert Sealer(KEY).open(sealed, "c1") == PLAIN
    assert PLAIN not in sealed
    assert Sealer(KEY).seal(PLAIN, "c1") != sealed


def test_another_name_another_key_and_damage_are_refused() -> None:
    sealed = Sealer(KEY).seal(PLAIN, "c1")
    turned = bytes([sealed[0] ^ 1]) + sealed[1:]
    for key, given, name in (
        (KEY, sealed, "c2"),
        (KEY, sealed, ""),
        (OTHER, sealed, "c1"),
        (KEY, turned, "c1"),
        (KEY, sealed[:-1], "c1"),
        (KEY, sealed[:20], "c1"),
        (KEY, sealed[:12], "c1"),
        (KEY, sealed[:5], "c1"),
        (KEY, b"", "c1"),
    ):
        with pytest.raises(ValueError, match=r".") as caught:
            Sealer(key).open(given, name)
        assert PLAIN.decode() not in str(caught.value)


def test_no_key_is_made_unless_one_is_needed(tmp_path: Path) -> None:
    assert sealer(settings_of(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        first = sealer(settings_of(tmp_path), create=True)
    finally:
        os.umask(before)
    (path,) = tmp_path.iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == ("features.key", 0o600)
    assert len(base64.b64decode(path.read_text())) == KEY_BYTES
    content = path.read_bytes()
    assert first is not None
    sealed = first.seal(PLAIN, "c1")
    for again in (sealer(settings_of(tmp_path)), sealer(settings_of(tmp_path), create=True)):
        assert again is not None
        assert again.open(sealed, "c1") == PLAIN
    assert path.read_bytes() == content


_MAKE = """
import sys, time
from pathlib import Path
from monitor.features.sealing import sealer
from tests.fixtures.stock import settings_of

settings = settings_of(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(sealer(settings, create=True).seal(b"it", "c").hex())
"""


def test_processes_that_need_a_key_at_once_have_the_same_one(tmp_path: Path) -> None:
    run = [sys.executable, "-c", _MAKE, str(tmp_path)]
    pipe = subprocess.PIPE
    makers = [subprocess.Popen(run, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    try:
        for maker in makers:
            assert maker.stdout is not None
            assert maker.stdout.readline() == "ready\n"
        for maker in makers:
            assert maker.stdin is not None
            maker.stdin.write("\n")
            maker.stdin.flush()
        sealed = [maker.communicate(timeout=60)[0] for maker in makers]
    finally:
        for maker in makers:
            maker.kill()
            maker.communicate()
    assert [path.name for path in tmp_path.iterdir()] == ["features.key"]
    made = sealer(settings_of(tmp_path))
    assert made is not None
    assert {made.open(bytes.fromhex(one), "c") for one in sealed} == {b"it"}


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"secret words", base64.b64encode(KEY[:-1]), b"\xff\xfe", "비밀".encode()],
)
def test_a_file_that_holds_no_key_is_one_clear_line_without_its_content(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "features.key").write_bytes(content)
    for create in (False, True):
        with pytest.raises(NotConfigured, match="holds no key") as caught:
            sealer(settings_of(tmp_path), create=create)
        text = str(caught.value)
        assert str(tmp_path / "features.key") in text
        assert "\n" not in text
        assert "secret" not in text
    assert (tmp_path / "features.key").read_bytes() == content


def test_a_key_file_that_can_not_be_had_says_where(tmp_path: Path) -> None:
    folder = settings_of(tmp_path, features={"key_file": "."})
    with pytest.raises(NotConfigured, match=r"features\.key_file"):
        sealer(folder)
    nowhere = settings_of(tmp_path, features={"key_file": "no/such/features.key"})
    assert sealer(nowhere) is None
    with pytest.raises(NotConfigured, match=r"features\.key_file: .*its folder does not exist"):
        sealer(nowhere, create=True)


def test_a_key_in_the_environment_wins_and_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = base64.b64encode(KEY).decode()
    monkeypatch.setenv("HAECHI_FEATURES__KEY", key)
    settings = settings_of(tmp_path)
    assert key not in repr(settings)
    made = sealer(settings, create=True)
    assert made is not None
    assert Sealer(KEY).open(made.seal(PLAIN, "c1"), "c1") == PLAIN
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("HAECHI_FEATURES__KEY", "c2VjcmV0")
    with pytest.raises(NotConfigured, match="HAECHI_FEATURES__KEY holds no key") as caught:
        sealer(settings_of(tmp_path))
    assert "c2VjcmV0" not in str(caught.value)


def test_a_key_in_the_shared_file_is_refused_without_being_quoted(tmp_path: Path) -> None:
    key = base64.b64encode(KEY).decode()
    (tmp_path / "haechi.toml").write_text(f'[features]\nkey = "{key}"\n')
    with pytest.raises(NotConfigured, match=r"or features\.key_file") as caught:
        load(tmp_path)
    assert key not in str(caught.value)
    with pytest.raises(NotConfigured, match=r"features\.key_fil"):
        build(tmp_path, {"features": {"key_fil": "x"}})
