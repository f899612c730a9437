"""Fingerprints that are held back, as they match too much."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what quarantine needs."""
    op.create_table(
        "quarantine",
        sa.Column("fingerprint_id", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("released_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint_id", name=op.f("pk_quarantine")),
    )
    op.create_index(op.f("ix_quarantine_case_id"), "quarantine", ["case_id"], unique=False)
    op.create_index("ix_findings_fingerprint", "findings", ["fingerprint_id", "found_at"])
