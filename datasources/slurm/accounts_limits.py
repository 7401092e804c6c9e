"""Limits of an account and of the viewer's own association in it, and how close the jobs that run and wait are to each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from core.viewer import Viewer, only_members
from datasources.slurm import frames
from datasources.slurm.accounts_rows import Association, accounts, names_of_qos, of_account, path_of
from datasources.slurm.accounts_use import Holding, holdings, with_below
from datasources.slurm.ownership import database
from datasources.slurm.tres import MIB
from datasources.sources import Sources

COLUMNS = ("account", "user", "limit", "resource", "holds_for", "value", "used", "share", "unit")
MINUTE = 60
GROUP = ("grp_tres", "grp_jobs", "grp_submit_jobs", "grp_wall", "grp_tres_mins", "grp_tres_run_mins")
PERSON = ("max_jobs", "max_submit_jobs")
JOB = ("max_tres_pj", "max_tres_pn", "max_wall_pj", "max_tres_mins_pj")


def _counted(limit: str, held: Holding) -> float:
    """Jobs that count against a limit; a suspended one still does."""
    running = held.running + held.suspended
    return float(running + held.pending if "submit" in limit else running)


def _rows(association: Association, limits: tuple[str, ...], held: Holding | None) -> Iterator[dict[str, Any]]:
    """One row a limit and resource; `used` NaN where accounting does not write down how much of it is used."""
    for limit in limits:
        if limit in association.counts:
            value = float(association.counts[limit])
            wall = "wall" in limit
            used = math.nan if wall or held is None else _counted(limit, held)
            yield {"limit": limit, "resource": "", "value": value * MINUTE if wall else value, "used": used, "unit": "s" if wall else "jobs"}
        for resource, amount in association.tres.get(limit, {}).items():
            size = MIB if resource == "mem" and "mins" not in limit else 1
            # Slurm counts a node once, however many jobs share it: their sum would be too much
            known = limit == "grp_tres" and held is not None and resource != "node"
            used = float(held.tres[resource] * size) if known and held is not None else math.nan
            unit = "min" if "mins" in limit else "B" if resource == "mem" else ""
            yield {"limit": limit, "resource": resource, "value": float(amount * size), "used": used, "unit": unit}


def _inherited(chain: list[Association], limit: str) -> Association | None:
    """The nearest association on which a limit is set: a person's own, else the account's, else one above."""
    return next((one for one in chain if limit in one.counts or limit in one.tres), None)


def limits(sources: Sources, *, viewer: Viewer, account: str) -> pd.DataFrame:
    """The limits that hold in an account, those of the accounts above it too; one row a limit and resource.

    Columns: account and user (on which association it is set; user "" = on the account), limit (Slurm's column: grp_tres,
    grp_jobs, …), resource (TRES name, "" for jobs and times), holds_for ("group": all jobs of that account and below, "person":
    each member's jobs in this account, "job": each job), value, used (now; of "person" the viewer's own; NaN where accounting
    does not write it down), share (used ÷ value, NaN without either), unit ("jobs", "s", "B", "min" = resource-minutes, "" = count).
    A limit per person or job is set on the person, else the account, else above: the nearest one holds, as in Slurm.
    Raises NotFound unless the viewer is a member, coordinator or staff.
    """
    only_members(viewer, account)
    db = database(sources)
    tree, held = accounts(db), holdings(db)
    all_held = with_below(held, {name: one.parent for name, one in tree.items()})
    path = [tree[name] for name in reversed(path_of(tree, account))]
    own = [one for one in of_account(db, account) if one.user == viewer.name and not one.deleted]
    mine = held.get((account, viewer.name), Holding()) if own and viewer.name else None
    rows: list[dict[str, Any]] = []
    for one in path:
        found = _rows(one, GROUP, all_held.get(one.account, Holding()))
        rows += [row | {"account": one.account, "user": "", "holds_for": "group"} for row in found]
    for holds_for, names, use in (("person", PERSON, mine), ("job", JOB, None)):
        for limit in names:
            holder = _inherited([*own, *path], limit)
            if holder is not None:
                rows += [row | {"account": holder.account, "user": holder.user, "holds_for": holds_for} for row in _rows(holder, (limit,), use)]
    for row in rows:
        row["share"] = row["used"] / row["value"] if row["value"] > 0 else (math.inf if row["used"] > 0 else math.nan)
    return frames.table(rows, COLUMNS, value="float64", used="float64", share="float64")


def qos_of(sources: Sources, *, viewer: Viewer, account: str) -> tuple[str, ...]:
    """Names of the QOS the viewer's jobs in an account may ask for, else those of the account; () where nothing is set or known.

    Raises NotFound unless the viewer may see the account.
    """
    only_members(viewer, account)
    db = database(sources)
    tree = accounts(db)
    own = [one for one in of_account(db, account) if one.user == viewer.name and not one.deleted]
    holder = next((one for one in (*own, *(tree[name] for name in reversed(path_of(tree, account)))) if one.qos), None)
    names = names_of_qos(db)
    return tuple(sorted(names[number] for number in holder.qos if number in names)) if holder else ()
