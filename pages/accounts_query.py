"""What the pages of accounts read: the list with LevelFS, and one account now, with its tree and limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from components.records import Frames
from core.errors import NoData, TurtleError
from core.subjects import Subject
from core.timerange import TimeRange
from core.viewer import Viewer
from datasources.prometheus import account_now_batches
from datasources.prometheus.batch import Target
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.slurm import accounts, accounts_limits
from datasources.sources import Sources
from pages.accounts_view import tail


def levelfs(sources: Sources, viewer: Viewer, names: tuple[str, ...], when: TimeRange) -> pd.DataFrame | TurtleError:
    """LevelFS over time: wide frame, level `account`; NoData with its reason where no account of them has any. One request."""
    batch, target = account_now_batches.TREND, Target(accounts=names)
    found = fetch(sources, (batch,), target, when, viewer=viewer)[batch.key]
    if isinstance(found, pd.DataFrame) and found.columns.empty:
        return NoData(reason_for_empty(sources, batch, target, when, None), batch.exporter)
    return found


def listed(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """Frame accounts: accounts_of's columns and levelfs (NaN where not known); trend: LevelFS over time by account, or an error."""
    frame = accounts.accounts_of(sources, viewer=viewer)
    words = getattr(subject, "words", "").lower()
    if words:
        frame = frame[[words in name.lower() for name in frame["account"]]].reset_index(drop=True)
    trend = levelfs(sources, viewer, tuple(frame["account"]), when) if len(frame) else pd.DataFrame()
    return {"accounts": with_levelfs(frame, trend), "trend": trend}


def with_levelfs(frame: pd.DataFrame, trend: pd.DataFrame | TurtleError) -> pd.DataFrame:
    """The list with a column levelfs: the last value of each account's trend, by the exact name."""
    known = {}
    if isinstance(trend, pd.DataFrame) and not trend.columns.empty:
        known = {column[0]: tail(trend[column]) for column in trend.columns}
    return frame.assign(levelfs=pd.Series([known.get(name, float("nan")) for name in frame["account"]], index=frame.index, dtype="float64"))


def now(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """Objects: whole, mine (slurm.accounts_use.Holding of all members, of the viewer), levelfs (float or an error); frame limits."""
    name = accounts.account_name(sources, viewer=viewer, account=subject.id)
    batch = account_now_batches.NOW

    def held() -> Any:
        return accounts.held_now(sources, viewer=viewer, account=name)

    def limits() -> pd.DataFrame:
        return accounts_limits.limits(sources, viewer=viewer, account=name)

    def standing() -> Any:
        moment = replace(when, start=when.now - 3600, end=when.now)
        answer = fetch(sources, (batch,), Target(accounts=(name,)), moment, viewer=viewer)[batch.key]
        return tail(answer["value"]) if isinstance(answer, pd.DataFrame) else answer

    found = sources.pool.gather({"held": held, "limits": limits, "levelfs": standing}, 9.0, "slurm")
    pair = found.pop("held")
    whole, mine = (pair, pair) if isinstance(pair, TurtleError) else pair
    return {**found, "whole": whole, "mine": mine}


def tree(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """Frames tree (account_tree), limits (limits); object qos: names of QOS the viewer's jobs there may ask for."""
    name = subject.id
    return {
        "tree": accounts.account_tree(sources, viewer=viewer, account=name), "limits": accounts_limits.limits(sources, viewer=viewer, account=name),
        "qos": accounts_limits.qos_of(sources, viewer=viewer, account=name),
    }
