"""The demo's accounting database: made from the plan, and opened to the portal's reader exactly as the documentation says."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine, create_engine, text

from demo.mark import MARK_TABLE

DATABASE = "slurm_acct_db"
OWNER = "demo_owner"
READER = "turtle_reader"
# what docs/install.md grants: never <cluster>_job_env_table, which holds the users' environments
SHARED_TABLES = ("acct_coord_table", "qos_table", "tres_table", "user_table")
CLUSTER_TABLES = (
    "assoc_table",
    "assoc_usage_day_table",
    "assoc_usage_month_table",
    "event_table",
    "job_script_table",
    "job_table",
    "resv_table",
    "step_table",
    "suspend_table",
)


def address(port: int, user: str, password: str, database: str = "") -> str:
    """SQLAlchemy's address of the demo's MariaDB."""
    return f"mysql+pymysql://{user}:{password}@127.0.0.1:{port}/{database}?charset=utf8mb4"


def make_database(port: int, password: str) -> Engine:
    """An engine on an empty accounting database; what was there is dropped."""
    server = create_engine(address(port, OWNER, password))
    with server.begin() as connection:
        connection.execute(text(f"drop database if exists {DATABASE}"))
        connection.execute(text(f"create database {DATABASE} character set utf8mb4"))
    server.dispose()
    return open_database(port, password)


def open_database(port: int, password: str) -> Engine:
    """An engine on the accounting database as its owner."""
    return create_engine(address(port, OWNER, password, DATABASE), pool_pre_ping=True)


def granted_tables(cluster: str) -> list[str]:
    """The tables the portal's reader may SELECT from at a site with this cluster name."""
    return [*SHARED_TABLES, *(f"{cluster}_{name}" for name in CLUSTER_TABLES)]


def let_reader_in(engine: Engine, cluster: str, password: str) -> None:
    """Make the portal's read-only user with the documented grants, and the demo's mark beside them."""
    reader = f"'{READER}'@'127.0.0.1'"
    tables: Iterable[str] = [*granted_tables(cluster), MARK_TABLE]
    with engine.begin() as connection:
        connection.execute(text(f"create or replace user {reader} identified by '{password}'"))
        for table in tables:
            connection.execute(text(f"grant select on `{DATABASE}`.`{table}` to {reader}"))
