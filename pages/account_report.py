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
from datasources.portal.totals import COUNTS, coverage, totals
from datasources.prometheus import account_now_batches
from datasources.slurm import accounts, accounts_charged, accounts_limits
from datasources.sources import Sources
from pages.account_names import unsorted, who
from pages.account_tree import draw_limits
from pages.accounts_query import levelfs
from pages.accounts_view import AccountView, last_month, month_of, month_text, month_words, standing, tail
from pages.job_head import role_of

KINDS = (
    ("core_hours", N_("Core-hours"), N_("Cores used"), N_("Cores wasted")), ("gpu_hours", N_("GPU-hours"), N_("GPUs used"), N_("GPUs wasted")),
    ("tb_hours", N_("TiB-hours"), N_("Memory used"), N_("Memory wasted")),
)  # fmt: skip


def bounds(subject: AccountView, when: TimeRange) -> tuple[str, int, int]:
    """(YYYY-MM, its first second, the next month's first second) of the report; the last whole month where none was named."""
    month = subject.month or last_month(when.now)
    return month, *month_of(month)


def queried(sources: Sources, viewer: Viewer, subject: AccountView, when: TimeRange) -> Frames:
    """Frame who (see account_names). Frame report: totals() by user, with charged_core_hours and charged_gpu_hours (NaN where Slurm keeps none).

    Frame limits; objects month, since, until, covered ((summarised, finished) or an error), charged (bool or an error), levelfs
    (the value at the end of the month, or an error), prices.
    """
    month, since, until = bounds(subject, when)
    name = accounts.account_name(sources, viewer=viewer, account=subject.id)
    if since > when.now:
        raise NoData(Why.NO_DATA, f"{month} has not begun")
    narrow = Narrow(account=name)
    end = min(until, when.now)
    then = TimeRange(start=max(since, end - DAY), end=end, now=when.now)

    def standing_then() -> Any:
        found = levelfs(sources, viewer, (name,), then)
        return tail(found.iloc[:, 0]) if isinstance(found, pd.DataFrame) else found

    found = sources.pool.gather(
        {
            "report": lambda: totals(sources, viewer=viewer, since=since, until=until, by=("user",), narrow=narrow),
            "covered": lambda: coverage(sources, viewer=viewer, since=since, until=until, narrow=narrow),
            "charged": lambda: accounts_charged.charged(sources, viewer=viewer, account=name, since=since, until=until),
            "limits": lambda: accounts_limits.limits(sources, viewer=viewer, account=name),
            "levelfs": standing_then,
        }, 9.0, "slurm",
    )  # fmt: skip
    report, charged = found["report"], found["charged"]
    if isinstance(report, pd.DataFrame):
        whole = unsorted(sources, viewer, subject, with_charged(report, charged))
        found["report"] = whole.sort_values("core_hours", ascending=False, kind="stable").reset_index(drop=True)
    has = charged if isinstance(charged, TurtleError) else bool(len(charged))
    return {"who": who(sources, viewer, name), **found, "charged": has, "month": month, "since": since, "until": until}


def with_charged(report: pd.DataFrame, charged: pd.DataFrame | TurtleError) -> pd.DataFrame:
    """The report with what Slurm charged each person; those it charged but of whom no run ended get a row of their own."""
    if isinstance(charged, TurtleError) or charged.empty:
        return report.assign(charged_core_hours=float("nan"), charged_gpu_hours=float("nan"))
    report = report.astype({column: float for column in report.columns if column not in ("user", *COUNTS)})
    named = charged.rename(columns={"core_hours": "charged_core_hours", "gpu_hours": "charged_gpu_hours"})
    whole = report.merge(named, on="user", how="outer")
    numbers = [column for column in report.columns if column != "user"]
    return whole.assign(**whole[numbers].fillna(0.0)).sort_values("core_hours", ascending=False, kind="stable").reset_index(drop=True)


