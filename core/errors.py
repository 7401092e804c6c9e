"""Everything that can go wrong, as one tree. Users get a sentence (components/text), the log gets the cause.

TurtleError
 ├ SettingsError      the configuration is wrong; stops the start
 ├ BadInput           what a person typed cannot be understood            400
 ├ NotSignedIn        a session is needed                                 401
 ├ NotAllowed         this viewer may not                                 403
 ├ NotFound           not there, or not yours: the answer is the same     404
 ├ NoData             asked correctly, and there is nothing to show (says why)
 ├ Busy               the portal takes on no more of such questions now  503
 └ SourceError        a data source failed
    ├ SourceDown      cannot be reached
    ├ SourceSlow      did not answer before the deadline
    ├ SourceRefused   understood us and said no (bad query, missing table or grant, too many samples)
    └ SourceBroken    answered something unreadable (HTML, truncated, wrong types)
"""

from __future__ import annotations

import enum


class Why(enum.StrEnum):
    """Why a chart or a number is empty. Down is not 'no data', and neither is zero."""

    NOT_STARTED = "not_started"
    TOO_SHORT = "too_short"  # shorter than the scrape interval
    BEFORE_RETENTION = "before_retention"
    NOT_CONFIGURED = "not_configured"  # the exporter or source is not in the settings
    METRIC_ABSENT = "metric_absent"  # configured, but nothing like it is in Prometheus
    SOURCE_DOWN = "source_down"
    NOT_ALLOWED = "not_allowed"
    NO_DATA = "no_data"  # everything works; nothing happened in this period
    NO_JOBS = "no_jobs"  # jobs are counted, and there were none of these in this period
    NOT_HERE = "not_here"  # others have it; this job and its nodes had none of it in all their time
    NOT_APPLICABLE = "not_applicable"
    SPARSE = "sparse"  # measured, but the points are further apart than a rate over this range needs
    MEMBERS_UNKNOWN = "members_unknown"  # the hook that tells who is in which cloud project failed
    NOT_TOLD = "not_told"  # the system inside a virtual machine does not tell
    LIMITS_UNKNOWN = "limits_unknown"  # the hook that tells what storage people were given failed
    NOT_HELD = "not_held"  # storage that was given neither to the person nor to a group of theirs
    NOT_SUMMARISED = "not_summarised"  # runs ended, and `app.py summarise` has not come to any of them
    NOT_COUNTED = "not_counted"  # the portal itself keeps a reading a day of it, and has none of this period
    COUNTED_ONCE = "counted_once"  # the same, and of one day only: that is no line


class TurtleError(Exception):
    """Root of all errors of this project; `detail` is for the log only."""

    def __init__(self, detail: str = "", **numbers: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.numbers = numbers


class SettingsError(TurtleError):
    """The configuration is wrong; the text names file, key and what is allowed."""


class BadInput(TurtleError):
    """What a person typed cannot be understood; `code` picks the sentence."""

    def __init__(self, code: str, detail: str = "", **numbers: object) -> None:
        super().__init__(detail or code, **numbers)
        self.code = code


class NotSignedIn(TurtleError):
    """A session is needed."""


class NotAllowed(TurtleError):
    """This viewer may not see this."""


class NotFound(TurtleError):
    """Does not exist, or is somebody else's: both answer the same."""


class NoData(TurtleError):
    """Asked correctly, and there is nothing to show; `why` says why, `what` names the metric, exporter or table."""

    def __init__(self, why: Why, what: str = "", detail: str = "") -> None:
        super().__init__(detail or f"{why}: {what}")
        self.why = why
        self.what = what


class Busy(TurtleError):
    """More people ask for what is in no cache than the sources are to be troubled with; a moment later it works."""


class SourceError(TurtleError):
    """A data source failed; `source` is its name in the settings ("prometheus", "slurm", "portal")."""

    def __init__(self, source: str, detail: str = "") -> None:
        super().__init__(detail)
        self.source = source


class SourceDown(SourceError):
    """The source cannot be reached."""


class SourceSlow(SourceError):
    """The source did not answer before the deadline."""


class SourceRefused(SourceError):
    """The source understood the question and refused it; `detail` holds its own error text."""


class SourceBroken(SourceError):
    """The source answered something unreadable."""
