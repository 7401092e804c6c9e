"""Sources without servers: a Prometheus that answers made-up series, and pages made for the tests."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components import graph
from components.records import Block, Page, Panel, Section
from core.errors import NoData, NotFound, SourceDown, Why
from core.hooks import load_hooks
from core.settings import Settings
from core.subjects import CLUSTER, user
from core.viewer import ANYONE, PUBLIC, SELF_OR_STAFF, SIGNED_IN, STAFF, Viewer
from datasources.cache import Cache
from datasources.pool import Pool
from datasources.slurm.cluster import Amount, ClusterNow
from datasources.sources import Sources

USER = Viewer(name="mira", full_name="Mira Example")
OTHER = Viewer(name="noor", full_name="Noor Example")
STAFFER = Viewer(name="sam", is_staff=True)
LEVELS = {
    "slurm_cpus_alloc": 58000, "slurm_cpus_idle": 5000, "slurm_cpus_total": 64512, "slurm_gpus_alloc": 600, "slurm_gpus_idle": 20,
    "slurm_gpus_total": 636, "slurm_queue_running": 3400, "slurm_queue_pending": 9800,
}  # fmt: skip


class FakePrometheus:
    """Answers every range query with gentle waves."""

    http = None

    def range(self, expr: str, start: int, end: int, step: int) -> pd.DataFrame:
        """One column a metric named in the expression."""
        at = np.arange(start, end + 1, step)
        wave = np.sin(at / 86400 * 2 * np.pi) * 0.06 + np.random.default_rng(1).normal(0, 0.01, len(at))
        level = {"cores": 50000, "gpus": 480} if "used_core" in expr else LEVELS
        label = "what" if "used_core" in expr else "__name__"
        columns = pd.MultiIndex.from_tuples([(name,) for name in level], names=[label])
        steady = {name: name.endswith("_total") for name in level}
        values = np.column_stack([size * (1 + wave * (not steady[name])) for name, size in level.items()])
        frame = pd.DataFrame(values, index=pd.to_datetime(at, unit="s", utc=True), columns=columns)
        frame.attrs = {"step": step, "warnings": ()}
        return frame

    def instant(self, expr: str, at: float | None = None, *, most: int = 0) -> pd.DataFrame:
        """One."""
        return pd.DataFrame({"value": [1.0]})


def settings_for(folder: Path, **over: Any) -> Settings:
    """Settings that need no server."""
    plain = {
        "site": {
            "title": "Turtle",
            "intro": "A cluster of slow but steady machines.",
            "support": "mailto:help@example.org?subject={page}",
        },
        "server": {"cache_dir": str(folder), "secure_cookie": False, "secret_key": "x" * 40},
        "portal": {"url": f"sqlite:///{folder}/portal.sqlite"},
    }
    for key, value in over.items():
        plain[key] = {**plain.get(key, {}), **value}
    return Settings.model_validate(plain)


def sources_for(settings: Settings, prometheus: Any = None, slurm: Any = None) -> Sources:
    """Sources with a real cache and pool and no servers."""
    pool, cache = Pool(4), Cache(settings.server.cache_dir, 64)

    def close() -> None:
        pool.close()
        cache.close()

    return Sources(
        settings=settings, hooks=load_hooks(settings), prometheus=prometheus, slurm=slurm, portal=None,
        cache=cache, pool=pool, clock=time.time, close=close,
    )  # fmt: skip


def cluster() -> ClusterNow:
    """A big cluster with a few nodes out."""
    return ClusterNow(
        configured=Amount(nodes=1155, cores=64512, gpus=Counter({"a100": 508, "h100": 96, "1g.10gb": 32})),
        allocated=Amount(nodes=1000, cores=58204, gpus=Counter({"a100": 499, "h100": 96, "1g.10gb": 16})), out=Amount(nodes=14, cores=896),
        hosts=(), down=tuple(f"c{n}" for n in range(14)), drained=tuple(f"d{n}" for n in range(40)), running=3412, suspended=0, pending=9870,
    )  # fmt: skip


def wide(columns: int = 2, points: int = 120, unit: str = "B") -> pd.DataFrame:
    """Waves by (user, instance)."""
    index = pd.date_range("2026-11-22", periods=points, freq="60s", tz="UTC", name="time")
    names = pd.MultiIndex.from_tuples(
        [("noor" if n else "mira", f"<b>g{n:03}</b>") for n in range(columns)], names=["user", "instance"]
    )
    rows = np.abs(np.sin(np.arange(points)[:, None] / 20 + np.arange(columns))) * 1e10
    frame = pd.DataFrame(rows, index=index, columns=names)
    frame.attrs |= {"step": 60, "unit": unit}
    return frame


def _frames(sources: Sources, viewer: Viewer, subject: Any, when: Any) -> dict[str, Any]:
    empty = wide(2).iloc[:, :0]
    empty.attrs["why"] = Why.TOO_SHORT
    return {
        "good": wide(2), "many": wide(60), "empty": empty, "down": SourceDown("prometheus", "secret host 10.0.0.1"),
        "unset": NoData(Why.NOT_CONFIGURED, "lustre_exporter"),
        "people": pd.DataFrame({"user": ["mira", "noor"], "name": ['=1+1', "<b>x</b>\x1b[31m"], "cores": [4.0, 8.0]}),
    }  # fmt: skip


def _broken(*_anything: Any) -> dict[str, Any]:
    raise ValueError("a bug with secret 10.0.0.1")


def _missing(*_anything: Any) -> dict[str, Any]:
    raise NotFound("nothing")


def _off(*_anything: Any) -> dict[str, Any]:
    raise SourceDown("slurm", "refused")


def draw(frame: pd.DataFrame, about: Any) -> dict[str, Any]:
    """Lines of everything."""
    return graph.figure(graph.lines(frame), unit="B", about=about)


def bug(frame: pd.DataFrame, about: Any) -> dict[str, Any]:
    """A figure function of ours that fails."""
    raise KeyError("no such column")


def _panel(key: str, frame: str, figure: Any = draw) -> Panel:
    return Panel(key=key, title=key.title(), unit="GiB", help="Help of " + key, frame=frame, figure=figure)


PANELS = (
    _panel("good", "good"),
    _panel("many", "many"),
    _panel("empty", "empty"),
    _panel("down", "down"),
    _panel("unset", "unset"),
    _panel("bug", "good", bug),
)
TABLE = Block(
    key="people", title="People", csv="people", draw=lambda frames, about: str(frames["people"]["user"].tolist())
)


def _page(
    key: str, path: str, access: Any, sections: tuple[Section, ...], subject: Any = lambda params: CLUSTER
) -> Page:
    return Page(
        key=key,
        module="status",
        path=path,
        title=key.title(),
        icon="activity",
        access=access,
        sections=sections,
        subject=subject,
        filters=("q",),
    )


def _section(key: str, access: Any, query: Any = _frames, panels: tuple[Panel, ...] = PANELS) -> Section:
    return Section(key=key, title=key.title(), query=query, access=access, panels=panels, blocks=(TABLE,), eager=True)


OPEN = (
    _section("all", ANYONE),
    _section("bug", ANYONE, _broken),
    _section("gone", ANYONE, _missing),
    _section("off", ANYONE, _off),
    _section("own", SIGNED_IN),
    _section("team", STAFF),
)
PAGES = (
    _page("open", "/", ANYONE, OPEN),
    _page("person", "/user/<name>", SELF_OR_STAFF, (_section("mine", SELF_OR_STAFF),), lambda params: user(params["name"])),
    _page("staff", "/staff", STAFF, (_section("all", STAFF),)),
)  # fmt: skip
VIEWERS = {"public": PUBLIC, "user": USER, "other": OTHER, "staff": STAFFER}
