"""Hashes of the parts of a photo."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what finds parts by hashes alone."""
    op.create_table(
        "windows",
        sa.Column("fingerprint_id", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fingerprint_id"],
            ["fingerprints.id"],
            name=op.f("fk_windows_fingerprint_id"),
        ),
        sa.PrimaryKeyConstraint("fingerprint_id", name=op.f("pk_windows")),
    )
