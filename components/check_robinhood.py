"""The part of `check` that looks at Robinhood's databases: the table, what it lacks, what that empties, and what the account may do."""

from __future__ import annotations

from collections.abc import Iterator

from components.check_line import FAILED, MISSING, OK, Line, what_needs
from components.check_slurm import WRITES, grants_of
from components.records import Need, Page
from components.text import _
from core.errors import TurtleError
from core.settings import Settings
from datasources.robinhood.db import SIZES, STATUS, TABLE, RobinhoodDb
from datasources.sources import Sources


def robinhood_lines(sources: Sources, pages: tuple[Page, ...]) -> Iterator[Line]:
    """Each database of the settings, and the areas that name one which is not there."""
    for name, db in sources.robinhood.items():
        source = f"robinhood {name}"
        try:
            yield from _table(source, db, _tape(sources.settings, name))
            writes = [grant for grant in grants_of(db) if WRITES.search(grant.split(" ON ")[0])]
            yield Line(
                source=source, what=_("grants"), state=FAILED if writes else OK,
                found=_("may write: {grant}").format(grant=writes[0][:80]) if writes else _("read only"),
                mend=_("give the portal an account that may SELECT from ACCT_STAT only: docs/quotas-backends.md") if writes else "",
            )  # fmt: skip
        except TurtleError as error:
            yield Line(
                source=source, what=TABLE, state=FAILED, found=error.detail[:200], empties=what_needs(pages, Need(kind="database", name="robinhood")),
                mend=_("check [robinhood.{name}] url and the GRANT of docs/quotas-backends.md").format(name=name),
            )  # fmt: skip
    for area, one in sources.settings.storage.areas.items():
        if one.robinhood and one.robinhood not in sources.robinhood:
            yield Line(
                source="robinhood", what=area, state=MISSING, found=_("storage.areas.{area} names {name!r}").format(area=area, name=one.robinhood),
                empties=area, mend=_("add [robinhood.{name}] with its url").format(name=one.robinhood),
            )  # fmt: skip


def _tape(settings: Settings, name: str) -> bool:
    return any(area.tape for area in settings.storage.areas.values() if area.robinhood == name)


def _table(source: str, db: RobinhoodDb, tape: bool) -> Iterator[Line]:
    layout = db.layout
    lacking = [name for name in SIZES if name not in layout.columns]
    yield Line(
        source=source, what=TABLE, state=OK, found=_("without {columns}").format(columns=", ".join(lacking)) if lacking else _("all that is needed"),
        empties=_("numbers of files by size") if lacking else "",
    )  # fmt: skip
    if tape and not layout.status:
        yield Line(
            source=source, what=STATUS, state=MISSING, found=_("not there: no HSM is known to Robinhood"), empties=_("what is on tape"),
            mend=_("set tape = false for its areas, or let Robinhood read the HSM status"),
        )  # fmt: skip
    if not layout.by_group:
        yield Line(
            source=source, what=_("index of gid"), state=OK, found=_("none: groups are read in one pass over the table"),
        )  # fmt: skip