def cost_of(row: dict[str, Any], settings: Any) -> float | None:
    """What a row's hours and energy cost by the settings' prices; None without prices. GPUs at the general price."""
    prices = settings.prices
    hours = row["core_hours"] * prices.core_hour + row["gpu_hours"] * prices.gpu_hour
    power = (row["energy_kwh"] or 0.0) * prices.electricity_kwh * (1 + prices.cooling_share)
    return hours + power if prices.core_hour or prices.gpu_hour or prices.electricity_kwh else None


def _summed(frame: pd.DataFrame) -> dict[str, Any]:
    numbers = frame.select_dtypes("number").sum()
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
        found.append(Column(key="cost", title=N_("Cost"), kind="money", help=N_("Hours and energy at the site's prices; every GPU at the general price")))
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
    before, later = month_text(first - 1), month_text(after)
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
    if isinstance(report, TurtleError):
        return html.Div([_bar(about, month), title, parts.empty(error_sentence(report))])
    if report.empty:
        return html.Div([_bar(about, month), title, parts.empty(_("No run of this account ended in that month.")), *_sentences(frames, about)])
    rows = report.sort_values("core_hours", ascending=False, kind="stable")
    whole = pd.concat([rows.assign(sum=False), pd.DataFrame([_summed(rows) | {"sum": True}])], ignore_index=True)
    whole["cost"] = [cost_of(row, about.settings) for row in whole.to_dict("records")]
    whole["cost"] = whole["cost"].astype(float)
    shown = table(whole, columns(about, whole), sortable=False, filtered=False, row_class=lambda row: "tt-sum" if row["sum"] else "")
    more = charge_columns(about, whole)
    charges = []
    if more:
        charges = [html.H3(_("What it cost, and what Slurm charged"), style={"marginTop": "18px"}), table(whole, more, sortable=False, filtered=False)]
    return html.Div([_bar(about, month), title, shown, *charges, *_sentences(frames, about)])


def draw_month_limits(frames: Frames, about: About) -> Any:
    """The limits as they are now: Slurm keeps no history of them."""
    limits = frames["limits"]
    return parts.empty(error_sentence(limits)) if isinstance(limits, TurtleError) else draw_limits(frames, about)


def exported(sources: Sources, viewer: Viewer, subject: AccountView, when: TimeRange) -> Frames:
    """Frame report: a line a member, the units in the headers."""
    frames = queried(sources, viewer, subject, when)
    report = frames["report"]
    if isinstance(report, TurtleError):
        raise report
    frame = report.assign(month=frames["month"], account=subject.id, cost=[cost_of(row, sources.settings) for row in report.to_dict("records")])
    headers = {"month": "month", "account": "account", "user": "user", "jobs": "jobs", "failed": "not completed"}
    for key, words in (("core_hours", "core-hours"), ("gpu_hours", "GPU-hours"), ("tb_hours", "TiB-hours of memory")):
        headers |= {key: f"{words} allocated", f"{key}_judged": f"{words} allocated, use known", f"{key}_used": f"{words} used", f"{key}_wasted": f"{words} wasted"}
    headers |= {"energy_kwh": "energy (kWh)", "cost": "cost", "charged_core_hours": "core-hours Slurm charged", "charged_gpu_hours": "GPU-hours Slurm charged"}
    # more digits than these are of no run's measurement
    return {"who": frames["who"], "report": frame[list(headers)].round(4).rename(columns=headers)}


HELP = N_(
    "Allocated is what the runs held, used what they used of it, wasted the rest. Used and wasted are of the runs whose use is known. Slurm's own count is by "
    "the clock: of a run that goes on over midnight of the first it counts a part in each month, and it knows no waste."
)
REPORT = Section(
    key="report", title="", query=queried, export=exported, access=MEMBER_OR_STAFF, eager=True, in_contents=False,
    needs=needs_of(account_now_batches.TREND),
    blocks=(
        Block(key="report", title=N_("Month's report"), draw=draw_report, csv="report", height=420, help=HELP),
        Block(key="limits", title=N_("Limits now"), draw=draw_month_limits, height=160),
    ),
)  # fmt: skip
