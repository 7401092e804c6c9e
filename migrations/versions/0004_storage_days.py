"""What people and groups had of storage whose back end keeps no history, one reading a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import VARCHAR

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _name(length: int) -> sa.types.TypeEngine[str]:
    """Compared by the exact name, which MariaDB would not do."""
    return sa.String(length).with_variant(VARCHAR(length, collation="utf8mb4_bin"), "mysql", "mariadb")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "storage_days",
        sa.Column("cluster", sa.String(64), primary_key=True),
        sa.Column("area", _name(64), primary_key=True),
        sa.Column("who", sa.String(8), primary_key=True),
        sa.Column("ident", _name(128), primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("counted_at", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.Double, nullable=False),
        sa.Column("files", sa.Double, nullable=False),
    )
    op.create_index("storage_days_day", "storage_days", ["cluster", "area", "day"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("storage_days")
