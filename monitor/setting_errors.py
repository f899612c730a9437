"""Says in an operator's words what is wrong with a setting, and what may stand there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

PREFIX = "HAECHI_"
# Read by itself: it says where the settings are.
HOME_VARIABLE = "HAECHI_HOME"


def explain(model: type[BaseModel], error: ValidationError) -> tuple[str, str]:
    """Explain the first fault of an error; no value is quoted, as it may be a password.

    Args:
        model: The settings with all their sections.

    Returns:
        The key, such as "crawl.workers", and what is wrong in words.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        return ".".join(path), "there is no such setting" + _nearest(path[-1], _names(model, path))
    if first["type"] == "value_error":
        return ".".join(path), first["msg"].removeprefix("Value error, ")
    field = _field(model, path)
    if field is None:
        return ".".join(path), f"this is a section: write [{path[0]}], and below it its settings"
    return ".".join(path), f"give {_allowed(field)}"


def variable_of(key: str) -> str:
    """Name the environment variable of a key such as "crawl.workers"."""
    return PREFIX + key.upper().replace(".", "__")


def unknown_variable(model: type[BaseModel], environment: Mapping[str, str]) -> str | None:
    """Find a variable that looks like a setting and is none: it would be passed over in silence.

    Returns:
        What is wrong, in words; None when all are known.
    """
    known = {HOME_VARIABLE, *_variables(model)}
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            meant = _nearest(name.upper(), known, PREFIX)
            return f"{name}: there is no such setting" + meant
    return None


def unreadable_variable(model: type[BaseModel], environment: Mapping[str, str]) -> str | None:
    """Find a variable that needs JSON and has none; its value is not quoted.

    Returns:
        What is wrong, in words; None when all can be read.
    """
    needed = dict(_json_variables(model))
    for name in sorted(environment):
        kind, advice = needed.get(name.upper(), (None, ""))
        if kind is not None and not isinstance(_from_json(environment[name]), kind):
            return f"{name}: {advice}"
    return None


def _json_variables(model: type[BaseModel]) -> Iterator[tuple[str, tuple[type, str]]]:
    """List the variables that are given as JSON: of what kind, and the words that ask for it."""
    for section in model.model_fields:
        fields = getattr(_section(model, section), "model_fields", {})
        settings = [f"{section}.{field.alias or name}" for name, field in fields.items()]
        one = variable_of(settings[0])
        yield (
            variable_of(section),
            (dict, f"this is a section: give one of its settings, such as {one}"),
        )
        for key, field in zip(settings, fields.values(), strict=True):
            if get_origin(field.annotation) is tuple:
                example = json.dumps(field.examples)
                yield variable_of(key), (list, f"give a JSON list, such as '{example}'")


def _from_json(text: str) -> object:
    """Read JSON; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Say which known name was probably meant; a prefix that all have makes none alike."""
    rest = sorted(one.removeprefix(prefix) for one in known)
    close = get_close_matches(name.removeprefix(prefix), rest, n=1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""


def _variables(model: type[BaseModel]) -> Iterator[str]:
    """List the variables of all sections and settings."""
    for section in model.model_fields:
        yield variable_of(section)
        for name in _names(model, [section, ""]):
            yield variable_of(f"{section}.{name}")


def _names(model: type[BaseModel], path: list[str]) -> list[str]:
    """List what may stand where the last part of a path does."""
    section = _section(model, path[0])
    if len(path) == 1 or section is None:
        return list(model.model_fields)
    return [field.alias or name for name, field in section.model_fields.items()]


def _section(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """Find the class of a section."""
    field = model.model_fields.get(name)
    known = None if field is None else field.annotation
    return known if isinstance(known, type) and issubclass(known, BaseModel) else None


def _field(model: type[BaseModel], path: list[str]) -> FieldInfo | None:
    """Find the setting that a path leads to or into; None when it is a section or unknown."""
    section = _section(model, path[0])
    if section is None or len(path) < 2:
        return None
    for name, field in section.model_fields.items():
        if path[1] in (name, field.alias):
            return field
    return None


def _allowed(field: FieldInfo) -> str:
    """Say what a setting may be: kind, range, or its own description."""
    if field.description:
        return field.description
    kind = field.annotation
    if get_origin(kind) in (Union, UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is Literal:
        return " or ".join(f'"{one}"' for one in get_args(kind))
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return ("a whole number" if kind is int else "a number") + _range(field)
    return "a list of texts" if get_origin(kind) is tuple else "a text in quotes"


def _range(field: FieldInfo) -> str:
    """Say between which numbers a setting may be."""
    limits: dict[str, Any] = {
        name: getattr(one, name)
        for one in field.metadata
        for name in ("ge", "gt", "le")
        if hasattr(one, name)
    }
    if "gt" in limits:
        return f" above {limits['gt']}" + (f", up to {limits['le']}" if "le" in limits else "")
    if "le" in limits:
        return f" from {limits['ge']} to {limits['le']}"
    return f" of at least {limits['ge']}"
