"""Local features, panels, and where in a picture a photo was placed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what finding parts needs."""
    with op.batch_alter_table("cases") as cases:
        cases.add_column(sa.Column("consent_at", sa.DateTime(), nullable=True))
        cases.add_column(sa.Column("consent_by", sa.String(), nullable=True))
    op.create_table(
        "local_features",
        sa.Column("fingerprint_id", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fingerprint_id"],
            ["fingerprints.id"],
            name=op.f("fk_local_features_fingerprint_id"),
        ),
        sa.PrimaryKeyConstraint("fingerprint_id", name=op.f("pk_local_features")),
    )
    with op.batch_alter_table("media") as media:
        media.add_column(sa.Column("panels", sa.JSON(), nullable=True))
    with op.batch_alter_table("findings") as findings:
        findings.alter_column("distance", existing_type=sa.Integer(), nullable=True)
        findings.add_column(sa.Column("placing", sa.JSON(), nullable=True))
