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
# Haechi's settings; those that are commented out show their defaults.
# Each can also be given as HAECHI_SECTION__NAME in the environment, which wins:
# HAECHI_MAIL__HOST=smtp.example.org. Secrets belong there or in files of their own, never here.

[operator]
# Who runs this; told to every site in the User-Agent, so that they can reach you.
contact = {contact}

[network]
# Addresses on this machine or network that sources may live on, e.g. ["127.0.0.1:8101"].
# allow_private = []
# Seconds between two requests to one host, over all crawls; a longer Crawl-delay is kept, to 60 s.
# delay_s = 1.0
# Seconds that an answer may take.
# timeout_s = 30.0
# How often one request may be led on to another address.
# max_redirects = 5
# Larger pages are not read.
# max_page_bytes = 3145728
# Larger pictures are skipped, and larger videos are read in parts where their server gives these;
# where it does not, only as much of their beginning.
# max_media_bytes = 20971520
# The most that is transferred of one video.
# max_video_bytes = 67108864
# Pictures of more pixels are skipped; to read larger ones, crawl.memory_mb and sandbox.memory_mb
# must be more, too.
# max_pixels = 50000000
# Whether what a site's robots.txt forbids is left alone.
# obey_robots = true
# Whether sites must prove by a certificate who they are; a CA of your own: SSL_CERT_FILE=its.pem.
# verify_tls = true

[telegram]
# Where the web preview of channels is.
# preview_url = "https://t.me"
# What my.telegram.org gave you: needed to read channels by an account (haechi telegram login);
# e.g., as there is no default:
# api_id = 1234567
# A file with what it gave you beside it, in place of HAECHI_TELEGRAM__API_HASH; e.g., as there is
# no default:
# api_hash_file = "telegram.hash"
# Another data centre than Telegram's, such as a server for tests: "2 127.0.0.1:10443".
# dc = ""
# Its RSA key in PEM; e.g., as there is no default:
# dc_public_key = "server.pem"
# Seconds between two requests of one account.
# delay_s = 1.0
# Where Telegram wants to be left alone no longer than so many seconds, a crawl waits; else that
# account leaves that kind of request, and others read on.
# flood_wait_s = 60.0
# Requests of one account a day; the hours of the day are those of UTC.
# requests_a_day = 20000
# Names of channels that one account looks up a day: Telegram shuts accounts out that ask for more
# than about 200. A channel's name is looked up once.
# names_a_day = 100
# Seconds that one request may take.
# timeout_s = 60.0
# The day that a first crawl goes back to at most, beside crawl.depth; e.g., as there is no default:
# since = 2026-01-01
# The folder of the log-ins, which are encrypted (features.key_file).
# sessions = "telegram"

[crawl]
# Seconds between two crawls of a source, unless the source has its own interval.
# interval_s = 900
# How far back a first crawl goes: posts of a channel, pages of a board's list of threads.
# depth = 1000
# Pages that one crawl reads at most; what is left is read by the next.
# max_pages = 500
# Of 100 threads that no list says to have changed, so many are read again by each crawl, those
# first that were not for longest: edits and deletions move nothing up a list.
# reread_percent = 5
# Seconds that one crawl may take; what is left is read by the next.
# time_limit_s = 1800.0
# Memory of one crawl in MiB, at least 1152; the largest pictures need 2200, and 10,000 enrolled
# photos with local features 170 more.
# memory_mb = 2560
# Crawls at once.
# workers = 2

[browser]
# For sources that were added with --browser: their pages are made by scripts. The Chromium that
# reads them; e.g., as there is no default but the one that this machine has:
# executable = "/usr/bin/chromium"
# Whether its own sandbox is used. Root has none; elsewhere, without it a hostile page needs one
# fault less to take this user over.
# sandbox = true
# Memory of each of its processes in MiB, at least 768; pages that need more are not read.
# memory_mb = 1024
# Seconds that one page may take, with all that it loads.
# timeout_s = 60.0
# How often a page is scrolled on, by 2,000 pixels, for what is loaded only when it is seen.
# scrolls = 20
# Pages after which cookies and caches of a site are thrown away.
# pages_per_context = 100
# Hosts that pages may load scripts and data from, beside their own site and what is below it:
# ["cdn.example.net"].
# also_from = []

[sandbox]
# Pictures are opened by a process of their own, which can reach no file and no network. Its memory
# in MiB, at least 512; pictures that need more are skipped.
# memory_mb = 1536
# Seconds that a picture may take on the processor; three times as long by the clock.
# seconds = 10
# Seconds that a video may take; what is not looked at by then is left out.
# video_seconds = 120
# Pictures after which the process is replaced.
# items = 1000

[store]
# The database; a relative path is one in this folder.
# url = "sqlite:///haechi.db"

[search]
# The kind of index.
# backend = "embedded"
# Its file; a relative path is one in this folder.
# path = "search.db"

[features]
# The key of cases with local features, made when it is needed; or HAECHI_FEATURES__KEY. Keep a
# copy of it where the store's backups are not.
# key_file = "features.key"

[matching]
# Parts of photos are found by encrypted hashes of their squares. Without, only whole pictures and
# what has straight edges round it: about half of the reposts, in a fifth of the time.
# windows = true
# And by local features where their owner agreed; without them a scan takes about half.
# local_features = true
# Photos that have local features are looked for by both while there are at most so many: a
# hundredth more is found, in twice the time.
# both_up_to = 1000
# Hashes of the parts of what is crawled are kept so many days, encrypted, some 3 kilobytes a
# picture: a photo is looked for in them when it is enrolled. 0: none are kept.
# look_back_days = 30

[quarantine]
# A photo that suddenly matches more than so many pictures, no two of them near copies, is held
# back: what it matches then is listed for review and not mailed, until `haechi cases release`.
# unlike_pictures = 20
# In so many hours.
# within_hours = 24.0

[mail]
# The SMTP server that takes the mails.
# host = "localhost"
# Its port: 25, or mostly 587 with "starttls" and 465 with "tls".
# port = 25
# The sender, e.g. "haechi@example.org".
# from = "haechi@localhost"
# Who gets alerts, e.g. ["team@example.org"]; nobody: the operator's contact.
# to = []
# How the way to the server is secured: "none", "starttls" or "tls".
# security = "none"
# The name to log in with, e.g. "haechi"; none: no login.
# username = ""
# A file with the password, in place of HAECHI_MAIL__PASSWORD; e.g., as there is no default:
# password_file = "smtp.password"
# Seconds that the server may take to answer.
# timeout_s = 20.0
# How often a mail is tried before it is given up.
# max_attempts = 20
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
        """Make a folder with haechi.toml and a store.

        An old folder is brought up to date.
        """
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
