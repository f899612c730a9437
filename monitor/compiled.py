"""Decides where numba's kernels take the place of numpy: the one place that knows of numba."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final, TypeVar, cast

import structlog

log = structlog.get_logger(__name__)

# Measured: the import of numba, and its kernels read from the cache.
START_S: Final = 1.5

Function = TypeVar("Function", bound=Callable[..., Any])

_saved_s = 0.0
_ready: dict[str, ModuleType | None] = {}


def compiled(function: Function) -> Function:
    """Compile a kernel; once a machine, as the result is kept beside the source.

    Products and sums may be fused, so the last bit is not that of numpy; see `exactly_compiled`.

    Raises:
        RuntimeError: There is nowhere to keep it.
    """
    import numba

    return cast("Function", numba.njit(cache=True, nogil=True, fastmath={"contract"})(function))


def exactly_compiled(function: Function) -> Function:
    """Compile a kernel whose float operations round one by one, as they do in numpy.

    Raises:
        RuntimeError: There is nowhere to keep it.
    """
    import numba

    return cast("Function", numba.njit(cache=True, nogil=True)(function))


def kernels(name: str, saved_s: float) -> ModuleType | None:
    """Give a module of kernels once it pays: what it would have saved so far is its start.

    So a short command never waits for numba, and a long one loses at most what it saves later.

    Args:
        name: Of the module, whose functions are `compiled`.
        saved_s: Seconds that the kernels save in the work that is asked for now.

    Returns:
        None where numpy is to do it: numba is absent or does not pay yet.
    """
    global _saved_s
    if name in _ready:
        return _ready[name]
    if _saved_s < START_S:
        _saved_s += saved_s
        if _saved_s < START_S:
            return None
    _ready[name] = _loaded(name)
    return _ready[name]


def _loaded(name: str) -> ModuleType | None:
    """Load a module of kernels; None where there is no numba, or nowhere to keep the kernels."""
    if find_spec("numba") is None:
        return None
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError) as error:
        log.warning("kernels.unusable", reason=str(error).splitlines()[0])
        return None
