"""What a page is made of, as frozen records. Code loops over records; a chart, page or rule is declared once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.subjects import Subject
from core.timerange import TimeRange
from core.viewer import Access, Viewer

if TYPE_CHECKING:
    import pandas as pd

    from core.settings import Settings
    from datasources.sources import Sources

Frames = Mapping[str, "pd.DataFrame | Exception | Any"]
Figure = dict[
    str, Any
]  # a plain plotly figure {data, layout}: measured 4 to 7 times faster to build than go.Figure; a test validates each


@dataclass(frozen=True, kw_only=True)
class Need:
    """What must be there for something to be shown: kind `exporter`, `metric`, `rule`, `database` or `table`, and its name."""

    kind: str
    name: str


@dataclass(frozen=True, kw_only=True)
class About:
    """What a figure or block may know besides its frame."""

    viewer: Viewer
    subject: Subject
    when: TimeRange
    settings: Settings
    frames: Frames  # all frames of the section, after present()


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A chart. `figure(frame, about)` is pure; `unit` and `help` are shown; `frame` names one of the section's frames.

    `scope="node"` marks a chart of whole nodes; `wide` takes the full width; `shown(about)` leaves a panel out.
    """

    key: str
    title: str
    unit: str
    help: str
    frame: str
    figure: Callable[[pd.DataFrame, About], Figure]
    needs: tuple[Need, ...] = ()
    scope: str = "job"
    wide: bool = False
    shown: Callable[[About], bool] = lambda about: True


@dataclass(frozen=True, kw_only=True)
class Block:
    """Anything that is not a chart: tiles, findings, tables, texts. `draw(frames, about)` returns Dash components.

    `csv` names the frame its CSV link delivers; `height` (px) is the skeleton's.
    """

    key: str
    title: str
    draw: Callable[[Frames, About], Any]
    help: str = ""
    csv: str = ""
    height: int = 120
    bare: bool = False  # True: no card around it


@dataclass(frozen=True, kw_only=True)
class Section:
    """The unit of loading: one callback, one concurrent fetch, all its panels and blocks drawn from the returned frames.

    `query(sources, viewer, subject, when)` returns frames by name; a value that is a TurtleError stands for a frame that
    could not be had, and its panels say why. `eager` sections load at once, the others when they come into view.
    """

    key: str
    title: str
    query: Callable[[Sources, Viewer, Subject, TimeRange], Frames]
    access: Access
    panels: tuple[Panel, ...] = ()
    blocks: tuple[Block, ...] = ()
    needs: tuple[Need, ...] = ()
    eager: bool = False
    in_contents: bool = True
    refresh: bool = True  # False: not fetched again by the refresh timer
    # what the CSV links of the blocks deliver, where that is more than is shown; like query, and under the same checks
    export: Callable[[Sources, Viewer, Subject, TimeRange], Frames] | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page: its address, who may open it, and its sections.

    `subject(params)` makes the Subject of path variables and query (BadInput on nonsense). `head(sources, viewer, subject,
    when)` returns (title, components above the sections, section keys to show or None for all); it may raise NotFound.
    `span(sources, viewer, subject, now)` is the range shown when the URL names none. `filters` are the query parameters
    the page understands besides from, to and refresh; others are ignored.
    """

    key: str
    module: str
    path: str
    title: str
    icon: str
    access: Access
    sections: tuple[Section, ...]
    subject: Callable[[Mapping[str, str]], Subject]
    order: int = 100
    in_menu: bool = True
    menu_path: Callable[[Viewer], str] | None = None  # where the menu leads, for a path with variables
    staff_menu: bool = False
    description: str = ""
    filters: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    head: Callable[[Sources, Viewer, Subject, TimeRange], tuple[str, Any, tuple[str, ...] | None]] | None = None
    span: Callable[[Sources, Viewer, Subject, int], tuple[int, int]] | None = None
    crumbs: Callable[[Subject], tuple[tuple[str, str], ...]] = field(default=lambda subject: ())
