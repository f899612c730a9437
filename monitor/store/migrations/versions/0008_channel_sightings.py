"""Channels that posts lead to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from monitor.models.channel import channels_in
from monitor.models.post import Post

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add where posts lead to, of those that are there too."""
    seen = op.create_table(
        "channel_sightings",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("post_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_channel_sightings_post_id")
        ),
        sa.PrimaryKeyConstraint("channel", "how", "post_id", name=op.f("pk_channel_sightings")),
    )
    op.create_index(op.f("ix_channel_sightings_post_id"), "channel_sightings", ["post_id"])
    posts, sources = (
        sa.table(
            "posts",
            *map(sa.column, ("id", "source_id", "text", "forwarded_from")),
            sa.column("links", sa.JSON()),
        ),
        sa.table("sources", *map(sa.column, ("id", "address"))),
    )
    db = op.get_bind()
    stored = sa.select(posts, sources.c.address).join(sources, sources.c.id == posts.c.source_id)
    for row in db.execute(stored).all():
        post = Post("", "", row.text, links=tuple(row.links), forwarded_from=row.forwarded_from)
        rows = [
            {"post_id": row.id, "channel": name, "how": how.value}
            for name, how in channels_in(post, row.address)
        ]
        if rows:
            db.execute(sa.insert(seen), rows)
