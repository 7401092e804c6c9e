"""Small things drawn on every page: icons, tiles, meters, badges, findings, the life line, empty states."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
import numpy as np
from dash import dcc, html

from components.text import N_, _

# state of a job as Slurm writes it → tone of its badge
STATE_TONES = {
    "RUNNING": "info",
    "COMPLETING": "info",
    "PENDING": "muted",
    "CONFIGURING": "info",
    "COMPLETED": "good",
    "SUSPENDED": "warn",
    "PREEMPTED": "warn",
    "REQUEUED": "warn",
    "CANCELLED": "muted",
    "FAILED": "bad",
    "TIMEOUT": "bad",
    "NODE_FAIL": "bad",
    "BOOT_FAIL": "bad",
    "OUT_OF_MEMORY": "bad",
    "DEADLINE": "bad",
}
STATE_WORDS = {
    "RUNNING": N_("Running"),
    "COMPLETING": N_("Completing"),
    "PENDING": N_("Pending"),
    "CONFIGURING": N_("Configuring"),
    "COMPLETED": N_("Completed"),
    "SUSPENDED": N_("Suspended"),
    "PREEMPTED": N_("Preempted"),
    "REQUEUED": N_("Requeued"),
    "CANCELLED": N_("Cancelled"),
    "FAILED": N_("Failed"),
    "TIMEOUT": N_("Timed out"),
    "NODE_FAIL": N_("Node failed"),
    "BOOT_FAIL": N_("Boot failed"),
    "OUT_OF_MEMORY": N_("Out of memory"),
    "DEADLINE": N_("Missed its deadline"),
}
SEVERITY_ICONS = {
    "bad": "exclamation-octagon-fill",
    "warn": "exclamation-triangle-fill",
    "info": "info-circle-fill",
    "good": "check-circle-fill",
}
SEVERITY_WORDS = {"bad": N_("serious"), "warn": N_("worth a look"), "info": N_("to know"), "good": N_("good")}


def icon(name: str, label: str = "") -> html.Span:
    """An icon in the colour of the text around it; `label` is read aloud, without one it is decoration."""
    read = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    return html.Span(className=f"tt-i tt-i-{name}", **read)


def badge(text: str, tone: str = "muted") -> html.Span:
    """A rounded label; tones: good, bad, warn, info, muted."""
    return html.Span(text, className=f"tt-pill tt-{tone}")


def state_badge(state: str) -> html.Span:
    """The badge of a job's state."""
    return badge(_(STATE_WORDS.get(state, state)), STATE_TONES.get(state, "muted"))


def meter(share: float | None, role: str = "used", label: str = "") -> html.Div:
    """A bar of 0..1, full beyond 1, empty for None."""
    width = 0.0 if share is None or share != share else min(max(share, 0.0), 1.0)
    bar = html.I(style={"width": f"{width * 100:.1f}%", "background": f"var(--tt-{role})"})
    words = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    return html.Div(bar, className="tt-meter", **words)


def segments(parts: Sequence[tuple[float, str, str]]) -> html.Div:
    """One bar split by weight; parts are (weight, colour's name, text on hover)."""
    whole = sum(part[0] for part in parts) or 1
    pieces = [
        html.I(title=text, style={"width": f"{weight / whole * 100:.2f}%", "background": f"var(--tt-{role})"})
        for weight, role, text in parts
        if weight > 0
    ]
    return html.Div(
        pieces,
        className="tt-meter tt-segments",
        role="img",
        **{"aria-label": ", ".join(part[2] for part in parts if part[0] > 0)},
    )


SPARK_POINTS = 40  # a line of a hundred pixels shows no more, and a table has hundreds of them


def _thinned(values: np.ndarray) -> np.ndarray:
    """At most SPARK_POINTS values, each the mean of the known ones of its stretch."""
    if len(values) <= SPARK_POINTS:
        return values
    stretches = np.array_split(values, SPARK_POINTS)
    return np.array([part[np.isfinite(part)].mean() if np.isfinite(part).any() else np.nan for part in stretches])


def spark(values: Sequence[float], role: str = "used", label: str = "", top: float | None = None) -> html.Div:
    """A small line with its area, coloured by the theme; NaN are left out, nothing below two points."""
    known = _thinned(np.asarray(values, dtype=float))
    places = np.flatnonzero(np.isfinite(known))
    if len(places) < 2:
        return html.Div(className="tt-spark")
    high = max(float(top or 0), float(known[places].max()), 1e-9)
    points = " ".join(f"{place / (len(known) - 1) * 200:.1f},{34 - known[place] / high * 32:.1f}" for place in places)
    first, last = (places[0] / (len(known) - 1) * 200, places[-1] / (len(known) - 1) * 200)
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 36" preserveAspectRatio="none">'
        f'<polygon points="{first:.1f},36 {points} {last:.1f},36" fill-opacity=".18"/>'
        f'<polyline points="{points}" fill="none" stroke="#000" stroke-width="1.6" vector-effect="non-scaling-stroke"/></svg>'
    )
    image = f"url(data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
    style = {"maskImage": image, "WebkitMaskImage": image, "background": f"var(--tt-{role})"}
    return html.Div(html.Div(style=style), className="tt-spark", role="img", title=label or None, **{"aria-label": label or _("trend")})


