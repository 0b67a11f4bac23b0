"""Layout 3: the registry knows when the lake of a data set was last swept, and finds versions by time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of sweeps, and the indexes."""
    for name in ("published", "expired"):
        columns = ["dataset", f"{name}_at"]
        op.create_index(f"versions_{name}", "versions", columns, if_not_exists=True)
    op.create_table(
        "sweeps",
        sa.Column("dataset", sa.String, primary_key=True),
        sa.Column("swept_at", sa.String, nullable=False),
        if_not_exists=True,
    )
