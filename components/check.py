"""`python app.py check`: what of the configured sources works, what is missing, what that empties and how to mend it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TextIO

from sqlalchemy import text

from components.check_files import file_lines
from components.check_line import BAD, FAILED, MISSING, OFF, OK, Line, what_needs
from components.check_robinhood import robinhood_lines
from components.check_slurm import slurm_lines
from components.records import Need, Page
from components.text import _, error_sentence, ngettext
from core.errors import TurtleError
from core.settings import Settings
from datasources.prometheus import promql
from datasources.prometheus.batch import Batch
from datasources.sources import Sources


def prometheus_lines(sources: Sources, pages: tuple[Page, ...], batches: tuple[Batch, ...]) -> Iterator[Line]:
    """The server, then each exporter with its metrics and labels, then the recording rules."""
    client = sources.prometheus
    if client is None:
        yield Line(
            source="prometheus", what=_("server"), state=OFF, found=_("not configured"), mend=_("set [prometheus] url")
        )
        return
    try:
        client.instant("vector(1)")
        yield Line(source="prometheus", what=_("server"), state=OK, found=_quietly(client.version))
        for exporter in sorted({batch.exporter for batch in batches}):
            mine = [batch for batch in batches if batch.exporter == exporter]
            if not sources.settings.exporter(exporter).installed:
                yield Line(source=exporter, what=_("metrics"), state=OFF, found=_("not installed, says the settings"))
                continue
            yield from _metric_lines(sources, pages, exporter, mine)
        yield from _rule_lines(sources, pages, batches)
    except TurtleError as error:
        yield Line(
            source="prometheus",
            what=_("server"),
            state=FAILED,
            found=error.detail or error_sentence(error),
            empties=_("all charts"),
            mend=_("check [prometheus] url, its credentials and that the server is up"),
        )


def _quietly(ask: Callable[[], str]) -> str:
    """An answer that not every server gives (Thanos and Mimir have fewer interfaces); "" without it."""
    try:
        return ask()
    except TurtleError:
        return ""


def _metric_lines(sources: Sources, pages: tuple[Page, ...], exporter: str, batches: list[Batch]) -> Iterator[Line]:
    metrics = {metric: batch for batch in batches for metric in batch.metrics}
    there = {metric for metric, batch in metrics.items() if sources.prometheus.exists(metric, _site(sources, batch))}
    state = OK if there or not metrics else MISSING
    yield Line(
        source=exporter,
        what=_("metrics"),
        state=state,
        found=_("{n} of {all} metrics have samples now").format(n=len(there), all=len(metrics)),
        empties="" if there else what_needs(pages, Need(kind="exporter", name=exporter), *(Need(kind="metric", name=name) for name in metrics)),
        mend=""
        if there
        else _("scrape {exporter}, or set metrics.exporters.{exporter}.installed = false").format(exporter=exporter),
    )
    for metric in sorted(set(metrics) - there) if there else ():
        yield Line(
            source=exporter,
            what=metric,
            state=MISSING,
            found=_("no sample now"),
            empties=what_needs(pages, Need(kind="metric", name=metric)),
            mend=_("nothing runs that would export it, or the exporter is too old or lacks the part that reads it"),
        )
    for metric in sorted(there):
        lacking = sorted(
            set(metrics[metric].labels) - set(sources.prometheus.labels_of(metric, _site(sources, metrics[metric])))
        )
        # a batch of several metrics names the labels of all of them: only those every series needs are told
        needed = [label for label in lacking if label in ("slurmjobid", "user", sources.settings.metrics.host_label)]
        if needed and len(metrics[metric].metrics) == 1:
            yield Line(
                source=exporter,
                what=metric,
                state=MISSING,
                found=_("label {label} is not there").format(label=", ".join(needed)),
                empties=what_needs(pages, Need(kind="metric", name=metric)),
                mend=_("check relabelling and metrics.host_label"),
            )


def _site(sources: Sources, batch: Batch) -> str:
    return promql.site_filter(sources.settings, batch.module)


def _rule_lines(sources: Sources, pages: tuple[Page, ...], batches: tuple[Batch, ...]) -> Iterator[Line]:
    wanted = {rule: batch for batch in batches for rule in batch.rules}
    lacking = [rule for rule, batch in wanted.items() if not sources.prometheus.exists(rule, _site(sources, batch))]
    known: set[str] = set()
    if lacking:
        try:
            known = set(sources.prometheus.rules())
        except TurtleError as error:
            yield Line(
                source="prometheus",
                what=_("rules"),
                state=OFF,
                found=_("cannot be listed: {error}").format(error=error.detail[:80]),
            )
    yield Line(
        source="prometheus",
        what=_("recording rules"),
        state=OK if len(lacking) < len(wanted) or not wanted else MISSING,
        found=_("{n} of {all} have samples now").format(n=len(wanted) - len(lacking), all=len(wanted)),
    )
    for rule in sorted(lacking):
        idle = rule in known
        yield Line(
            source="prometheus",
            what=rule,
            state=OK if idle else MISSING,
            found=_("evaluated, nothing to record now") if idle else _("not recorded"),
            empties="" if idle else what_needs(pages, Need(kind="rule", name=rule)),
            mend="" if idle else _add_rules(rule),
        )


def _add_rules(rule: str) -> str:
    if rule.startswith("libvirtd_"):
        return _("add deploy/cloud_rules.yml to rule_files of Prometheus")
    return _("add deploy/recording_rules.yml to rule_files of Prometheus")


def own_lines(sources: Sources) -> Iterator[Line]:
    """The portal's own database and its cache."""
    try:
        with sources.portal.transaction() as connection:
            connection.execute(text("select 1"))
        yield Line(source="portal", what=_("own database"), state=OK, found=sources.portal.url.get_backend_name())
    except TurtleError as error:
        yield Line(
            source="portal",
            what=_("own database"),
            state=FAILED,
            found=error.detail[:120],
            empties=_("stored summaries of finished jobs"),
            mend=_("check [portal] url and that the portal may write there"),
        )
    sources.cache.get_or_make(("check",), 1, lambda: True)
    yield Line(source="portal", what=_("cache"), state=OK, found=str(sources.settings.server.cache_dir))


