"""Messages of the site, as a hook or a file gives them: checked entry by entry."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime

log = logging.getLogger(__name__)
LEVELS = ("info", "warn", "bad")
LONGEST = 2000  # characters: it stands on top of every page


def checked_notices(found: object) -> tuple[dict, ...]:
    """The usable entries of what the hook `notices` answered: {"level", "text": str or {language: str}} and
    where given "from", "until" (UTC s) and "url". Others are logged and left out."""
    if not isinstance(found, (list, tuple)):
        log.error("hook notices: a list is expected, not %s", type(found).__name__)
        return ()
    good = []
    for place, one in enumerate(found, 1):
        try:
            good.append(checked_notice(one))
        except (TypeError, ValueError, OverflowError) as error:
            log.error("hook notices: entry %d left out: %s", place, error)
    return tuple(good)


def checked_notice(one: object) -> dict:
    """An entry as checked_notices() answers it; raises TypeError, ValueError or OverflowError that says what is wrong."""
    if not isinstance(one, Mapping):
        raise TypeError("not a table")
    level, text, url = one.get("level"), one.get("text"), one.get("url", "")
    if level not in LEVELS:
        raise ValueError(f"level is one of {', '.join(LEVELS)}")
    texts = dict(text) if isinstance(text, Mapping) else {"en": text}
    if not texts or not all(isinstance(key, str) and isinstance(said, str) and said.strip() for key, said in texts.items()):
        raise ValueError("text is a text, or one for each language")
    if max(map(len, texts.values())) > LONGEST:
        raise ValueError(f"text has more than {LONGEST} characters")
    start, until = moment(one.get("from")), moment(one.get("until"))
    if start is not None and until is not None and until <= start:
        raise ValueError("until is not after from")
    more = {"from": start, "until": until, "url": url if isinstance(url, str) else ""}
    return {"level": level, "text": text if isinstance(text, str) else texts} | {key: value for key, value in more.items() if value not in (None, "")}


def moment(value: object) -> int | None:
    """A moment as UTC seconds: ISO 8601 text, or what YAML made of it; UTC where no zone is said. Raises ValueError or TypeError."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise TypeError(f"not a moment: {told(value)}")
    return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())


def told(value: object) -> str:
    """A value of a file for a message: what YAML's anchors stand for may be larger than memory when it is written out."""
    return repr(value)[:100] if value is None or isinstance(value, (str, int, float, date)) else f"a {type(value).__name__}"
