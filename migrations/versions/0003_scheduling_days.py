"""Counts of the scheduler's statistics, one set for each finished day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import VARCHAR

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _name() -> sa.types.TypeEngine[str]:
    """Compared by the exact name, which MariaDB would not do."""
    return sa.String(128).with_variant(VARCHAR(128, collation="utf8mb4_bin"), "mysql", "mariadb")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "scheduling_days",
        sa.Column("cluster", sa.String(64), primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("stored_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "scheduling_counts",
        sa.Column("cluster", sa.String(64), nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("measure", sa.String(16), nullable=False),
        sa.Column("partition", _name(), nullable=False),
        sa.Column("qos", _name(), nullable=False),
        sa.Column("account", _name(), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("started", sa.Integer, nullable=False),
        sa.Column("bucket", sa.Integer, nullable=False),
        sa.Column("jobs", sa.Integer, nullable=False),
    )
    op.create_index("scheduling_counts_day", "scheduling_counts", ["cluster", "measure", "day"])


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("scheduling_counts")
    op.drop_table("scheduling_days")