def tile(
    label: str,
    value: Any,
    *,
    base: str = "",
    share: float | None = None,
    role: str = "used",
    note: Any = "",
    extra: Any = None,
    title: str = "",
) -> html.Div:
    """A headline number: what it is, the number and its base, a meter, a line of context.

    `share` (0..1) draws the meter; `extra` (a sparkline, segments) goes below it; `title` is the full number on hover.
    """
    parts = [
        html.Div(label, className="tt-tile-label"),
        html.Div(
            # the base is a box of its own: a narrow tile breaks before it, not between "of" and its number
            [value, *([" ", html.Span(base, className="tt-tile-base")] if base else [])],
            className="tt-tile-value num",
            title=title or None,
        ),
    ]
    if share is not None:
        parts.append(meter(share, role))
    if note:
        parts.append(html.Div(note, className="tt-tile-note"))
    if extra is not None:
        parts.append(extra)
    return html.Div(parts, className="tt-tile tt-card")


def tiles(*shown: Any) -> html.Div:
    """A row of tiles that wraps; two a row on a phone."""
    return html.Div([part for part in shown if part is not None], className="tt-tiles")


def empty(sentence: str, name: str = "inbox", tone: str = "muted", action: Any = None) -> html.Div:
    """What stands where there is nothing: an icon, a sentence, and perhaps what to do."""
    return html.Div([icon(name), html.Span(sentence), action], className=f"tt-empty tt-empty-{tone}", role="status")


def notice(text: Any, tone: str = "info", *, can_close: bool = False) -> dbc.Alert:
    """A full-width line that says something about the whole page; `can_close` lets the reader put it away."""
    return dbc.Alert(
        [icon(SEVERITY_ICONS.get(tone, "info-circle-fill")), html.Div(text)],
        color="none",  # our own tones: Bootstrap's are not the theme's
        className=f"tt-notice tt-{tone}",
        dismissable=can_close,
    )


def missing(lines: Sequence[str]) -> Any:
    """What is missing beside what is shown, a notice each; something that takes no room where nothing is."""
    return html.Div([notice(line, "warn") for line in lines]) if lines else html.Span(className="tt-hide")


def copy_button(text: str) -> html.Button:
    """Copies a text; the browser's script does it."""
    return html.Button(
        [icon("clipboard"), html.Span(_("Copy"))], className="tt-btn tt-btn-small", type="button", **{"data-copy": text}
    )


def request_box(lines: Sequence[str]) -> html.Div:
    """Lines of a job script to paste, with a copy button."""
    text = "\n".join(lines)
    return html.Div([html.Pre(text, className="tt-ask"), copy_button(text)], className="tt-ask-row")


def finding_row(
    severity: str,
    headline: str,
    evidence: str = "",
    *,
    advice: str = "",
    request: Sequence[str] = (),
    why: str = "",
    target: str = "",
) -> html.Div:
    """One finding in plain words: headline, evidence, what to do, lines to paste, and links to why and to the chart."""
    links = []
    if target:
        links.append(html.A(_("Show"), href=f"#{target}", className="tt-link"))
    if why:
        links.append(
            html.A(
                [_("Why?"), icon("box-arrow-up-right")],
                href=why,
                target="_blank",
                rel="noreferrer",
                className="tt-link",
            )
        )
    body = [
        html.Div([html.B(headline), " ", html.Span(evidence, className="tt-muted")]),
        html.Div(advice, className="tt-advice") if advice else None,
        request_box(request) if request else None,
    ]
    mark = html.Div(
        icon(SEVERITY_ICONS.get(severity, "info-circle-fill"), _(SEVERITY_WORDS.get(severity, severity))),
        className=f"tt-mark tt-mark-{severity}",
    )
    return html.Div([mark, html.Div(body), html.Div(links, className="tt-finding-links")], className="tt-finding")


def life_line(parts: Sequence[tuple[float, str, str]], caption: Any = "") -> html.Div:
    """The life of a job as one line; parts are (seconds, kind, text), kinds: wait, queued, ran, lost, left."""
    whole = sum(max(part[0], 0) for part in parts) or 1
    pieces = [
        html.Span(
            text, className=f"tt-life-{kind}", title=text, style={"flexGrow": f"{max(seconds / whole, 0.004):.4f}"}
        )
        for seconds, kind, text in parts
        if seconds > 0
    ]
    return html.Div([html.Div(pieces, className="tt-life"), html.Div(caption, className="tt-muted tt-small num")])


def facts(rows: Sequence[tuple[str, Any]]) -> html.Dl:
    """Names and values in two columns; rows whose value is "" or None are left out."""
    pairs = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in rows if value not in ("", None)]
    return html.Dl(pairs, className="tt-facts")


def page_link(text: Any, href: str, class_name: str = "tt-link") -> dcc.Link:
    """A link inside the portal that does not reload the page."""
    return dcc.Link(text, href=href, className=class_name)


def choice(text: Any, href: str, chosen: bool) -> dcc.Link:
    """One of several addresses, marked if it is this one."""
    return page_link(text, href, "tt-choice tt-on" if chosen else "tt-choice")
