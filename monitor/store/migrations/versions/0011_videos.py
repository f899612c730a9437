"""Videos: hashes of their frames, and when in one something was found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add them; what is stored is of pictures, each had as a whole."""
    with op.batch_alter_table("media") as media:
        media.add_column(sa.Column("frames", sa.LargeBinary()))
        media.add_column(
            sa.Column("partial", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("media") as media:
        media.alter_column("partial", existing_type=sa.Boolean(), server_default=None)
    op.create_index(
        "ix_media_with_frames",
        "media",
        ["sha256"],
        sqlite_where=sa.text("frames IS NOT NULL"),
    )
    op.add_column("fingerprints", sa.Column("frames", sa.LargeBinary()))
    op.create_index(
        "ix_fingerprints_with_frames",
        "fingerprints",
        ["seq"],
        sqlite_where=sa.text("frames IS NOT NULL"),
    )
    op.add_column("findings", sa.Column("moment", sa.JSON(none_as_null=True)))
    # Videos that were passed over are to be fetched by the next crawls.
    op.execute(
        "UPDATE post_media SET status = 'failed', attempts = 0 "
        "WHERE status = 'skipped' AND reason = 'videos are not read yet'"
    )
