"""A month's report of an account, to print or to download: what each member held, used and wasted, and what Slurm charged."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dash import html

from components import format as fmt
from components import parts
from components.links import user_link
from components.needs import needs_of
from components.records import About, Block, Frames, Section
from components.table import Column, share_cell, table
from components.text import N_, _, error_sentence, ngettext
from core.errors import NoData, TurtleError, Why
from core.narrow import Narrow
from core.timerange import TimeRange
from core.units import DAY
from core.viewer import MEMBER_OR_STAFF, Viewer
from datasources.portal.totals import COUNTS, costs, coverage, totals
from datasources.prometheus import account_now_batches
from datasources.slurm import accounts, accounts_charged, accounts_limits
from datasources.sources import Sources
from pages.account_members import why_none
from pages.account_names import unsorted, who
from pages.account_tree import draw_limits
from pages.accounts_query import levelfs
from pages.accounts_view import AccountView, last_month, month_of, month_text, month_words, standing, tail
from pages.job_head import role_of

KINDS = (
    ("core_hours", N_("Core-hours"), N_("Cores used"), N_("Cores wasted")), ("gpu_hours", N_("GPU-hours"), N_("GPUs used"), N_("GPUs wasted")),
    ("tb_hours", N_("TiB-hours"), N_("Memory used"), N_("Memory wasted")),
)  # fmt: skip

KNOWN = 0.98  # of the core-hours: from here on what is not measured is not worth a sentence


def bounds(subject: AccountView, when: TimeRange) -> tuple[str, int, int]:
    """(YYYY-MM, its first second, the next month's first second) of the report; the last whole month where none was named."""
    month = subject.month or last_month(when.now)
    return month, *month_of(month)


def queried(sources: Sources, viewer: Viewer, subject: AccountView, when: TimeRange) -> Frames:
    """Frame who (see account_names). Frame report: totals() by user, with charged_core_hours and charged_gpu_hours (NaN where Slurm keeps none).

    None in place of report for a month that has not begun; then the objects behind until are not there. Frame limits; objects month,
    since, until, covered ((summarised, finished) or an error), charged (bool or an error), levelfs (the value at the end of the month,
    or an error).
    """
    month, since, until = bounds(subject, when)
    name = accounts.account_name(sources, viewer=viewer, account=subject.id)
    if since > when.now:
        return {"report": None, "limits": accounts_limits.limits(sources, viewer=viewer, account=name), "month": month, "since": since, "until": until}
    narrow = Narrow(account=name)
    end = min(until, when.now)
    then = TimeRange(start=max(since, end - DAY), end=end, now=when.now)

    def standing_then() -> Any:
        found = levelfs(sources, viewer, (name,), then)
        return tail(found.iloc[:, 0]) if isinstance(found, pd.DataFrame) else found

    found = sources.pool.gather(
        {
            "report": lambda: totals(sources, viewer=viewer, since=since, until=until, by=("user",), narrow=narrow),
            "costs": lambda: costs(sources, viewer=viewer, since=since, until=until, narrow=narrow),
            "covered": lambda: coverage(sources, viewer=viewer, since=since, until=until, narrow=narrow),
            "charged": lambda: accounts_charged.charged(sources, viewer=viewer, account=name, since=since, until=until),
            "limits": lambda: accounts_limits.limits(sources, viewer=viewer, account=name),
            "levelfs": standing_then,
        }, 9.0, "slurm",
    )  # fmt: skip
    report, charged, spent = found["report"], found["charged"], found.pop("costs")
    if isinstance(report, pd.DataFrame):
        whole = unsorted(sources, viewer, subject, with_charged(with_costs(report, spent), charged))
        found["report"] = whole.sort_values("core_hours", ascending=False, kind="stable").reset_index(drop=True)
    if isinstance(found["report"], pd.DataFrame) and found["report"].empty:
        found["report"] = why_none(found["covered"], found["report"])
    has = charged if isinstance(charged, TurtleError) else bool(len(charged))
    return {"who": who(sources, viewer, name), **found, "charged": has, "month": month, "since": since, "until": until}


def with_charged(report: pd.DataFrame, charged: pd.DataFrame | TurtleError) -> pd.DataFrame:
    """The report with what Slurm charged each person; those it charged but of whom no run ended get a row of their own."""
    if isinstance(charged, TurtleError) or charged.empty:
        return report.assign(charged_core_hours=float("nan"), charged_gpu_hours=float("nan"))
    report = report.astype({column: float for column in report.columns if column not in ("user", *COUNTS)})
    named = charged.rename(columns={"core_hours": "charged_core_hours", "gpu_hours": "charged_gpu_hours"})
    whole = report.merge(named, on="user", how="outer")
    numbers = [column for column in report.columns if column not in ("user", "cost")]  # no price is not a price of nothing
    return whole.assign(**whole[numbers].fillna(0.0)).sort_values("core_hours", ascending=False, kind="stable").reset_index(drop=True)


def with_costs(report: pd.DataFrame, spent: pd.DataFrame | TurtleError) -> pd.DataFrame:
    """The report with what its runs cost (see portal.totals.costs); NaN and 0 where that is not known."""
    if isinstance(spent, TurtleError):
        return report.assign(cost=float("nan"), ran=0, priced=0, energy_core_hours=0.0)
    found = report.merge(spent, on="user", how="left")
    counted = ["ran", "priced", "energy_core_hours"]
    return found.assign(**found[counted].fillna(0.0))


def _known(report: pd.DataFrame) -> list[Any]:
    """Where energy or cost of some runs are not known, of how many they are."""
    held, measured = float(report["core_hours"].sum()), float(report["energy_core_hours"].sum())
    ran, priced = int(report["ran"].sum()), int(report["priced"].sum())
    said = []
    if not measured and priced:
        said.append(_("No energy was measured in this month: the cost is that of the hours alone."))
    elif measured < KNOWN * held:
        said.append(_("Energy was measured of runs that held %(part)s of the core-hours; the energy of the others is in no sum.", part=fmt.percent(measured / held)))
    if 0 < priced < ran:
        said.append(_("The cost of %(known)s of %(all)s runs is known.", known=fmt.number(priced, 9), all=fmt.number(ran, 9)))
    if measured:
        said.append(_("Where a run was measured in part only, that part stands for all of it."))
    return [html.P(" ".join(said), className="tt-muted")] if said else []


def _summed(frame: pd.DataFrame) -> dict[str, Any]:
    numbers = frame.select_dtypes("number").sum(min_count=1)
    return {"user": _("Together"), **numbers.to_dict()}


def columns(about: About, frame: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of what was held, used and wasted; of GPUs only where there are any."""
    found = [Column(key="user", title=N_("Member"), phone=True, draw=lambda row: _person(row, about)), Column(key="jobs", title=N_("Jobs"), kind="number")]
    found.append(Column(key="failed", title=N_("Not completed"), kind="number", help=N_("Runs that failed, timed out, were cancelled …")))
    for key, title, used, wasted in KINDS:
        if key == "gpu_hours" and not frame[key].any():
            continue
        found += [
            Column(key=key, title=title, kind="number", phone=key == "core_hours", help=N_("Allocated: what its runs held, times how long")),
            Column(key=f"{key}_used", title=used, kind="bar", draw=lambda row, key=key: _share(row, key),
                   help=N_("Used of what was allocated, over the runs whose use is known")),
            Column(key=f"{key}_wasted", title=wasted, kind="number", draw=lambda row, key=key: _wasted(row, key),
                   help=N_("In hours: allocated and not used, over the runs whose use is known")),
        ]
    return tuple(found)


def charge_columns(about: About, frame: pd.DataFrame) -> tuple[Column, ...]:
    """Energy, money and Slurm's own count, those that are known; () if none is."""
    found = []
    if frame["energy_kwh"].any():
        found.append(Column(key="energy_kwh", title=N_("Energy"), kind="energy", help=N_("Measured, of the nodes' parts that the runs held")))
    if frame["cost"].notna().any():
        found.append(Column(key="cost", title=N_("Cost"), kind="money", help=N_("Hours and energy at the site's prices, run by run, as they were when each run ended")))
    if frame["charged_core_hours"].notna().any():
        found.append(Column(key="charged_core_hours", title=N_("Slurm: core-hours"), kind="number", help=N_("What slurmdbd counted in the month itself")))
        if frame["charged_gpu_hours"].any():
            found.append(Column(key="charged_gpu_hours", title=N_("Slurm: GPU-hours"), kind="number", help=N_("What slurmdbd counted in the month itself")))
    first = Column(key="user", title=N_("Member"), phone=True, draw=lambda row: _person(row, about))
    return (first, *(Column(**{**vars(one), "phone": place == 0}) for place, one in enumerate(found))) if found else ()


def _person(row: dict[str, Any], about: About) -> Any:
    name = str(row["user"])
    if row.get("sum"):
        return html.B(name)
    if not name:
        return _("the account itself (reservations that stood idle)")
    opens = about.viewer.is_staff or name == about.viewer.name
    return user_link(about.settings, name) if opens else name


def _share(row: dict[str, Any], key: str) -> Any:
    judged = row[f"{key}_judged"]
    if not judged:
        return fmt.NONE
    value = row[f"{key}_used"] / judged
    return share_cell(value, role_of, fmt.of(row[f"{key}_used"], judged, _("hours")))


def _wasted(row: dict[str, Any], key: str) -> str:
    """Nothing known is not nothing wasted."""
    return fmt.number(row[f"{key}_wasted"]) if row[f"{key}_judged"] else fmt.NONE


def _bar(about: About, month: str) -> html.Div:
    """The months before and after, and the button that prints."""
    subject, settings, now = about.subject, about.settings, about.when.now
    first, after = month_of(month)
    before, later = month_text(min(first - 1, now)), month_text(after)
    links: list[Any] = [parts.page_link(["← ", month_words(before)], subject.address(settings, view="", month=before), "tt-btn")]
    if after <= now:
        links.append(parts.page_link([month_words(later), " →"], subject.address(settings, view="", month=later), "tt-btn"))
    links.append(html.Button([parts.icon("file-earmark-text"), html.Span(_("Print"))], type="button", className="tt-btn", **{"data-print": "1"}))
    return html.Div(links, className="tt-runs")


def _sentences(frames: Frames, about: About) -> list[Any]:
    """What the table is of, how much of it is known, and how the account stood."""
    until, now = frames["until"], about.when.now
    said = [_("Runs that ended in the month; a run counts whole in the month it ended in. Months are in UTC.")]
    if until > now:
        said.append(_("The month is not over."))
    covered = frames["covered"]
    if not isinstance(covered, TurtleError) and covered[1]:
        if covered[0] < covered[1]:
            said.append(_("%(known)s of %(all)s finished runs have been summarised so far.", known=fmt.number(covered[0], 9), all=fmt.number(covered[1], 9)))
        else:
            said.append(ngettext("Its one finished run is in it.", "All %(num)s finished runs are in it.", covered[1]))
    value = frames["levelfs"]
    if not isinstance(value, TurtleError) and standing(value)[0]:
        when = _("LevelFS now") if until > now else _("LevelFS at its end")
        said.append(f"{when}: {fmt.number(value)}. {standing(value)[1]}")
    charged = frames["charged"]
    if charged is not True:
        said.append(_("Slurm's own sums for this month are not kept in its database, or may not be read."))
    return [html.P(" ".join(said), className="tt-muted")]


def draw_report(frames: Frames, about: About) -> Any:
    """The month's table with its sum, and what it is of."""
    report, month = frames["report"], frames["month"]
    title = html.H3(_("%(account)s in %(month)s", account=about.subject.id, month=month_words(month)))
    if report is None:
        return html.Div([_bar(about, month), title, parts.empty(_("That month has not begun yet."))])
    if isinstance(report, TurtleError):
        return html.Div([_bar(about, month), title, parts.empty(error_sentence(report))])
    if report.empty:
        return html.Div([_bar(about, month), title, parts.empty(_("No run of this account ended in that month.")), *_sentences(frames, about)])
    rows = report.sort_values("core_hours", ascending=False, kind="stable")
    whole = pd.concat([rows.assign(sum=False), pd.DataFrame([_summed(rows) | {"sum": True}])], ignore_index=True)
    shown = table(whole, columns(about, whole), sortable=False, filtered=False, row_class=lambda row: "tt-sum" if row["sum"] else "")
    more = charge_columns(about, whole)
    charges = []
    if more:
        charges = [html.H3(_("What it cost, and what Slurm charged"), style={"marginTop": "18px"}), table(whole, more, sortable=False, filtered=False), *_known(rows)]
    return html.Div([_bar(about, month), title, shown, *charges, *_sentences(frames, about)])


def draw_month_limits(frames: Frames, about: About) -> Any:
    """The limits as they are now: Slurm keeps no history of them."""
    limits = frames["limits"]
    return parts.empty(error_sentence(limits)) if isinstance(limits, TurtleError) else draw_limits(frames, about)


def exported(sources: Sources, viewer: Viewer, subject: AccountView, when: TimeRange) -> Frames:
    """Frame report: a line a member, the units in the headers."""
    frames = queried(sources, viewer, subject, when)
    report = frames["report"]
    if report is None:
        raise NoData(Why.NO_DATA, f"{frames['month']} has not begun")
    if isinstance(report, TurtleError):
        raise report
    frame = report.assign(month=frames["month"], account=subject.id)
    headers = {"month": "month", "account": "account", "user": "user", "jobs": "jobs", "failed": "not completed"}
    for key, words in (("core_hours", "core-hours"), ("gpu_hours", "GPU-hours"), ("tb_hours", "TiB-hours of memory")):
        headers |= {key: f"{words} allocated", f"{key}_judged": f"{words} allocated, use known", f"{key}_used": f"{words} used", f"{key}_wasted": f"{words} wasted"}
    headers |= {"energy_kwh": "energy (kWh)", "energy_core_hours": "core-hours with energy measured"}
    headers |= {"cost": "cost", "charged_core_hours": "core-hours Slurm charged", "charged_gpu_hours": "GPU-hours Slurm charged"}
    # more digits than these are of no run's measurement
    return {"who": frames["who"], "report": frame[list(headers)].round(4).rename(columns=headers)}


HELP = N_(
    "Allocated is what the runs held, used what they used of it, wasted the rest. Used and wasted are of the runs whose use is known. Slurm's own count is by "
    "the clock: of a run that goes on over midnight of the first it counts a part in each month, and it knows no waste."
)
HELP_LIMITS = N_("What Slurm lets the account have at once, and how much of it is taken now, not at the month's end.")
REPORT = Section(
    key="report", title="", query=queried, export=exported, access=MEMBER_OR_STAFF, eager=True, in_contents=False,
    needs=needs_of(account_now_batches.TREND),
    blocks=(
        Block(key="report", title=N_("Month's report"), draw=draw_report, csv="report", height=420, help=HELP),
        Block(key="limits", title=N_("Limits now"), draw=draw_month_limits, height=160, help=HELP_LIMITS),
    ),
)  # fmt: skip
