"""An account over time: its place in the fairshare, and what its members hold, use, waste, run and read."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.charts import account as charts
from components.charts import account_priority as priority
from components.records import About, Block, Frames, Section
from components.text import N_, _, error_sentence
from core.errors import NoData, SourceError, TurtleError, Why
from core.subjects import Subject
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import MEMBER_OR_STAFF, Viewer, only_members
from datasources.prometheus import account_batches, account_frames
from datasources.prometheus.batch import Batch, Target
from datasources.prometheus.job_frames import part, with_units
from datasources.prometheus.run import fetch, reason_for_empty
from datasources.slurm.accounts import account_name
from datasources.slurm.accounts_limits import limits
from datasources.sources import Sources
from pages.account_names import who
from pages.accounts_view import standing

log = logging.getLogger(__name__)
PRIORITY_SPAN = 90 * DAY  # fairshare forgets slowly


def own_span(subject: Subject, when: TimeRange) -> TimeRange:
    """The range of the fairshare: 90 days, unless the address names one."""
    return when if getattr(subject, "timed", False) else replace(when, start=when.end - PRIORITY_SPAN)


def _ask(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange, *batches: Batch) -> dict[str, Any]:
    """fetch() for one account; raises NotFound unless the viewer may see it, by its exact name, and Slurm knows it."""
    only_members(viewer, subject.id)
    try:
        account_name(sources, viewer=viewer, account=subject.id)
    except (SourceError, NoData) as error:
        log.warning("account %s is not looked up: %s", subject.id, error.detail)  # the metrics are there without accounting
    return fetch(sources, batches, Target(accounts=(subject.id,)), when, viewer=viewer)


def _allocation(sources: Sources, viewer: Viewer, account: str) -> dict[str, float] | TurtleError:
    """{TRES name: GrpTRES} set on the account itself; {} for an account without."""
    try:
        found = limits(sources, viewer=viewer, account=account)
    except TurtleError as error:
        return error
    own = found[(found["account"] == account) & (found["user"] == "") & (found["limit"] == "grp_tres")]
    return {str(name): float(value) for name, value in zip(own["resource"], own["value"], strict=True)}


def priority_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`use` (levels what), `levelfs` (level account), `allocation` ({TRES: limit} or error), `when` (the range shown)."""
    shown, settings = own_span(subject, when), sources.settings
    found = _ask(sources, viewer, subject, shown, account_batches.use(settings), account_batches.levelfs(settings))
    return {
        "use": found["account_use"], "levelfs": found["account_levelfs"], "when": shown,
        "allocation": _allocation(sources, viewer, subject.id),
    }  # fmt: skip


def _measured(sources: Sources, found: Any, batch: Batch, subject: Subject, when: TimeRange) -> Any:
    """The frame again, or why nobody of the account has any of it."""
    if isinstance(found, TurtleError) or not found.columns.empty:
        return found
    return NoData(reason_for_empty(sources, batch, Target(accounts=(subject.id,)), when, None), batch.exporter)


def _members_query(batch: Any, key: str, unit: str) -> Any:
    def query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
        asked = batch(sources.settings)
        found = _measured(sources, _ask(sources, viewer, subject, when, asked)[key], asked, subject, when)
        if isinstance(found, TurtleError):
            return dict.fromkeys(("allocated", "used", "wasted"), found)
        return {"who": who(sources, viewer, subject.id), **account_frames.by_member(found, unit)}

    return query


