"""The parallel file systems: metadata operations and bandwidth."""

from __future__ import annotations

import pandas as pd

from components import graph
from components.charts.common import largest, mirrored
from components.needs import metrics
from components.records import About, Figure, Need, Panel
from components.text import N_, _
from datasources.prometheus.job_frames import part, summed

DATA = ("read_bytes", "write_bytes")
ALL_KINDS = "operations"  # recorded as a sum of all kinds
EXPORTER = Need(kind="exporter", name="lustre_exporter")


def metadata(frame: pd.DataFrame, about: About) -> Figure:
    """Operations a second by operation and file system, the largest eight, the rest together."""
    names = [
        (fs if operation == ALL_KINDS else f"{operation} {fs}").strip()
        for operation, fs in zip(
            frame.columns.get_level_values("operation"), frame.columns.get_level_values("fs"), strict=True
        )
    ]
    shown, texts = largest(frame, names)
    traces = [
        graph.line(shown.iloc[:, place], text, place, step=frame.attrs.get("step")) for place, text in enumerate(texts)
    ]
    return graph.figure(traces, unit="/s", about=about, stacked=True)


def bandwidth(frame: pd.DataFrame, about: About) -> Figure:
    """Bytes a second read (up) and written (down) by file system."""
    read, written = (summed(part(frame, operation=way), "fs") for way in DATA)
    return mirrored(
        read, written, lambda shown: list(shown.columns.get_level_values("fs")), (_("read"), _("written")), about, "B/s"
    )


PANELS = (
    Panel(
        key="metadata",
        title=N_("File operations"),
        unit=N_("a second, by kind and file system"),
        frame="metadata",
        figure=metadata,
        needs=(EXPORTER, *metrics("lustre_job_stats_total")),
        help=N_(
            "Opening, closing, looking up and deleting files. Hundreds a second slow the file system down for everybody: keep "
            "many small files on the node's local disk or in one archive."
        ),
    ),
    Panel(
        key="bandwidth",
        title=N_("Bandwidth"),
        unit=N_("read up, written down"),
        frame="bandwidth",
        figure=bandwidth,
        needs=(EXPORTER, *metrics("lustre_job_read_bytes_total", "lustre_job_write_bytes_total")),
        help=N_(
            "What the job read from and wrote to the parallel file systems. Files kept in memory by the node do not show."
        ),
    ),
)
