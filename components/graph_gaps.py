"""Gaps in stacked areas: plotly draws a moment no series knows as zero, or straight over it; here the stack ends and begins anew."""

from __future__ import annotations

from typing import Any

import numpy as np

MAX_TRACES = 160  # of one chart: each known span needs its own


def known_spans(values: np.ndarray) -> list[tuple[int, int]]:
    """(first, end) of each run of moments of which at least one series knows something; `values`: float64, series × moments."""
    known = np.concatenate([[False], np.isfinite(values).any(axis=0), [False]])
    edges = np.flatnonzero(known[1:] != known[:-1])
    return [(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def split(areas: list[dict[str, Any]], group: str) -> list[dict[str, Any]]:
    """Stacked traces of `line`, one for each known span; those of one series share colour, name and legend entry.

    Series that do not share their moments, and more spans than a browser draws with ease, stay whole.
    """
    whole = [{**trace, "stackgroup": group} for trace in areas]
    if len({(trace["x0"], trace["dx"], len(trace["y"])) for trace in areas}) != 1:
        return whole
    spans = known_spans(np.array([trace["y"] for trace in areas], dtype="float64"))
    if not spans or spans == [(0, len(areas[0]["y"]))] or len(spans) * len(areas) > MAX_TRACES:
        return whole
    return [_part(trace, place, span, group) for trace in whole for place, span in enumerate(spans)]


def _part(trace: dict[str, Any], place: int, span: tuple[int, int], group: str) -> dict[str, Any]:
    first, end = span
    part = {**trace, "x0": trace["x0"] + first * trace["dx"], "y": trace["y"][first:end], "stackgroup": f"{group}{place}"}
    if end - first == 1:
        # an area of one moment has no width: a dot shows it
        part |= {"mode": "lines+markers", "marker": {"size": 5}}
    elif "marker" in trace and isinstance(trace["marker"].get("size"), list):
        part["marker"] = {"size": trace["marker"]["size"][first:end]}
    named = trace.get("showlegend", True) and place == 0
    return {**part, "legendgroup": trace.get("legendgroup", trace["name"]), "showlegend": named}
