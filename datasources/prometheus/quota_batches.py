"""The batches of storage quotas: what is used now, and over time. One request for all areas of a person at once."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from core.settings import Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import labelled
from datasources.prometheus.promql import any_of, matcher, selector

EXPORTER = "lfs_quota"
METRICS = {"bytes": "lfs_quota_kbytes", "files": "lfs_quota_inodes"}
FACTORS = {"bytes": " * 1024", "files": ""}
LABELS = ("user", "project", "group")
KNOWN = "known_"  # before bytes or files: how many are measured at a path, whoever they are
MOST = 200_000  # series of everybody: two for each person and area
SCRAPES = 3  # a figure so many scrapes old still counts: quotas are looked at seldom


def _paths(settings: Settings) -> dict[str, tuple[str, ...]]:
    """{label: paths of the areas whose quotas carry it}."""
    areas = [area for area in settings.storage.areas.values() if area.source == EXPORTER]
    return {label: tuple(dict.fromkeys(area.path for area in areas if area.label == label)) for label in LABELS}


def _parts(settings: Settings, target: Target, grid: Grid, site: str, *, known: bool) -> list[str]:
    """`target`: users own quotas by user; its accounts those by project or group."""
    owners = {"user": target.users, "project": target.accounts, "group": target.accounts}
    back = f"[{SCRAPES * grid.scrape}s]"
    found = []
    for label, paths in _paths(settings).items():
        if not paths or not owners[label]:
            continue
        where = matcher("path", any_of(paths))
        for what, metric in METRICS.items():
            one = f"last_over_time({selector(metric, site, where, matcher(label, owners[label]))}{back})"
            found.append(labelled(f"max by (path, {label}) ({one}){FACTORS[what]}", what))
            if known:
                anybody = label + '!=""'
                everybody = f"last_over_time({selector(metric, site, where, anybody)}{back})"
                found.append(labelled(f'label_replace(count by (path) ({everybody}), "{label}", "*", "", "")', KNOWN + what))
    return found


def _batch(settings: Settings, key: str, *, instant: bool) -> Batch:
    return Batch(
        key=key, exporter=EXPORTER, metrics=tuple(METRICS.values()), labels=("path",), levels=("what", "path", *LABELS),
        expr=lambda target, grid, site: " or ".join(_parts(settings, target, grid, site, known=instant)) or "vector(0) < 0",
        merge="max", instant=instant, module="usersummary",
    )


def now(settings: Settings) -> Batch:
    """What is used now: `what` is bytes or files, and known_bytes, known_files (how many owners are measured at the path, its label "*").

    Owners stand in the level of their label; the two others are "". Instant.
    """
    return _batch(settings, "quota_now", instant=True)


def trend(settings: Settings) -> Batch:
    """The same over time, without what is known of others."""
    return _batch(settings, "quota_trend", instant=False)


def everybody(settings: Settings) -> Batch:
    """What everybody uses now at the areas' paths, in the same levels; for staff. Instant."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        found = []
        for label, paths in _paths(settings).items():
            for what, metric in METRICS.items():
                somebody = label + '!=""'
                latest = f"last_over_time({selector(metric, site, matcher('path', any_of(paths)), somebody)}[{SCRAPES * grid.scrape}s])"
                found += [labelled(f"max by (path, {label}) ({latest}){FACTORS[what]}", what)] if paths else []
        return " or ".join(found) or "vector(0) < 0"

    return replace(_batch(settings, "quota_everybody", instant=True), expr=expr, most=MOST)


def owner(levels: dict[str, str]) -> tuple[str, str]:
    """(label, owner) of a series' levels; ("", "") where none is set."""
    return next(((label, levels[label]) for label in LABELS if levels.get(label)), ("", ""))


def used(frame: pd.DataFrame) -> dict[tuple[str, str, str, str], float]:
    """{(bytes or files, path, label, owner): figure} of now()'s frame."""
    found = {}
    for row in frame.to_dict("records"):
        if row["what"] in METRICS and not math.isnan(row["value"]):
            found[(row["what"], row["path"], *owner(row))] = float(row["value"])
    return found


def known(frame: pd.DataFrame) -> dict[tuple[str, str, str], bool]:
    """{(bytes or files, path, label): True} where anybody at all is measured, of now()'s frame."""
    rows = [row for row in frame.to_dict("records") if row["what"].startswith(KNOWN) and row["value"] > 0]
    return {(row["what"].removeprefix(KNOWN), row["path"], owner(row)[0]): True for row in rows}


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    return (now(settings), trend(settings), everybody(settings)) if any(_paths(settings).values()) else ()
