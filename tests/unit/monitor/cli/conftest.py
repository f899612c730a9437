"""The real command, run in this process: what it prints, and the code it ends with."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitor import logs
from monitor.cli.demo.pictures import original, photograph
from monitor.cli.main import main
from monitor.store.store import Store
from tests.fixtures.stock import new_store


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[Any]:
        """What `--json` printed: one object a line, and nothing else."""
        return [json.loads(line) for line in self.out.split("\n")[:-1]]


Haechi = Callable[..., Ended]


@pytest.fixture
def haechi(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Haechi]:
    handlers = logging.getLogger().handlers[:]
    mask = os.umask(0o022)
    for name in ("HAECHI_HOME", "HAECHI_MAIL__PASSWORD"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str | Path, stdin: str = "") -> Ended:
        monkeypatch.setattr(sys, "argv", ["haechi", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ended(code or 0, out, err)

    yield run
    logs.configure(None)
    logging.getLogger().handlers[:] = handlers
    os.umask(mask)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home folder whose mail server does not answer."""
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    (made / "haechi.toml").write_text(
        '[operator]\ncontact = "mailto:team@example.org"\n[mail]\nhost = "127.0.0.1"\nport = 9\n'
    )
    new_store(made).close()
    return made


@pytest.fixture
def at_home(haechi: Haechi, folder: Path) -> Haechi:
    return lambda *arguments, **options: haechi("--home", folder, *arguments, **options)


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{folder / 'haechi.db'}")
    yield made
    made.close()


PHOTOS = [original(photograph(number, (240, 300))).data for number in (1, 2, 3)]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three photos, whose file names nobody may ever see."""
    folder = tmp_path / "photos"
    folder.mkdir()
    paths = [folder / f"hong-gildong-{number}.jpg" for number in range(len(PHOTOS))]
    for path, data in zip(paths, PHOTOS, strict=True):
        path.write_bytes(data)
    return paths
