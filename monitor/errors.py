"""The errors of Haechi, told apart by what the caller does about them.

HaechiError
├── Misuse                the caller's arguments or files are wrong           exit code 2
│   └── NotConfigured     a setting is missing: names it                      exit code 2
├── MediaError            bytes that are no picture we can read: skip it      exit code 1
├── SourceUnavailable     try later; carries the source's state               exit code 1
│   └── NotAsked              nothing was asked of it yet: no attempt failed
├── SourceChanged         the page is not as the parser knows it: fix it      exit code 1
├── StoreError            the store can't be opened or written                exit code 1
├── Busy                  another process holds the lock                      exit code 1
└── ServiceDown           a service we need does not answer: try later        exit code 3
"""

from __future__ import annotations

from monitor.models.source import SourceState


class HaechiError(Exception):
    """Base of all; its text is one line that names the thing and the way out."""

    exit_code = 1


class Misuse(HaechiError):
    """The caller asked for something that can't be."""

    exit_code = 2


class NotConfigured(Misuse):
    """A setting that is needed is missing."""


class MediaError(HaechiError):
    """Bytes that are not a picture within the limits; `reason` is one short phrase."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SourceUnavailable(HaechiError):
    """The source can't be read now; nothing is wrong with our parser."""

    def __init__(self, message: str, *, url: str, state: SourceState = SourceState.FAILING) -> None:
        super().__init__(message)
        self.url = url
        self.state = state


class NotAsked(SourceUnavailable):
    """It was put off by ourselves: that is no attempt that failed."""


class SourceChanged(HaechiError):
    """A page is not as its parser knows it: the checkpoint must not move.

    Attributes:
        shape: Outline of the page, without what it says; empty where nobody took it.
    """

    def __init__(self, message: str, *, url: str) -> None:
        super().__init__(message)
        self.url = url
        self.shape = ""


class StoreError(HaechiError):
    """The store can't be opened, read or written."""


class Busy(HaechiError):
    """Another process holds what this one needs alone."""


class ServiceDown(HaechiError):
    """A service that Haechi needs does not answer."""

    exit_code = 3
