"""Many rows at once: SQLAlchemy's work on each takes as long as the database's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import JSON, Connection, Table, bindparam, func, select
from sqlalchemy.dialects.sqlite import insert

# The ids in the parameter "given", however many: SQLite takes 32,766 parameters, and a hostile page
# may have more posts.
GIVEN: Final = select(func.json_each(bindparam("given", type_=JSON)).table_valued("value").c.value)


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
