"""Layout 2: versions refer to documents about their partitions, and what waits in the outbox is found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of those documents, and the index."""
    waits = sa.text("delivered_at IS NULL")
    op.create_index(
        "outbox_waiting",
        "outbox",
        ["id"],
        sqlite_where=waits,
        postgresql_where=waits,
        if_not_exists=True,
    )
    op.create_table(
        "partition_documents",
        sa.Column("dataset", sa.String, primary_key=True),
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
        if_not_exists=True,
    )
