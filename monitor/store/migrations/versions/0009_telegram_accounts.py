"""Telegram accounts, and by which way a source is read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add accounts with what they know and spend, and the ways; what was read was the preview."""
    op.create_table(
        "source_views",
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_source_views_source_id")
        ),
        sa.PrimaryKeyConstraint("source_id", "via", name=op.f("pk_source_views")),
    )
    op.create_table(
        "telegram_accounts",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("state_detail", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.Column("last_used_at", sa.DateTime()),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("names", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_telegram_accounts")),
    )
    op.create_table(
        "telegram_waits",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["telegram_accounts.name"], name=op.f("fk_telegram_waits_account")
        ),
        sa.PrimaryKeyConstraint("account", "method", name=op.f("pk_telegram_waits")),
    )
    op.create_table(
        "telegram_peers",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("access_hash", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.String()),
        sa.ForeignKeyConstraint(
            ["account"], ["telegram_accounts.name"], name=op.f("fk_telegram_peers_account")
        ),
        sa.PrimaryKeyConstraint("account", "channel_id", name=op.f("pk_telegram_peers")),
    )
    op.create_index("ix_telegram_peers_username", "telegram_peers", ["account", "username"])
    op.add_column("posts", sa.Column("reactions", sa.JSON(none_as_null=True)))
    op.add_column("posts", sa.Column("via", sa.String()))
    op.add_column("runs", sa.Column("via", sa.String()))
    telegram = "source_id IN (SELECT id FROM sources WHERE kind = 'telegram')"
    op.execute(f"UPDATE posts SET via = 'preview' WHERE {telegram}")  # noqa: S608
    op.execute(f"UPDATE runs SET via = 'preview' WHERE {telegram}")  # noqa: S608
