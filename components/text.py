"""Every sentence the frame of the portal says, and the two marks of gettext: `_` translates now, `N_` only marks."""

from __future__ import annotations

from typing import Any

from core.errors import (
    BadInput,
    Busy,
    NoData,
    NotAllowed,
    NotFound,
    NotSignedIn,
    SettingsError,
    SourceBroken,
    SourceDown,
    SourceError,
    SourceRefused,
    SourceSlow,
    TurtleError,
    Why,
)


def N_(text: str) -> str:
    """Mark a text for translation without translating it; a record holds it until `_` is called on it."""
    return text


def _babel_ready() -> bool:
    from flask import current_app, has_app_context

    return has_app_context() and "babel" in current_app.extensions


def _(text: str, /, **numbers: Any) -> str:
    """The text in the reader's language with `%(name)s` filled in; outside of an app it is the text itself."""
    if text and _babel_ready():
        from flask_babel import gettext

        return gettext(text, **numbers)
    return text % numbers if numbers else text


def language() -> str:
    """The code of the reader's language, such as `en` or `fr_CA`; `en` outside of an app."""
    if not _babel_ready():
        return "en"
    from flask_babel import get_locale

    return str(get_locale() or "en")


def ngettext(one: str, many: str, num: float, /, **numbers: Any) -> str:
    """The singular or plural of a text for `num`; both may use `%(num)s`."""
    if _babel_ready():
        from flask_babel import ngettext as translate

        return translate(one, many, num, **numbers)
    return (one if num == 1 else many) % {"num": num, **numbers}


SOURCES = {
    "prometheus": N_("The metrics server"),
    "slurm": N_("The accounting database"),
    "portal": N_("The portal's own database"),
    "robinhood": N_("The database of the file system (Robinhood)"),
    "any": N_("A data source"),
}

WHY = {
    Why.NOT_STARTED: N_("The job has not started yet; this fills once it runs."),
    Why.TOO_SHORT: N_("The job was shorter than the time between two measurements, so nothing was measured."),
    Why.BEFORE_RETENTION: N_("This is older than the metrics kept; figures from accounting are still shown."),
    Why.NOT_CONFIGURED: N_("This cluster does not collect these measurements."),
    Why.METRIC_ABSENT: N_("These measurements are set up, but the metrics server has none at all."),
    Why.SOURCE_DOWN: N_("The source of these figures cannot be reached at the moment. Reload in a minute."),
    Why.NOT_ALLOWED: N_("You may not see these figures."),
    Why.NO_DATA: N_("Nothing was measured in this period. Try a longer time range."),
    Why.NO_JOBS: N_("There were no such jobs in this period."),
    Why.NOT_HERE: N_("Nothing of this was measured for this job or on its nodes."),
    Why.NOT_APPLICABLE: N_("This does not apply here."),
    Why.SPARSE: N_("The measurements of this time are too far apart for so short a range: choose a longer one."),
    Why.MEMBERS_UNKNOWN: N_("Which projects of the cloud are yours cannot be read at the moment. Reload in a minute; if it stays, tell support."),
    Why.NOT_TOLD: N_("No system inside tells how much memory it uses; only what was given is known."),
    Why.LIMITS_UNKNOWN: N_("What storage was given to whom cannot be read at the moment: limits are not known, and storage of groups may be missing."),
    Why.NOT_HELD: N_("No storage of this kind was given to this person or to a group of theirs."),
    Why.NOT_SUMMARISED: N_("Jobs ended in this period, but none of them is summarised yet: the command “app.py summarise” does that."),
    Why.NOT_COUNTED: N_("The trend of this is made of a reading a day by the command “app.py summarise”, and there is none of this period yet."),
    Why.COUNTED_ONCE: N_("This is read once a day, and so far was read on one day only: a line begins with the second."),
}

NO_ACCOUNTING = N_("This portal is not connected to Slurm's accounting database, so it knows no jobs.")

BAD_INPUT = {
    "job_id": N_(
        "That is not a job id. Job ids look like 123456, 123456_7 (task of an array) or 123456+1 (part of a job)."
    ),
    "job_range": N_("That range of jobs runs backwards. Write the smaller id first: 100-105."),
    "too_many_jobs": N_("That is too many jobs to compare at once. Choose at most %(limit)s."),
    "no_jobs": N_("No job was named. Write ids with commas: 100-105,107."),
    "name": N_("That is not a name that can exist here."),
    "month": N_("That month cannot be read. Write the year and the month: 2026-10."),
    "time": N_("That time cannot be read. Use now-6h, or 2026-11-22T08:00."),
}

