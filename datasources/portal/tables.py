"""The tables of the portal's own database. Migrations make them; a test holds both equal."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Double, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects.mysql import VARCHAR

metadata = MetaData()

# Numbers that lists sort and sum by are columns; everything else of a run's facts is in `facts`.
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

job_facts = Table(
    "job_facts",
    metadata,
    Column("cluster", String(64), primary_key=True),
    Column("job_db_inx", BigInteger, primary_key=True, autoincrement=False),
    Column("id_job", BigInteger, nullable=False),
    Column("user", String(128), nullable=False),
    Column("account", String(128), nullable=False),
    Column("partition", String(128), nullable=False),
    Column("name", String(255), nullable=False),
    Column("script_hash", BigInteger, nullable=False),
    Column("state", String(32), nullable=False),
    Column("start", BigInteger),
    Column("end", BigInteger, nullable=False),
    Column("elapsed", BigInteger, nullable=False),
    Column("cores", Integer, nullable=False),
    Column("nodes", Integer, nullable=False),
    Column("memory", BigInteger),
    Column("gpus", Integer, nullable=False),
    *(Column(name, Double) for name in NUMBERS),
    Column("to_act", Integer, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("findings", JSON, nullable=False),
    Column("facts_version", Integer, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
    # as Slurm wrote it, such as c[1-4]; NULL in rows of facts_version 1 until the summariser has filled them
    Column("nodelist", Text),
)
Index("job_facts_user_end", job_facts.c.cluster, job_facts.c.user, job_facts.c.end)
Index("job_facts_end", job_facts.c.cluster, job_facts.c.end)
Index("job_facts_account_end", job_facts.c.cluster, job_facts.c.account, job_facts.c.end)
Index("job_facts_version", job_facts.c.cluster, job_facts.c.facts_version, job_facts.c.end)

summary_cursor = Table(
    "summary_cursor",
    metadata,
    Column("cluster", String(64), primary_key=True),
    Column("end", BigInteger, nullable=False),
    Column("job_db_inx", BigInteger, nullable=False),
)


def _exact(length: int) -> String:
    """A text compared by the exact name, which MariaDB would not do."""
    return String(length).with_variant(VARCHAR(length, collation="utf8mb4_bin"), "mysql", "mariadb")


EXACT = _exact(128)

# days of the scheduler's statistics that were counted
scheduling_days = Table(
    "scheduling_days",
    metadata,
    Column("cluster", String(64), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
)
# runs that ended on a day (since 1970, UTC) by group and bucket; columns as in datasources.slurm.waits
scheduling_counts = Table(
    "scheduling_counts",
    metadata,
    Column("cluster", String(64), nullable=False),
    Column("day", Integer, nullable=False),
    Column("measure", String(16), nullable=False),
    Column("partition", EXACT, nullable=False),
    Column("qos", EXACT, nullable=False),
    Column("account", EXACT, nullable=False),
    Column("size", Integer, nullable=False),
    Column("started", Integer, nullable=False),
    Column("bucket", Integer, nullable=False),
    Column("jobs", Integer, nullable=False),
)
Index("scheduling_counts_day", scheduling_counts.c.cluster, scheduling_counts.c.measure, scheduling_counts.c.day)

# what a person or group had of an area on a day (since 1970, UTC), read once from a back end that keeps no history.
# who: uid, gid, or user, group where the back end knows names; ident: that number or name
storage_days = Table(
    "storage_days",
    metadata,
    Column("cluster", String(64), primary_key=True),
    Column("area", _exact(64), primary_key=True),
    Column("who", String(8), primary_key=True),
    Column("ident", EXACT, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("counted_at", BigInteger, nullable=False),
    Column("bytes", Double, nullable=False),
    Column("files", Double, nullable=False),
)
Index("storage_days_day", storage_days.c.cluster, storage_days.c.area, storage_days.c.day)
