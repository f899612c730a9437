"""Opens the store and gives transactions; everything else in this package takes a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from monitor.errors import StoreError
from monitor.store.tables import SCHEMA_REVISION, metadata

BUSY_TIMEOUT_S = 30


class Store:
    """One database. Use `read()` and `write()`; a block is one transaction."""

    def __init__(self, url: str) -> None:
        """Open lazily; nothing is touched before the first transaction."""
        self.url = url
        self.engine = _engine(url)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a consistent view; nothing is written.

        Raises:
            StoreError: The database can't be read.
        """
        with _one_line(self.url), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Run the block as one transaction: all of it is committed or nothing.

        Raises:
            StoreError: The database can't be written.
        """
        with _one_line(self.url), self.engine.connect() as connection:
            writer = connection.execution_options(haechi_write=True)
            with writer.begin():
                yield writer

    def revision(self) -> str | None:
        """Tell the schema revision of the database; None when it has none yet."""
        with self.read() as db:
            if not inspect(db).has_table("alembic_version"):
                return None
            found = db.scalar(text("SELECT version_num FROM alembic_version"))
            return None if found is None else str(found)

    def check(self) -> None:
        """Refuse a database that is missing, damaged or of another version.

        Raises:
            StoreError: Says which, and the way out.
        """
        path = Path(self.url.removeprefix("sqlite:///"))
        if not path.exists():
            raise StoreError(f"the store {path} does not exist; `haechi init` makes it")
        revision = self.revision()
        if revision != SCHEMA_REVISION:
            raise StoreError(
                f"the store {path} is of version {revision or 'none'}, this Haechi needs "
                f"{SCHEMA_REVISION}; back it up, then run `haechi init` on its folder"
            )

    def migrate(self) -> None:
        """Bring the database to this version; makes it where it does not exist.

        Raises:
            StoreError: It can't be made, or it is no database of ours.
        """
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        folder = Path(__file__).parent / "migrations"
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        with _one_line(self.url), self.engine.connect() as connection:
            config.attributes["connection"] = connection
            # A table is changed by making it anew: its rows must not be missed by those of others
            # meanwhile. Within a transaction this could not be said any more.
            _say(connection, "PRAGMA foreign_keys=OFF")
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise StoreError(
                    f"the store {self.url.removeprefix('sqlite:///')} can't be brought to version "
                    f"{SCHEMA_REVISION}: it was made by a newer Haechi, or by another program"
                ) from error
            else:
                connection.commit()
            finally:
                connection.rollback()
                _say(connection, "PRAGMA foreign_keys=ON")

    def scrub(self) -> None:
        """Empty the write-ahead log, in which deleted rows would live on for a while.

        Readers and writers at work are waited for up to the busy timeout; what they still hold
        goes with the next checkpoint.
        """
        with _one_line(self.url), self.engine.connect() as connection:
            _say(connection, "PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _say(connection: Connection, pragma: str) -> None:
    """Tell SQLite something outside of any transaction."""
    raw = connection.connection.cursor()
    raw.execute(pragma)
    raw.close()


@contextmanager
def _one_line(url: str) -> Iterator[None]:
    """Turn what the database driver raises into one line that names the store."""
    path = url.removeprefix("sqlite:///")
    try:
        yield
    except DatabaseError as error:
        cause = str(error.orig)
        if "malformed" in cause or "not a database" in cause:
            raise StoreError(
                f"the store {path} is damaged ({cause}); restore it from a backup, "
                "or move it away and run `haechi init`"
            ) from error
        if "readonly" in cause or "unable to open" in cause:
            # Also to read: the write-ahead log is shared with those who write.
            raise StoreError(
                f"the store {path} can't be opened to write ({cause}); this user must be able to "
                f"write that file and its folder {Path(path).parent}"
            ) from error
        raise StoreError(f"the store {path}: {cause}") from error
    except SQLAlchemyError as error:
        raise StoreError(f"the store {path}: {str(error).splitlines()[0]}") from error


def _engine(url: str) -> Engine:
    """Make an engine whose transactions are real ones."""
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
        # The driver's own BEGIN comes too late (before the first write, not the first read).
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL: a commit must also survive the machine's power.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # KiB: a long list's keys come in no order, and each page of their indexes would be read and
        # written once for every few of them.
        cursor.execute("PRAGMA cache_size=-65536")
        # A fingerprint that is deleted must be gone from the file, too.
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its lock at once: upgrading a reader fails instead of waiting.
        writes: Any = connection.get_execution_options().get("haechi_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


__all__ = ["Store", "metadata"]