TIME_NOTES = {
    "time_bad": N_("The time range in the address could not be read, so the usual one is shown."),
    "time_reversed": N_("The time range ran backwards; its ends were swapped."),
    "time_future": N_("The time range reached into the future; it ends now."),
    "time_long": N_("The time range was longer than ten years; its last ten years are shown."),
}

RANGES = (
    ("now-1h", N_("Last hour")),
    ("now-6h", N_("Last 6 hours")),
    ("now-24h", N_("Last 24 hours")),
    ("now-7d", N_("Last 7 days")),
    ("now-30d", N_("Last 30 days")),
    ("now-90d", N_("Last 90 days")),
)


def _told_to_staff() -> bool:
    from flask import g, has_request_context

    return has_request_context() and bool(getattr(g.get("viewer"), "is_staff", False))


def why_sentence(why: Why, what: str = "") -> str:
    """Why something is empty, in a sentence; `what`, the exporter's or metric's name, is added for staff, who can mend it."""
    if why is Why.NOT_CONFIGURED and what == "slurm":
        return _(NO_ACCOUNTING)
    sentence = _(WHY[Why(why)])
    named = what and why in (Why.NOT_CONFIGURED, Why.METRIC_ABSENT) and _told_to_staff()
    return f"{sentence} ({what})" if named else sentence


def _source_sentence(error: SourceError) -> str:
    source = _(SOURCES.get(error.source, SOURCES["prometheus"]))
    if isinstance(error, SourceRefused) and error.source != "prometheus":
        return _("%(source)s refused the question. If it stays so, tell support.", source=source)
    if isinstance(error, SourceDown):
        return _(
            "%(source)s cannot be reached. The rest of the page is not affected; reload in a minute.", source=source
        )
    if isinstance(error, SourceSlow):
        return _(
            "%(source)s took too long to answer. Choose a shorter time range, or reload in a minute.", source=source
        )
    if isinstance(error, SourceRefused):
        return _(
            "%(source)s refused the question. Choose a shorter time range; if that does not help, tell support.",
            source=source,
        )
    if isinstance(error, SourceBroken):
        return _(
            "%(source)s gave an answer that cannot be read. Reload in a minute; if it stays, tell support.",
            source=source,
        )
    return _("%(source)s has a problem. Reload in a minute.", source=source)


def error_sentence(error: TurtleError) -> str:
    """What happened and what to do next, for a person; never the cause's own text."""
    if isinstance(error, NoData):
        return why_sentence(error.why, error.what)
    if isinstance(error, SourceError):
        return _source_sentence(error)
    if isinstance(error, BadInput):
        text = BAD_INPUT.get(error.code)
        return _(text, **error.numbers) if text else _("What was asked for cannot be understood. Check the address.")
    if isinstance(error, Busy):
        return _("Too many different time ranges are asked for at the moment. Choose one of the menu's, or try again in some seconds.")
    if isinstance(error, NotSignedIn):
        return _("Your session has ended. Sign in to see this.")
    if isinstance(error, NotAllowed):
        return _("You may not see this.")
    if isinstance(error, SettingsError):
        return _("A file that this portal was given cannot be read, so this is not shown. If it stays so, tell support.")
    if isinstance(error, NotFound):
        return _("There is no such thing, or it belongs to somebody else.")
    return _("This could not be shown. Reload in a minute.")


def page_sentence(error: SourceError) -> str:
    """The same where the whole page stands on the source."""
    if isinstance(error, SourceDown):
        return _("%(source)s cannot be reached.", source=_(SOURCES.get(error.source, SOURCES["any"])))
    return error_sentence(error)


def time_note(code: str) -> str:
    """The sentence for a TimeRange's note, "" for none."""
    return _(TIME_NOTES[code]) if code in TIME_NOTES else ""


def bug_sentence(incident: str) -> str:
    """Said where drawing failed; the incident id is in the log."""
    return _("This could not be drawn. If it stays, tell support the number %(incident)s.", incident=incident)
