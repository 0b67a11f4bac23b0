"""Layout 5: acts that persons sign."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5"
down_revision = "4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of acts."""
    op.create_table(
        "acts",
        sa.Column("review_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("dataset", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("effect", sa.JSON, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("nonce", sa.String, nullable=False),
        sa.Column("ended_at", sa.String),
        sa.Column("outcome", sa.String),
        sa.Column("note", sa.Text),
        if_not_exists=True,
    )
