"""Finds units (engines, hashes, channels) by file name, so that no list needs editing."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import TypeVar

Unit = TypeVar("Unit")


def discover(package: ModuleType, attribute: str, kind: type[Unit]) -> dict[str, Unit]:
    """Collect the unit that each public module of a package declares.

    Args:
        package: Searched one level deep; modules whose name starts with "_" are shared code.
        attribute: Name of the constant that every module must declare.
        kind: Its type.

    Returns:
        Units by module name, in alphabetical order.

    Raises:
        TypeError: A module lacks the constant, or it is of another type.
    """
    units: dict[str, Unit] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        unit = getattr(module, attribute, None)
        if not isinstance(unit, kind):
            msg = f"{module.__name__} must declare {attribute}: {kind.__name__}"
            raise TypeError(msg)
        units[info.name] = unit
    return units
