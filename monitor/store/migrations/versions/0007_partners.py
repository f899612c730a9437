"""Digests and words of partners; which findings were held back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add what partners give beside a PDQ hash, and what a quarantine made of a finding."""
    op.add_column("media", sa.Column("md5", sa.String()))
    op.create_index(op.f("ix_media_md5"), "media", ["md5"])
    op.add_column("fingerprints", sa.Column("md5", sa.String()))
    op.create_index(
        "ix_fingerprints_md5", "fingerprints", ["md5"], sqlite_where=sa.text("md5 IS NOT NULL")
    )
    with op.batch_alter_table("findings") as findings:
        findings.add_column(sa.Column("partner", sa.JSON(none_as_null=True)))
        findings.add_column(
            sa.Column("held", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("findings") as findings:
        findings.alter_column("held", existing_type=sa.Boolean(), server_default=None)
    op.create_table(
        "partners",
        sa.Column("fingerprint_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("cases", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fingerprint_id"], ["fingerprints.id"], name=op.f("fk_partners_fingerprint_id")
        ),
        sa.PrimaryKeyConstraint("fingerprint_id", name=op.f("pk_partners")),
    )
    op.create_table(
        "partner_references",
        sa.Column("fingerprint_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fingerprint_id"],
            ["fingerprints.id"],
            name=op.f("fk_partner_references_fingerprint_id"),
        ),
        sa.PrimaryKeyConstraint(
            "fingerprint_id", "name", "reference", name=op.f("pk_partner_references")
        ),
    )
    op.create_index("ix_partner_references_reference", "partner_references", ["reference", "name"])