def lines_of(sources: Sources, pages: tuple[Page, ...], batches: tuple[Batch, ...]) -> list[Line]:
    """Every line of the table."""
    found = [*prometheus_lines(sources, pages, batches), *slurm_lines(sources, pages)]
    return [*found, *robinhood_lines(sources, pages), *file_lines(sources.settings), *own_lines(sources)]


def write(lines: list[Line], out: TextIO) -> None:
    """The table as text: a line each, then what is empty and how to mend it."""
    widths = [max([len(str(getattr(line, key))) for line in lines] + [6]) for key in ("source", "what", "state")]
    for line in lines:
        columns = [
            str(getattr(line, key)).ljust(width) for key, width in zip(("source", "what", "state"), widths, strict=True)
        ]
        out.write("  ".join([*columns, line.found]).rstrip() + "\n")
        for label, value in ((_("empties"), line.empties), (_("mend"), line.mend)):
            if value and (line.state != OK or label == _("empties")):
                out.write(f"{'':{widths[0] + 2}}{label}: {value}\n")


def run(
    settings: Settings, sources: Sources, pages: tuple[Page, ...], batches: tuple[Batch, ...], out: TextIO | None = None
) -> int:
    """Check everything and print the table; 0 if nothing failed or is missing, else 1."""
    if sources.prometheus is None and sources.slurm is None:
        # a portal of nothing is a mistake, not a success
        sources.close()
        (out or sys.stdout).write(_("Neither Prometheus nor Slurm is configured: there is nothing to show. Set [prometheus] url or [slurm] url.") + "\n")
        return 1
    existing = tuple(page for page in pages if settings.module_on(page.module))
    try:
        lines = lines_of(sources, existing, batches)
    finally:
        sources.close()
    out = out if out is not None else sys.stdout
    write(lines, out)
    bad = [line for line in lines if line.state in BAD]
    out.write("\n" + (ngettext("{n} line needs attention", "{n} lines need attention", len(bad)).format(n=len(bad)) if bad else _("all is well")) + "\n")
    return 1 if bad else 0
