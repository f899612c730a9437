"""Hashes of the parts of pictures that were crawled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add what a photo is looked for in when it is enrolled."""
    op.create_table(
        "seen_windows",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["media.sha256"], name=op.f("fk_seen_windows_sha256")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_seen_windows")),
    )
    op.create_index(op.f("ix_seen_windows_seen_at"), "seen_windows", ["seen_at"], unique=False)
