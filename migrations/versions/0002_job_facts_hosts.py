"""Which nodes a run was on, and the way to an account's runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty until the summariser fills it, and both indexes."""
    op.add_column("job_facts", sa.Column("nodelist", sa.Text))
    op.create_index("job_facts_account_end", "job_facts", ["cluster", "account", "end"])
    op.create_index("job_facts_version", "job_facts", ["cluster", "facts_version", "end"])


def downgrade() -> None:
    """Take them away."""
    op.drop_index("job_facts_version", "job_facts")
    op.drop_index("job_facts_account_end", "job_facts")
    with op.batch_alter_table("job_facts") as table:
        table.drop_column("nodelist")
