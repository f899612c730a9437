"""Structured logs: one JSON object a line, so that crawled text can't forge or break a line."""

from __future__ import annotations

import logging
import logging.handlers
import sys
import traceback
from contextlib import suppress
from pathlib import Path

import structlog

from monitor.errors import HaechiError

FILE_NAME = "haechi.log"


class _LogFile(logging.handlers.WatchedFileHandler):
    """A log that can't be written any more must not stop a crawl, nor show what it was given."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - named by logging
        pass


def places_of(error: BaseException) -> list[str]:
    """Tell where an error came from; not its message, which may quote a crawled page."""
    return [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]


def configure(home: Path | None, *, to_stderr: bool = False) -> None:
    """Send all logs, also those of libraries, to `logs/haechi.log` in the home folder.

    Args:
        home: None writes no file.
        to_stderr: Also to standard error, as a daemon under a service manager does.

    Raises:
        HaechiError: The file can't be written.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # ASCII only: a page's text must not steer the terminal that shows a log.
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
    )
    handlers: list[logging.Handler] = []
    if home is not None:
        path = home / "logs" / FILE_NAME
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handlers.append(_LogFile(path, encoding="utf-8"))
        except OSError as error:
            raise HaechiError(
                f"can't write the log {path}: {error.strerror}; "
                f"this user must be able to write the folder {home}"
            ) from error
    if to_stderr:
        handlers.append(logging.StreamHandler(sys.stderr))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers or [logging.NullHandler()]:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    # These tell of every request and job; our own events say what an operator needs.
    for noisy in ("scrapy", "twisted", "alembic", "py.warnings"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Missed and still running jobs are events of our own.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
