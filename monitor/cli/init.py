"""`haechi init`: a folder with a commented haechi.toml and the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.home import folder
from monitor.cli.output import ask, say
from monitor.errors import HaechiError, Misuse
from monitor.settings import FILE_NAME, build, find_home, load
from monitor.store.store import Store

SAMPLE = """\
# Haechi's settings. Each can also be given as HAECHI_SECTION__NAME in the environment, which wins:
# HAECHI_MAIL__HOST=smtp.example.org. Secrets belong there or in files of their own, never here.

[operator]
# Who runs this; told to every site in the User-Agent, so that they can reach you.
contact = {contact}

[network]
# Addresses on this machine or network that sources may live on; none by default.
# allow_private = ["127.0.0.1:8101"]
# Seconds between two requests to one host, over all crawls of this machine. Where the host's
# robots.txt asks for a longer pause, that one is kept, up to 60 seconds.
# delay_s = 1.0
# obey_robots = true
# timeout_s = 30
# max_media_bytes = 20971520
# Larger pictures are skipped; more need more of crawl.memory_mb.
# max_pixels = 50000000
# Whether sites must prove by a certificate who they are; a CA of your own: SSL_CERT_FILE=its.pem
# in the environment.
# verify_tls = true

[telegram]
# preview_url = "https://t.me"

[crawl]
# Seconds between two crawls of a source, unless the source has its own.
# interval_s = 900
# How many posts back the first crawl of a channel goes.
# depth = 1000
# Limits of one crawl; what is left is read by the next.
# max_pages = 500
# time_limit_s = 1800
# memory_mb = 2048           # at least 512; the largest pictures need 1800
# Crawls at once.
# workers = 2

[store]
# url = "sqlite:///haechi.db"

[search]
# backend = "embedded"

[features]
# The key of cases with local features; made by `haechi enrol --local-features`. Keep a copy of it
# where the store's backups are not. Or HAECHI_FEATURES__KEY.
# key_file = "features.key"

[mail]
# host = "localhost"
# port = 25
# from = "haechi@example.org"
# Who gets alerts [default: the operator's contact].
# to = ["team@example.org"]
# security = "starttls"       # "none", "starttls" or "tls"
# username = "haechi"
# password_file = "smtp.password"   # or HAECHI_MAIL__PASSWORD
"""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def init(
        ctx: typer.Context,
        directory: Annotated[
            Path | None, typer.Argument(help="The folder [default: --home or this one].")
        ] = None,
        contact: Annotated[
            str, typer.Option(help="How sites reach you: mailto:you@example.org or a web page.")
        ] = "",
    ) -> None:
        """Make a folder with haechi.toml and the store; on an old one, bring it up to date."""
        home = folder(ctx) if directory is None else find_home(directory)
        path = home / FILE_NAME
        if not path.exists():
            _write(path, contact or _ask())
        elif contact:
            _check_same(path, contact)
        settings = load(home)
        store = Store(settings.store_url)
        try:
            store.migrate()
        finally:
            store.close()
        say(f"ready: {home}")
        say(f"next: haechi --home {home} enrol PHOTO... --case ID")
        say(f"      haechi --home {home} sources add ADDRESS")


def _full(contact: str) -> str:
    """Write a bare mail address as the address of a link."""
    return f"mailto:{contact}" if "@" in contact and ":" not in contact else contact


def _check_same(path: Path, contact: str) -> None:
    """Refuse a contact that is another than the one in the settings there are."""
    kept = load(path.parent, sealed=True).operator.contact
    if _full(contact) != kept:
        raise Misuse(
            f"{path} exists and keeps its contact {kept or '(none)'}: nothing was changed; "
            "to have another one, change operator.contact in that file"
        )


def _write(path: Path, contact: str) -> None:
    """Write the sample with the operator's contact, readable by its owner only."""
    contact = _full(contact)
    build(path.parent, {"operator": {"contact": contact}}, "--contact")
    if not contact.startswith(("mailto:", "https://", "http://")):
        raise Misuse(f"--contact {contact!r}: give mailto:you@example.org or a web page")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        quoted = contact.replace("\\", "\\\\").replace('"', '\\"')
        path.write_text(SAMPLE.format(contact=f'"{quoted}"'), encoding="utf-8")
        path.chmod(0o600)
    except OSError as error:
        raise HaechiError(f"can't write {path}: {error.strerror}") from error


def _ask() -> str:
    """Ask for the contact, on the terminal or from a pipe."""
    answer = ask("How can sites reach who runs this (mailto:you@example.org)?")
    if not answer:
        raise Misuse("init needs a contact for the User-Agent: --contact mailto:you@example.org")
    return answer
