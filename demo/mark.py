"""The mark of the demo: a table no real accounting database has, which also names the personas one may sign in as."""

from __future__ import annotations

from sqlalchemy import Engine, text

from demo.model import Person, Plan

MARK_TABLE = "turtle_demo_mark"


def personas(plan: Plan) -> list[Person]:
    """The people worth signing in as: those with a role or a behaviour to be found, staff last."""
    return sorted((one for one in plan.people if one.role and not one.deleted), key=lambda one: one.staff)


def put_mark(engine: Engine, plan: Plan) -> None:
    """Write the mark: one row for each persona (position, login, full_name, staff, role, behaviour)."""
    columns = "position int primary key, login varchar(64), full_name varchar(128), staff tinyint, "
    columns += "role varchar(255), behaviour varchar(64)"
    insert = f"insert into {MARK_TABLE} values (:position, :login, :full_name, :staff, :role, :behaviour)"
    rows = [
        {
            "position": position,
            "login": one.name,
            "full_name": one.full_name,
            "staff": int(one.staff),
            "role": one.role,
            "behaviour": one.behaviour,
        }
        for position, one in enumerate(personas(plan))
    ]
    with engine.begin() as connection:
        connection.execute(text(f"drop table if exists {MARK_TABLE}"))
        connection.execute(text(f"create table {MARK_TABLE} ({columns}) character set utf8mb4"))
        if rows:
            connection.execute(text(insert), rows)
