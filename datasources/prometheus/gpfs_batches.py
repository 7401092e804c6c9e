"""Quotas as GPFS itself reports them: used, soft and hard limits and what is in doubt, by uid, gid or fileset. One request for all areas."""

from __future__ import annotations

from core.settings import Area, Settings
from datasources.prometheus.batch import Batch, Grid, Target
from datasources.prometheus.job_batches import labelled
from datasources.prometheus.promql import matcher, selector

EXPORTER = "gpfs_exporter"
SCRAPES = 3  # a figure so many scrapes old still counts: quotas are looked at seldom
WHO = {"user": "user", "group": "group", "project": "group", "fileset": "fileset"}  # label of an area → what GPFS calls it
# what is asked → the end of the metric's name; quota is the soft limit, limit the hard one, each 0 for none
PARTS = {
    f"{kind}{end}": f"{part}_{kind}" for kind in ("bytes", "files") for end, part in (("", "used"), ("_limit", "quota"), ("_hard", "limit"), ("_doubt", "in_doubt"))
}
USED = ("bytes", "files")
LEVELS = ("what", "who", "id", "fs", "fileset")


def metric(who: str, what: str) -> str:
    """The metric of one figure: gpfs_user_used_bytes."""
    return f"gpfs_{who}_{PARTS[what]}"


EVERY_METRIC = tuple(metric(who, what) for who in ("user", "group", "fileset") for what in PARTS)


def areas_of(settings: Settings) -> tuple[Area, ...]:
    """The areas that GPFS measures."""
    return tuple(area for area in settings.storage.areas.values() if area.source == "gpfs")


def place(area: Area) -> tuple[str, str, str]:
    """(who, fs, fileset) of an area's figures; fileset "" for quotas of the whole file system, and of filesets themselves."""
    who = WHO[area.label]
    return who, area.fs, area.fileset if who != "fileset" else ""


def _one(area: Area, what: str, ids: tuple[str, ...], grid: Grid, site: str) -> str:
    who, fs, fileset = place(area)
    return _figure(who, fs, (fileset,) if fileset else (), what, ids, grid, site)


def _figure(who: str, fs: str, filesets: tuple[str, ...], what: str, ids: tuple[str, ...], grid: Grid, site: str) -> str:
    matchers = [matcher("fs", fs), *([matcher("fileset", filesets)] if filesets else []), matcher(who, ids) if ids else who + '!=""']
    latest = f"last_over_time({selector(metric(who, what), site, *matchers)}[{SCRAPES * grid.scrape}s])"
    # of several filesets where none is named: the largest figure
    by = ", ".join(dict.fromkeys([who, "fs", *(["fileset"] if filesets else [])]))
    found = f'label_replace(max by ({by}) ({latest}), "id", "$1", "{who}", "(.*)")'
    return labelled(f'label_replace(max by (id, fs{", fileset" if filesets else ""}) ({found}), "who", "{who}", "", "")', what)


def _parts(settings: Settings, target: Target, grid: Grid, site: str, whats: tuple[str, ...]) -> list[str]:
    ids = {"user": target.users, "group": target.accounts, "fileset": target.projects}
    areas = {place(area): area for area in areas_of(settings)}
    return [_one(area, what, ids[who], grid, site) for (who, *_rest), area in areas.items() if ids[who] for what in whats]


def _batch(settings: Settings, key: str, whats: tuple[str, ...], *, instant: bool) -> Batch:
    whos = tuple(dict.fromkeys(WHO[area.label] for area in areas_of(settings))) or ("user",)
    return Batch(
        key=key, exporter=EXPORTER, metrics=tuple(metric(who, what) for who in whos for what in whats), levels=LEVELS,
        expr=lambda target, grid, site: " or ".join(_parts(settings, target, grid, site, whats)) or "vector(0) < 0",
        merge="max", instant=instant, module="usersummary",
    )  # fmt: skip


def now(settings: Settings) -> Batch:
    """Used, limits and doubt now. Levels: what (bytes, files, and each with _limit, _hard, _doubt), who (user, group, fileset), id (uid,
    gid or the fileset's name), fs, fileset. Target: users are uids, accounts gids, projects filesets, all as texts. Instant."""
    return _batch(settings, "gpfs_now", tuple(PARTS), instant=True)


def trend(settings: Settings) -> Batch:
    """Bytes and files used over time, in the same levels."""
    return _batch(settings, "gpfs_trend", USED, instant=False)


def group_areas(settings: Settings) -> tuple[str, ...]:
    """Names of the areas of groups that GPFS measures."""
    return tuple(name for name, area in settings.storage.areas.items() if area.source == "gpfs" and area.label != "user")


def members(settings: Settings) -> Batch:
    """What people use where groups have their quotas: GPFS tells no group's use by person, only each person's of a place. Instant.

    Levels as now(), who always user, what bytes or files. Target: users are uids, projects the filesets that are quotas themselves.
    """
    areas = tuple(settings.storage.areas[name] for name in group_areas(settings))

    def expr(target: Target, grid: Grid, site: str) -> str:
        places = dict.fromkeys((area.fs, target.projects) if area.label == "fileset" else (area.fs, (area.fileset,) if area.fileset else ())
                               for area in areas if target.users and (area.label != "fileset" or target.projects))  # fmt: skip
        found = [_figure("user", fs, filesets, what, target.users, grid, site) for fs, filesets in places for what in USED]
        return " or ".join(found) or "vector(0) < 0"

    metrics = tuple(metric("user", what) for what in USED)
    return Batch(**{**vars(_batch(settings, "gpfs_members", USED, instant=True)), "expr": expr, "metrics": metrics})


def full(settings: Settings, share: float) -> Batch:
    """Bytes and files, and each with _limit, of everybody who uses at least `share` of either soft limit, at any area. Instant."""

    def expr(target: Target, grid: Grid, site: str) -> str:
        found = []
        for area in {place(area): area for area in areas_of(settings)}.values():
            figures = {what: _one(area, what, (), grid, site) for kind in USED for what in (kind, f"{kind}_limit")}
            beyond = " or ".join(f"({figures[kind]} >= on (who, id, fs, fileset) ({figures[f'{kind}_limit']} > 0) * {share:g})" for kind in USED)
            # a comparison with on() drops the label what: "and" keeps it
            found += [f"{figure} and on (who, id, fs, fileset) ({beyond})" for figure in figures.values()]
        return " or ".join(f"({one})" for one in found) or "vector(0) < 0"

    batch = _batch(settings, "gpfs_full", (*USED, *(f"{what}_limit" for what in USED)), instant=True)
    return Batch(**{**vars(batch), "expr": expr})


def all_of(settings: Settings) -> tuple[Batch, ...]:
    """Every batch of this module, for `python app.py check`."""
    if not areas_of(settings):
        return ()
    of_groups = (members(settings),) if group_areas(settings) else ()
    return (now(settings), trend(settings), full(settings, settings.storage.near_share), *of_groups)
