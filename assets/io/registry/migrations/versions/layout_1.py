"""Layout 1: the tables as they were before layouts were numbered.

A registry of an earlier Assay gets the tables and columns that it lacks; what is new may be null.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None
branch_labels = None
depends_on = None

_tables = sa.MetaData()
sa.Table(
    "checks", _tables,
    sa.Column("run_id", sa.String, primary_key=True), sa.Column("dataset", sa.String, primary_key=True), sa.Column("rule", sa.String, primary_key=True),
    sa.Column("passed", sa.Boolean), sa.Column("failing", sa.BigInteger, nullable=False), sa.Column("total", sa.BigInteger, nullable=False), sa.Column("severity", sa.String, nullable=False),
)  # fmt: skip
sa.Table(
    "decisions", _tables,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("version", sa.String, nullable=False), sa.Column("at", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False), sa.Column("rule", sa.String, nullable=False), sa.Column("reason", sa.Text, nullable=False), sa.Column("situation", sa.JSON, nullable=False),
    sa.Column("by", sa.String, nullable=False), sa.Column("cause", sa.String, nullable=False),
    sa.UniqueConstraint("dataset", "version", "cause"),
)  # fmt: skip
sa.Table(
    "derived", _tables,
    sa.Column("dataset", sa.String, primary_key=True), sa.Column("version", sa.String, primary_key=True), sa.Column("kind", sa.String, primary_key=True),
    sa.Column("made_at", sa.String, nullable=False), sa.Column("details", sa.JSON, nullable=False),
)  # fmt: skip
sa.Table(
    "index_builds", _tables,
    sa.Column("dataset", sa.String, primary_key=True), sa.Column("build", sa.String, primary_key=True), sa.Column("version", sa.String, nullable=False), sa.Column("made_at", sa.String, nullable=False),
    sa.Column("sha256", sa.String, nullable=False), sa.Column("details", sa.JSON, nullable=False), sa.Column("accepted", sa.Boolean, nullable=False), sa.Column("dropped_at", sa.String),
)  # fmt: skip
sa.Table(
    "index_moves", _tables,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False, index=True), sa.Column("build", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("reason", sa.String, nullable=False),
)  # fmt: skip
sa.Table(
    "key_fingerprints", _tables,
    sa.Column("name", sa.String, primary_key=True), sa.Column("fingerprint", sa.String, nullable=False), sa.Column("recorded_at", sa.String, nullable=False),
)  # fmt: skip
sa.Table(
    "ledger", _tables,
    sa.Column("sequence", sa.Integer, primary_key=True), sa.Column("at", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("action", sa.String, nullable=False),
    sa.Column("dataset", sa.String, nullable=False), sa.Column("details", sa.Text, nullable=False), sa.Column("previous", sa.String, nullable=False), sa.Column("hash", sa.String, nullable=False),
)  # fmt: skip
sa.Table(
    "clock_doubts", _tables,
    sa.Column("sequence", sa.Integer, primary_key=True), sa.Column("before", sa.String, nullable=False), sa.Column("after", sa.String, nullable=False), sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("confirmed_at", sa.String),
)  # fmt: skip
sa.Table(
    "services", _tables,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("model", sa.String, nullable=False), sa.Column("role", sa.String, nullable=False),
    sa.Column("version", sa.String), sa.Column("details", sa.JSON), sa.Column("at", sa.String, nullable=False), sa.Column("by", sa.String, nullable=False), sa.Column("reason", sa.Text, nullable=False),
)  # fmt: skip
sa.Table(
    "outbox", _tables,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("kind", sa.String, nullable=False), sa.Column("dataset", sa.String, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False), sa.Column("delivered_at", sa.String), sa.Column("tries", sa.Integer), sa.Column("not_before", sa.String),
    sa.Column("failed_since", sa.String), sa.Column("error", sa.String), sa.Column("reason", sa.Text),
)  # fmt: skip
sa.Table(
    "outcomes", _tables,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("digest", sa.String, nullable=False), sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("at", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("file_sha256", sa.String, nullable=False), sa.UniqueConstraint("dataset", "digest"),
)  # fmt: skip
sa.Table(
    "quarantines", _tables,
    sa.Column("dataset", sa.String, primary_key=True), sa.Column("run_id", sa.String, primary_key=True), sa.Column("kept_at", sa.String, nullable=False),
    sa.Column("source_digest", sa.String, nullable=False), sa.Column("window", sa.String), sa.Column("contract_digest", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False), sa.Column("sha256", sa.String, nullable=False), sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("personal", sa.JSON, nullable=False), sa.Column("expired_at", sa.String),
)  # fmt: skip
sa.Table(
    "handlings", _tables,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("source_digest", sa.String, nullable=False), sa.Column("window", sa.String),
    sa.Column("run_id", sa.String, nullable=False), sa.Column("action", sa.String, nullable=False), sa.Column("rule", sa.String), sa.Column("chosen", sa.JSON, nullable=False),
    sa.Column("covers", sa.JSON, nullable=False), sa.Column("rows", sa.BigInteger, nullable=False), sa.Column("why", sa.Text, nullable=False), sa.Column("by", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False), sa.Column("envelope", sa.Text, nullable=False),
)  # fmt: skip
sa.Table(
    "moves", _tables,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False, index=True), sa.Column("reference", sa.String, nullable=False),
    sa.Column("version", sa.String), sa.Column("at", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("reason", sa.String, nullable=False),
)  # fmt: skip
sa.Table(
    "reviews", _tables,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("input_key", sa.String, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False), sa.Column("asked_at", sa.String, nullable=False), sa.Column("asked_by", sa.String),
    sa.UniqueConstraint("dataset", "input_key"),
)  # fmt: skip
sa.Table(
    "approvals", _tables,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("review_id", sa.Integer, nullable=False), sa.Column("approver", sa.String, nullable=False),
    sa.Column("decision", sa.String, nullable=False), sa.Column("at", sa.String, nullable=False), sa.Column("envelope", sa.Text, nullable=False),
)  # fmt: skip
sa.Table(
    "leases",
    _tables,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("token", sa.Integer, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
)
sa.Table(
    "runs", _tables,
    sa.Column("run_id", sa.String, primary_key=True), sa.Column("dataset", sa.String, primary_key=True), sa.Column("token", sa.Integer, nullable=False),
    sa.Column("actor", sa.String, nullable=False), sa.Column("started_at", sa.String, nullable=False), sa.Column("ended_at", sa.String), sa.Column("outcome", sa.String), sa.Column("details", sa.JSON),
    sa.Column("slot", sa.String), sa.Column("parent", sa.String), sa.Column("host", sa.String), sa.Column("process", sa.String), sa.Column("heartbeat_at", sa.String),
    sa.Column("stage", sa.String),
)  # fmt: skip
sa.Table(
    "triggers", _tables,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("version", sa.String, nullable=False), sa.Column("action", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False), sa.Column("raised_at", sa.String, nullable=False), sa.Column("done_at", sa.String), sa.Column("outcome", sa.JSON),
    sa.Column("cause", sa.String, server_default=""), sa.Column("actor", sa.String), sa.Column("held_by", sa.String), sa.Column("started_at", sa.String), sa.Column("heartbeat_at", sa.String),
    sa.Column("host", sa.String), sa.Column("process", sa.String), sa.Column("attempts", sa.Integer, server_default="0"),
    sa.UniqueConstraint("dataset", "version", "action", "cause"),
)  # fmt: skip
sa.Table(
    "uses", _tables,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("version", sa.String, nullable=False),
    sa.Column("purpose", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("at", sa.String, nullable=False), sa.Column("allowed", sa.Boolean, nullable=False),
    sa.Column("kind", sa.String), sa.Column("trace_id", sa.String, index=True), sa.Column("details", sa.JSON),
)  # fmt: skip
sa.Table(
    "versions", _tables,
    sa.Column("dataset", sa.String, primary_key=True), sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("version", sa.String, nullable=False), sa.Column("input_key", sa.String, nullable=False),
    sa.Column("source_digest", sa.String, nullable=False), sa.Column("window", sa.String), sa.Column("contract_version", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False), sa.Column("published_at", sa.String, nullable=False), sa.Column("note", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False), sa.Column("envelope", sa.Text, nullable=False), sa.Column("expired_at", sa.String),
    sa.UniqueConstraint("dataset", "version"), sa.UniqueConstraint("dataset", "input_key"),
)  # fmt: skip


def upgrade() -> None:
    """Make what is not there."""
    connection = op.get_bind()
    _tables.create_all(connection)
    there = sa.inspect(connection)
    for table in _tables.sorted_tables:
        existing = {column["name"] for column in there.get_columns(table.name)}
        for column in table.columns:
            if column.name not in existing:
                op.add_column(table.name, sa.Column(column.name, column.type))
