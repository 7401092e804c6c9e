"""What findings say: a headline, the evidence and the advice, each one sentence or two, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.findings import count
from analysis.findings.records import Finding
from components import format as say
from components.text import N_, _, ngettext
from components.text_cloud import TEXTS as CLOUD
from components.text_findings_host import TEXTS as HOST
from components.text_findings_records import Text
from components.text_findings_rest import TEXTS as REST

TEXTS: Mapping[str, Text] = {**HOST, **REST}  # of jobs; virtual machines have theirs

SEVERITIES = {"bad": N_("Act on this"), "warn": N_("Worth improving"), "info": N_("Good to know")}
CONFIDENCE = {
    "high": N_("Measured"),
    "medium": N_("Likely: look at the charts before you change anything"),
    "low": N_("A guess"),
}
WORDS = (
    N_("none"), N_("one"), N_("two"), N_("three"), N_("four"), N_("five"), N_("six"), N_("seven"), N_("eight"),
    N_("nine"), N_("ten"), N_("eleven"), N_("twelve"),
)  # fmt: skip
MARK = "\x00"  # stands around the key of a moment until the text is cut there

FORMATS: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("_bytes", say.bytes_),
    ("_seconds", say.duration),
    ("_share", say.percent),
    ("_hours", say.number),
)


def word(number: Any) -> str:
    """A count as a word up to twelve, as digits above."""
    small = isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(WORDS)
    return _(WORDS[number]) if small else say.number(number)


def _written(numbers: Mapping[str, Any]) -> dict[str, str]:
    """Each number as people write it, by what its key ends in; `x_word` and `X_word` (capital) are counts as words."""
    written: dict[str, str] = {}
    for key, value in numbers.items():
        if key.endswith("_at"):
            written[key] = f"{MARK}{key}{MARK}"
            continue
        form = next((form for ending, form in FORMATS if key.endswith(ending)), None)
        if form is not None:
            written[key] = form(value)
        else:
            written[key] = value if isinstance(value, str) else say.number(value, 2 if isinstance(value, float) else 3)
        if isinstance(value, int) and not isinstance(value, bool):
            text = word(value)
            written[f"{key}_word"] = text
            written[f"{key}_Word"] = text[:1].upper() + text[1:]
    return written


def _text(part: Any, finding: Finding, written: dict[str, str]) -> str:
    chosen = part(finding.numbers) if callable(part) else part
    if isinstance(chosen, tuple):
        one, many, key = chosen
        return ngettext(one, many, finding.numbers.get(key) or 0, **written)
    return _(chosen, **written) if chosen else ""


def _past(numbers: Mapping[str, Any]) -> str:
    """Whether earlier runs would have fitted into the advice; "" where there were none."""
    if not numbers.get("past"):
        return ""
    return " " + ngettext(
        "%(fitted)s of %(num)s past run would have fitted.",
        "%(fitted)s of %(num)s past runs would have fitted.",
        numbers["past"],
        fitted=numbers["fitted"],
    )


def _cut(text: str, numbers: Mapping[str, Any], moment: Callable[[Any], Any]) -> Any:
    """The text, or a list of texts and moments where it names any."""
    if MARK not in text:
        return text
    parts = [moment(numbers[part]) if place % 2 else part for place, part in enumerate(text.split(MARK))]
    return [part for part in parts if part != ""]


def _sentences(finding: Finding, moment: Callable[[Any], Any]) -> tuple[Any, Any, Any]:
    text, written = TEXTS.get(finding.id) or CLOUD[finding.id], _written(finding.numbers)
    headline, evidence = (_text(part, finding, written) for part in (text.headline, text.evidence))
    advice = _text(text.advice, finding, written) + (_past(finding.numbers) if finding.request else "")
    return tuple(_cut(part, finding.numbers, moment) for part in (headline, evidence, advice))


def sentence(finding: Finding) -> tuple[Any, Any, Any]:
    """(headline, evidence, advice): each a str, or a list of str and time elements to be used as children; "" for none."""
    return _sentences(finding, lambda at: say.moment(at, "near"))


def plain(finding: Finding) -> tuple[str, str, str]:
    """The same as text only, with times in UTC: for CSV, the API and e-mails."""
    return tuple("".join(part) if isinstance(part, list) else part for part in _sentences(finding, say.moment_text))


def severity(finding: Finding) -> str:
    """What a severity is called."""
    return _(SEVERITIES[finding.severity])


def confidence(finding: Finding) -> str:
    """How sure a finding is, in words."""
    return _(CONFIDENCE[finding.confidence])


def summary(found: Sequence[Finding]) -> str:
    """`2 to act on, 1 to know`; what is none is left out, and nothing at all is said as well."""
    act, know = count(found)
    if not found:
        return _("Nothing to improve was found")
    parts = []
    if act:
        parts.append(ngettext("%(num)s to act on", "%(num)s to act on", act))
    if know:
        parts.append(ngettext("%(num)s to know", "%(num)s to know", know))
    return ", ".join(parts)
