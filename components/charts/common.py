"""What the charts of a job share: names of series, and how many series are drawn as what."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from components import graph
from components.records import About, Figure
from components.text import _
from core.gpus import model_of
from core.settings import Settings
from datasources.slurm.records import Run

FEW_AREAS = 1
MAX_NAMES = 8  # series with a name of their own in charts of many kinds; the rest is "other"


def run_of(about: About) -> Run:
    """The run a section is about."""
    return about.frames["run"]


def several_nodes(frame: pd.DataFrame) -> bool:
    """True if the columns name more than one node."""
    return "node" in frame.columns.names and frame.columns.get_level_values("node").nunique() > 1


def at_node(text: str, node: str, many: bool) -> str:
    """A series' name, with its node where there are several."""
    return f"{text} · {node}" if many and node else text


def gpu_name(gpu: str, gpu_type: str, settings: Settings) -> str:
    """`GPU 0`; a MIG slice is its profile and the start of its id: `1g.5gb 3f2a91c0`."""
    if not gpu.startswith("MIG"):
        return _("GPU %(number)s", number=gpu)
    return f"{model_of(gpu_type, settings.gpus).name} {gpu.removeprefix('MIG-')[:8]}"


def gpu_names(
    frame: pd.DataFrame, settings: Settings, extra: Callable[[dict[str, str]], str] | None = None
) -> list[str]:
    """One name a column (levels node, gpu, gpu_type …), in the frame's order; `extra` puts text in front."""
    many, texts = several_nodes(frame), []
    for column in frame.columns:
        levels = dict(zip(frame.columns.names, column, strict=True))
        text = at_node(gpu_name(levels["gpu"], levels.get("gpu_type", ""), settings), levels.get("node", ""), many)
        texts.append(f"{extra(levels)} {text}" if extra else text)
    return texts


def many(
    frame: pd.DataFrame,
    about: About,
    unit: str,
    names: Sequence[str] | None = None,
    *,
    top: float | None = None,
    limit: float | None = None,
    allocated: float | None = None,
) -> Figure:
    """Lines for up to 40 series, a heat map above (which keeps who did what), a band where even rows would be too many."""
    if frame.shape[1] > graph.MAX_SERIES and frame.shape[1] <= 200:
        return graph.heat(frame, unit=unit, about=about, names=names, top=top)
    return graph.figure(graph.lines(frame, names), unit=unit, about=about, y_max=top, limit=limit, allocated=allocated)


def total(frame: pd.DataFrame) -> pd.Series:
    """The sum of all columns; NaN only where all are."""
    whole = frame.sum(axis=1, min_count=1)
    whole.attrs = {"step": frame.attrs.get("step")}
    return whole


def largest(frame: pd.DataFrame, names: Sequence[str], count: int = MAX_NAMES) -> tuple[pd.DataFrame, list[str]]:
    """The `count` columns with the largest mean, and the others added up as "other"; columns that are always 0 are left out."""
    means = frame.fillna(0).to_numpy().mean(axis=0) if len(frame) else []
    order = sorted((place for place in range(frame.shape[1]) if means[place] > 0), key=lambda place: -means[place])
    first, rest = order[:count], order[count:]
    parts = [frame.iloc[:, place] for place in first]
    texts = [names[place] for place in first]
    if rest:
        parts.append(frame.iloc[:, rest].sum(axis=1, min_count=1))
        texts.append(_("other"))
    columns = pd.MultiIndex.from_arrays([[str(place) for place in range(len(parts))]], names=["series"])
    values = pd.concat(parts, axis=1).to_numpy() if parts else frame.iloc[:, :0].to_numpy()
    found = pd.DataFrame(values, index=frame.index, columns=columns)
    found.attrs = dict(frame.attrs)
    return found, texts


def mirrored(
    into: pd.DataFrame,
    out: pd.DataFrame,
    names: Callable[[pd.DataFrame], list[str]],
    words: tuple[str, str],
    about: About,
    unit: str,
) -> Figure:
    """What comes in above zero and what goes out below it; more than 40 series are added up."""
    both = {}
    for way, frame in (("in", into), ("out", out)):
        if frame.shape[1] > graph.MAX_SERIES // 2:
            series = total(frame)
            both[way] = [(series, "")]
        else:
            both[way] = [(frame.iloc[:, place], text) for place, text in enumerate(names(frame))]
    traces, several = [], len(both["in"]) > 1
    for way, word in (("in", words[0]), ("out", words[1])):
        for place, (series, text) in enumerate(both[way]):
            # one device: the two directions differ in colour; several: each keeps its colour up and down
            color = place if several else (0 if way == "in" else 1)
            name = text if several else f"{word} {text}".strip()
            fill = len(both[way]) <= FEW_AREAS  # more areas on each other are mud
            trace = graph.line(series, name, color, fill=fill, down=way == "out", step=into.attrs.get("step"))
            if several:  # the legend names each once, and hides both of its lines
                trace |= {"legendgroup": name, "showlegend": way == "in"}
                trace["meta"]["say"] = word
            traces.append(trace)
    return graph.figure(traces, unit=unit, about=about, mirrored=True)
