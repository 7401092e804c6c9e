"""The tables and tiles of the scheduler's statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.charts.scheduling import size_name
from components.links import account_link, link
from components.records import About, Frames
from components.table import Column, table
from components.text import N_, _, error_sentence, ngettext
from core.errors import NoData, TurtleError

LOW_LIMIT_USE = 0.2  # half of all runs need less than this of their limit: worth a word
MANY_TIMEOUTS = 0.1

HELP_HELD = N_(
    "Share of runs that became eligible a minute or more after they were submitted: for another job, a begin time, a hold, "
    "a limit on array tasks or a requeue"
)
NOTHING = N_("No run of this began or ended in these days.")
Draw = Callable[[Frames, About], Any]


def _empty(error: TurtleError) -> Any:
    """Why there is no table: no run at all is not a gap in what is measured."""
    return parts.empty(_(NOTHING) if isinstance(error, NoData) and error.what == "jobs" else error_sentence(error))


def _narrowed(about: About, text: str, **names: str) -> Any:
    """A name as the way to this page narrowed to it."""
    if not text:
        return html.Span(fmt.NONE)
    return parts.page_link(text, link(about.settings, "/scheduling", **about.subject.query(**names)))


def _jobs_link(about: About, text: Any, **query: str) -> Any:
    """A number as the way to those jobs; without the module of jobs the number alone."""
    if not about.settings.module_on("jobstats"):
        return text
    return parts.page_link(text, link(about.settings, "/jobs", **{key: value for key, value in ({"user": "*"} | query).items() if value}))


def _group_column(name: str, about: About) -> Column:
    if name == "partition":
        return Column(key=name, title=N_("Partition"), phone=True, draw=lambda row: _narrowed(about, row[name], partition=row[name]))
    if name == "qos":
        return Column(key=name, title=N_("QOS"), phone=True, draw=lambda row: _narrowed(about, row[name], qos=row[name]))
    if name == "account":
        return Column(key=name, title=N_("Account"), phone=True, draw=lambda row: account_link(about.settings, row[name], **about.subject.narrow.query()))
    return Column(key=name, title=N_("Size of the job"), kind="time", phone=True, draw=lambda row: size_name(row[name]))  # sorted by its number


def _number(key: str, title: str, help_: str = "") -> Column:
    return Column(key=key, title=title, kind="number", help=help_, draw=_count(key))


def _wait(key: str, title: str, help_: str, *, phone: bool = False) -> Column:
    return Column(key=key, title=title, kind="duration", help=help_, draw=_time(key), phone=phone)


def _wait_columns(name: str, about: About) -> tuple[Column, ...]:
    return (
        _group_column(name, about),
        _number("runs", N_("Runs"), N_("Runs that began in these days; array tasks one by one")),
        _wait("queue_median_s", N_("Half began within"), N_("Median of the time from eligible to start"), phone=True),
        _wait("queue_p90_s", N_("Nine of ten within"), N_("90th percentile of the time from eligible to start"), phone=True),
        Column(key="within_hour", title=N_("Within an hour"), kind="bar", help=N_("Share of runs that began within an hour of being eligible")),
        Column(key="held_share", title=N_("Held back"), kind="percent",
               help=HELP_HELD),
        _wait("held_median_s", N_("Half of these for"), N_("Median of the time from submission to eligible, of the runs held back")),
        _wait("held_p90_s", N_("Nine of ten for"), N_("90th percentile of the time from submission to eligible, of the runs held back")),
    )  # fmt: skip


def _count(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda row: fmt.number(row[name], 12)


def _time(name: str) -> Callable[[dict[str, Any]], str]:
    """A wait; below a second it is none."""

    def draw(row: dict[str, Any]) -> str:
        value = row[name]
        return _("at once") if value == 0 else fmt.duration(value)

    return draw


def wait_table(key: str, name: str) -> Draw:
    """Waits by partition, QOS or size class."""

    def draw(frames: Frames, about: About) -> Any:
        frame = frames[key]
        if isinstance(frame, TurtleError):
            return _empty(frame)
        return table(frame, _wait_columns(name, about), empty=NOTHING)

    return draw


def waiting_table(frames: Frames, about: About) -> Any:
    """Who still waits, by partition and QOS."""
    frame = frames["waiting"]
    if isinstance(frame, TurtleError):
        return _empty(frame)
    columns = (
        _group_column("partition", about),
        Column(key="qos", title=N_("QOS"), draw=lambda row: row["qos"] or fmt.NONE),
        Column(key="ready", title=N_("Waiting"), kind="number", phone=True, help=N_("Jobs that may start; array tasks one by one"),
               draw=lambda row: _jobs_link(about, fmt.number(row["ready"], 12), state="PENDING", partition=row["partition"], account=about.subject.narrow.account)),
        Column(key="oldest_s", title=N_("Longest so far"), kind="duration", phone=True, help=N_("How long the oldest of them has been eligible")),
        Column(key="oldest", title=N_("Since"), kind="time"),
        _number("not_ready", N_("Not eligible yet"), N_("Held, or waiting for another job, a begin time or earlier tasks of their array")),
        Column(key="accounts", title=N_("Accounts"), kind="number"),
    )  # fmt: skip
    return table(frame, columns, empty=N_("Nothing is waiting."))


def _ratio_role(value: float) -> str:
    return "bad" if value >= MANY_TIMEOUTS else "used"


def limit_table(key: str, name: str) -> Draw:
    """Limits by partition or account."""

    def draw(frames: Frames, about: About) -> Any:
        frame = frames[key]
        if isinstance(frame, TurtleError):
            return _empty(frame)

        def timeouts(row: dict[str, Any]) -> Any:
            if not row["timeouts"]:
                return fmt.number(0)
            when = about.when
            where = {"partition": about.subject.narrow.partition, "account": about.subject.narrow.account} | {name: row[name]}
            return _jobs_link(about, fmt.number(row["timeouts"], 12), state="TIMEOUT", **where, **{"from": str(when.start), "to": str(when.end)})

        columns = (
            _group_column(name, about),
            _number("completed", N_("Completed"), N_("Runs that ended in these days in the state COMPLETED")),
            Column(key="used_median", title=N_("Half took at most"), kind="bar", phone=True, help=N_("Median of run time / time limit of completed runs")),
            Column(key="used_p90", title=N_("Nine of ten at most"), kind="percent", help=N_("90th percentile of run time / time limit")),
            Column(key="below_tenth", title=N_("Below a tenth"), kind="percent", help=N_("Share of completed runs that took less than a tenth of their limit")),
            Column(key="timeouts", title=N_("Timed out"), kind="number", draw=timeouts),
            Column(key="timeout_ratio", title=N_("Timeout ratio"), kind="bar", phone=True, role=_ratio_role, help=N_("timed out / (completed + timed out)")),
            _number("unlimited", N_("No limit"), N_("Completed runs with UNLIMITED time: not judged")),
            _number("no_limit_known", N_("Limit not recorded"), N_("Completed runs whose limit is 0 in accounting: not judged")),
            _number("other", N_("Ended otherwise"), N_("Failed, cancelled, preempted, requeued and so on, after they began")),
        )  # fmt: skip
        return table(frame, columns, empty=NOTHING)

    return draw


def level_table(key: str, name: str) -> Draw:
    """LevelFS at the start by partition or account."""

    def draw(frames: Frames, about: About) -> Any:
        frame = frames[key]
        if isinstance(frame, TurtleError):
            return _empty(frame)
        columns = (
            _group_column(name, about),
            _number("starts", N_("Starts")),
            Column(key="level_median", title=N_("Median"), kind="number", phone=True, help=N_("Half of the runs began with a LevelFS of at most this")),
            Column(key="level_p10", title=N_("10 %"), kind="number", help=N_("One of ten runs began with a LevelFS of at most this")),
            Column(key="level_p90", title=N_("90 %"), kind="number", help=N_("Nine of ten runs began with a LevelFS of at most this")),
            Column(key="level_min", title=N_("Lowest"), kind="number"),
            Column(key="level_max", title=N_("Highest"), kind="number", help=N_("∞: an account that had used nothing")),
            Column(key="above_one", title=N_("At 1 or above"), kind="bar", phone=True, help=N_("Share of starts of accounts that had used no more than their share")),
            _number("unknown", N_("Not known"), N_("Starts for which the metrics have no LevelFS")),
        )  # fmt: skip
        frame = frame.assign(unknown=frame["starts"] - frame["known"])
        return [_level_word(frame) if name == "partition" else None, table(frame, columns, empty=NOTHING)]

    return draw


def _level_word(frame: pd.DataFrame) -> Any:
    """What the medians say, in a sentence."""
    easy = frame.loc[frame["level_median"] < 1, "partition"].tolist()
    if not easy:
        return None
    text = _(
        "In %(names)s half of all runs began for accounts below 1: those who had used more than their share got in all the same, "
        "as where a partition is easy to get or has resources to spare.",
        names=", ".join(easy),
    )
    return html.P(text, className="tt-muted")


def not_yet(frames: Frames) -> Any:
    """What is missing from the numbers: days not counted yet, accounting that does not answer."""
    said = []
    days = {day for name in ("counted", "ended") for day in frames[name].not_yet}
    errors = [frames[name].error for name in ("counted", "ended") if frames[name].error is not None]
    if errors:
        said.append(parts.notice([error_sentence(errors[0]), " ", _("Shown is what was counted before.")], "warn"))
    if days:
        text = ngettext(
            "%(num)s day is not yet counted and is missing from these numbers. Each look at this page counts some more, and so does the summariser.",
            "%(num)s days are not yet counted and are missing from these numbers. Each look at this page counts some more, and so does the summariser.",
            len(days),
        )  # fmt: skip
        said.append(parts.notice(text, "warn"))
    return said


def tiles(frames: Frames, about: About) -> Any:
    """Runs that began, how long they waited, who still waits, how well limits fit."""
    waits, limits = frames["all_waits"], frames["all_limits"]
    wait = waits.iloc[0].to_dict() if len(waits) else {"runs": 0}
    limit = limits.iloc[0].to_dict() if len(limits) else {"completed": 0}
    found = [*not_yet(frames), parts.tiles(*_wait_tiles(wait), _waiting_tile(frames["waiting"], about), *_limit_tiles(limit))]
    return html.Div(found)


def _wait_tiles(wait: dict[str, Any]) -> list[Any]:
    runs = wait["runs"]
    if not runs:
        return [parts.tile(_("Runs began"), fmt.number(0), note=_("none in these days"))]
    share = wait["held_share"]
    held = _("%(share)s were held back first", share=fmt.percent(share)) if share else _("none was held back first")
    half, most = (_time(name)(wait) for name in ("queue_median_s", "queue_p90_s"))
    return [
        parts.tile(_("Runs began"), fmt.number(runs, 12), note=held),
        parts.tile(
            _("Half began within"), half, share=wait["within_hour"], title=_("from eligible to start"),
            note=_("%(share)s within an hour · nine of ten within %(time)s", share=fmt.percent(wait["within_hour"]), time=most),
        ),
    ]


def _waiting_tile(frame: pd.DataFrame | TurtleError, about: About) -> Any:
    if isinstance(frame, TurtleError):
        return parts.tile(_("Still waiting"), fmt.NONE, note=error_sentence(frame))
    ready, later = int(frame["ready"].sum()), int(frame["not_ready"].sum())
    oldest = pd.to_numeric(frame["oldest"]).min() if len(frame) else None
    since = _("the oldest for %(time)s", time=fmt.duration(about.when.now - oldest)) if ready else ""
    more = _("%(count)s not eligible yet", count=fmt.number(later, 12)) if later else ""
    return parts.tile(_("Still waiting"), fmt.number(ready, 12), note=" · ".join(filter(None, (since, more))), title=_("jobs that may start; array tasks one by one"))


def _limit_tiles(limit: dict[str, Any]) -> list[Any]:
    if not limit["completed"] and not limit.get("timeouts"):
        return []
    ratio, used = limit["timeout_ratio"], limit["used_median"]
    judged = _("%(count)s completed runs", count=fmt.number(limit["judged"], 12))
    return [
        parts.tile(_("Time limit used"), fmt.percent(used), base=_("or less by half"), share=used, note=judged, role="waste" if used < LOW_LIMIT_USE else "used"),
        parts.tile(_("Timed out"), fmt.percent(ratio), share=ratio, role=_ratio_role(ratio),
                   note=_("%(part)s of %(whole)s", part=fmt.number(limit["timeouts"], 12), whole=fmt.number(limit["completed"] + limit["timeouts"], 12))),
    ]  # fmt: skip
