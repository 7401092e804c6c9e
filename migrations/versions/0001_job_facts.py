"""Summaries of finished jobs, and how far the summariser has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBERS = (
    "cpu_used",
    "cpu_efficiency",
    "memory_peak",
    "memory_efficiency",
    "gpu_use",
    "time_efficiency",
    "core_hours_wasted",
    "memory_gib_hours_wasted",
    "gpu_hours_wasted",
    "energy_kwh",
    "coverage",
)


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "job_facts",
        sa.Column("cluster", sa.String(64), primary_key=True),
        sa.Column("job_db_inx", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id_job", sa.BigInteger, nullable=False),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("account", sa.String(128), nullable=False),
        sa.Column("partition", sa.String(128), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("script_hash", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("start", sa.BigInteger),
        sa.Column("end", sa.BigInteger, nullable=False),
        sa.Column("elapsed", sa.BigInteger, nullable=False),
        sa.Column("cores", sa.Integer, nullable=False),
        sa.Column("nodes", sa.Integer, nullable=False),
        sa.Column("memory", sa.BigInteger),
        sa.Column("gpus", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Double) for name in NUMBERS),
        sa.Column("to_act", sa.Integer, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("facts_version", sa.Integer, nullable=False),
        sa.Column("stored_at", sa.BigInteger, nullable=False),
    )
    op.create_index("job_facts_user_end", "job_facts", ["cluster", "user", "end"])
    op.create_index("job_facts_end", "job_facts", ["cluster", "end"])
    op.create_table(
        "summary_cursor",
        sa.Column("cluster", sa.String(64), primary_key=True),
        sa.Column("end", sa.BigInteger, nullable=False),
        sa.Column("job_db_inx", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("summary_cursor")
    op.drop_table("job_facts")
