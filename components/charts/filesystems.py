"""A file system as its servers count it: bandwidth, metadata operations, space, inodes, and how its targets share the load."""

from __future__ import annotations

import numpy as np
import pandas as pd

from components import graph
from components.charts.common import largest, mirrored
from components.needs import PLAIN, needs_of
from components.records import About, Figure, Need, Panel
from components.text import N_, _
from core.errors import NoData
from core.units import DAY
from datasources.prometheus import fs_batches
from datasources.prometheus.job_frames import part

EXPORTER = Need(kind="exporter", name="lustre_exporter")
MILLION = 1_000_000
NAMED = 10  # kinds of operations with a name of their own; the rest is "other"


def bandwidth(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes a second read (up) and written (down)."""
    read, written = (part(frame, what=what) for what in ("read", "written"))
    return mirrored(read, written, lambda shown: [""] * shown.shape[1], (_("read"), _("written")), about, "B/s")


def metadata(frame: pd.DataFrame, about: About) -> Figure:
    """Operations a second on each other by kind, the largest first."""
    operations = part(frame, what="ops")
    if operations.columns.empty:
        return graph.figure([], unit="/s", about=about)
    shown, texts = largest(operations, list(operations.columns.get_level_values("operation")), NAMED)
    # a gap in one layer would tear those above it
    step = frame.attrs.get("step")
    known = shown.notna().any(axis=1)
    filled = shown.fillna(0).where(known)
    traces = [graph.line(filled.iloc[:, place], text, place, step=step) for place, text in enumerate(texts)]
    return graph.figure(traces, unit="/s", about=about, stacked=True, named_alone=True)


def _filled(frame: pd.DataFrame, about: About, unit: str) -> Figure:
    """What is used, with the whole as top and limit."""
    used, size = part(frame, what="used"), part(frame, what="size")
    if used.columns.empty or not used.notna().any(axis=None):
        return graph.figure([], unit=unit, about=about)
    step = frame.attrs.get("step")
    whole = size.iloc[:, 0].copy()
    whole.attrs["step"] = step
    top = float(np.nanmax(whole.to_numpy())) if whole.notna().any() else None
    trace = graph.line(used.iloc[:, 0], _("used"), role="used", fill=True, step=step)
    done = graph.figure([trace], unit=unit, about=about, y_max=top, limit=whole, limit_name=_("size"))
    start, end = frame.attrs.get("from"), frame.attrs.get("to")
    if start is not None and end is not None:
        # metrics may be kept for less time than is asked: the chart begins where they do
        first = int(used.iloc[:, 0].first_valid_index().timestamp())
        done["layout"]["xaxis"]["range"] = [max(start, min(first, end - DAY)) * 1000, end * 1000]
    return done


def space(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes used, with all there are as limit."""
    return _filled(frame, about, "B")


def inodes(frame: pd.DataFrame, about: About) -> Figure:
    """Inodes used, with all there are as limit."""
    most = float(np.nanmax(frame.to_numpy(dtype=float))) if frame.notna().any(axis=None) else 0.0
    if most < MILLION * 10:
        return _filled(frame, about, "")
    millions = frame / MILLION
    millions.attrs = dict(frame.attrs)
    return _filled(millions, about, "M")


def there(about: About) -> bool:
    """False in a section asked for although there are fewer file systems: one is gone since the page was opened."""
    return about.frames.get("now") is not None


def measured(about: About) -> bool:
    """False for a file system whose exporter counts no traffic (the head of its section says so), and for none."""
    return there(about) and not isinstance(about.frames.get("rates"), NoData)


PANELS = (
    Panel(
        key="bandwidth", title=N_("Bandwidth"), unit=N_("read up, written down"), frame="rates", figure=bandwidth, scope="cluster", shown=measured,
        needs=(EXPORTER, *needs_of(fs_batches.lustre_rates(PLAIN))),
        help=N_("What all servers of the file system read for and wrote for its clients. What nodes keep in their own memory does not show."),
    ),
    Panel(
        key="metadata", title=N_("Metadata operations"), unit=N_("a second, by kind"), frame="rates", figure=metadata, scope="cluster", shown=measured,
        needs=(EXPORTER, *needs_of(fs_batches.lustre_rates(PLAIN))),
        help=N_("Opening, closing, looking up, creating and deleting files. When this is high, everything that touches many small files is slow for everybody."),
    ),
    Panel(
        key="space", title=N_("Space"), unit=N_("used, of all"), frame="space", figure=space, scope="cluster", shown=there,
        needs=(EXPORTER, *needs_of(fs_batches.lustre_space(PLAIN))),
        help=N_("What is stored, and the size of the file system. At least the last 30 days are shown, as far back as metrics are kept."),
    ),
    Panel(
        key="inodes", title=N_("Files"), unit=N_("inodes used, of all"), frame="inodes", figure=inodes, scope="cluster", shown=there,
        needs=(EXPORTER, *needs_of(fs_batches.lustre_space(PLAIN))),
        help=N_("Files, folders and links together, and how many there can be. At least the last 30 days are shown."),
    ),
)  # fmt: skip
