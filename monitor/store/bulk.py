"""Inserts very many rows: SQLAlchemy's work on each takes as long as the database's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.sqlite import insert


def add_new(db: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Insert rows, but for those that are there already.

    Args:
        rows: All with the same columns.

    Returns:
        How many were inserted.
    """
    if not rows:
        return 0
    names = list(rows[0])
    statement = insert(table).on_conflict_do_nothing()
    compiled = statement.compile(dialect=db.dialect, column_keys=names)
    order = compiled.positiontup or names
    converts = [
        table.c[name].type.dialect_impl(db.dialect).bind_processor(db.dialect) for name in order
    ]
    columns = [
        [row[name] for row in rows] if convert is None else [convert(row[name]) for row in rows]
        for name, convert in zip(order, converts, strict=True)
    ]
    values = list(zip(*columns, strict=True))
    if compiled.positional:
        return db.exec_driver_sql(str(compiled), values).rowcount
    named = [dict(zip(order, one, strict=True)) for one in values]
    return db.exec_driver_sql(str(compiled), named).rowcount