def gpus_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`allocated`, `used`, `wasted` (GPUs, level user), `gpus` (levels what, gpu_type: used_model, watts, count)."""
    found = _ask(sources, viewer, subject, when, account_batches.gpus(sources.settings))["account_gpus"]
    if isinstance(found, TurtleError):
        return dict.fromkeys(("allocated", "used", "wasted", "gpus"), found)
    members = account_frames.by_member(found, "GPUs")
    if members["allocated"].columns.empty:
        return dict.fromkeys(("allocated", "used", "wasted", "gpus"), NoData(Why.NO_DATA, "gpus"))
    models = part(found, what=("used_model", "watts", "count"))
    models.columns = models.columns.droplevel("user")
    return {"who": who(sources, viewer, subject.id), **members, "gpus": models}


def programs_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`programs`: busy cores, level bin."""
    asked = account_batches.programs(sources.settings)
    found = _measured(sources, _ask(sources, viewer, subject, when, asked)["account_programs"], asked, subject, when)
    return with_units({"programs": found}, {"programs": "cores"})


def files_query(sources: Sources, viewer: Viewer, subject: Subject, when: TimeRange) -> Frames:
    """`operations` (1/s, level user), `bandwidth` (B/s, levels what, user)."""
    asked = account_batches.lustre(sources.settings)
    found = _measured(sources, _ask(sources, viewer, subject, when, asked)["account_lustre"], asked, subject, when)
    if isinstance(found, TurtleError):
        return {"operations": found, "bandwidth": found}
    made = {"operations": part(found, what="operations"), "bandwidth": part(found, what=("read_bytes", "write_bytes"))}
    return {"who": who(sources, viewer, subject.id), **with_units(made, {"operations": "1/s", "bandwidth": "B/s"})}


def _before(series: pd.Series, seconds: int) -> float:
    """The value so long before the last one; NaN where there is none."""
    at = series.index[-1] - pd.Timedelta(seconds=seconds)
    near = series[(series.index <= at) & (series.index > at - pd.Timedelta(days=2))].dropna()
    return float(near.iloc[-1]) if len(near) else math.nan


def draw_meaning(frames: Frames, about: About) -> Any:
    """What the account's priority means now, and how it came to be."""
    frame = frames["levelfs"]
    if isinstance(frame, TurtleError):
        return html.Div(parts.notice(error_sentence(frame), "warn"))
    known = pd.Series(dtype=float) if frame.columns.empty else frame.iloc[:, 0].dropna()
    if known.empty:
        return parts.notice(_("LevelFS of this account was not measured in this period."), "info")
    now = float(known.iloc[-1])
    tone, sentence = standing(now)
    earlier = _before(known, 7 * DAY)
    said = [_("LevelFS is %(value)s.", value=fmt.number(now)), sentence]
    if not math.isnan(earlier):
        said.append(_("A week before it was %(value)s.", value=fmt.number(earlier)))
    infinite = float(np.isinf(known).mean())
    if 0 < infinite < 1:
        said.append(_("For %(share)s of the time shown it was infinite (no use at all), which the line leaves out.", share=fmt.percent(infinite)))
    if isinstance(frames["when"], TimeRange) and frames["when"].span != about.when.span:
        said.append(_("These charts go back up to 90 days; a range chosen above holds for them, too."))
    return parts.notice(" ".join(said), tone)


def _section(key: str, title: str, query: Any, panels: Any, **more: Any) -> Section:
    return Section(key=key, title=title, query=query, access=MEMBER_OR_STAFF, panels=panels, **more)


SECTIONS = (
    _section(
        "priority", N_("Priority"), priority_query, priority.PANELS, eager=True,
        blocks=(Block(key="meaning", title="", draw=draw_meaning, bare=True, height=48),),
    ),
    _section("cpu", N_("Cores"), _members_query(lambda settings: account_batches.by_member(settings, "cores"), "account_cores", "cores"), charts.CPU_PANELS),
    _section("gpu", N_("GPUs"), gpus_query, charts.GPU_PANELS),
    _section(
        "memory", N_("Memory"), _members_query(lambda settings: account_batches.by_member(settings, "memory"), "account_memory", "B"), charts.MEMORY_PANELS
    ),
    _section("programs", N_("Programs"), programs_query, charts.PROGRAM_PANELS),
    _section("files", N_("File systems"), files_query, charts.FILE_PANELS),
)  # fmt: skip
