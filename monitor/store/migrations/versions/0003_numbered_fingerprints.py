"""Fingerprints are numbered in the order of their changes; findings know what a hunt found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the numbers, and number what is there."""
    op.create_table(
        "counters",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    with op.batch_alter_table("fingerprints") as fingerprints:
        fingerprints.add_column(sa.Column("seq", sa.BigInteger(), nullable=True))
    op.execute("UPDATE fingerprints SET seq = rowid")
    op.execute(
        "INSERT INTO counters SELECT 'fingerprints', coalesce(max(seq), 0) FROM fingerprints"
    )
    with op.batch_alter_table("fingerprints") as fingerprints:
        fingerprints.alter_column("seq", existing_type=sa.BigInteger(), nullable=False)
        fingerprints.create_unique_constraint(op.f("uq_fingerprints_seq"), ["seq"])
        fingerprints.create_index(op.f("ix_fingerprints_sha256"), ["sha256"])
    with op.batch_alter_table("findings") as findings:
        findings.add_column(
            sa.Column("historic", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("findings") as findings:
        findings.alter_column("historic", existing_type=sa.Boolean(), server_default=None)
