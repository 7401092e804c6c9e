"""The record of a finding's texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# A marked text; or (singular, plural, key of the number that decides); or a choice by the finding's numbers.
Part = str | tuple[str, str, str] | Callable[[Mapping[str, Any]], str | tuple[str, str, str]]


@dataclass(frozen=True, kw_only=True)
class Text:
    """Marked texts with `%(key)s` for the finding's numbers; keys say their unit by their ending."""

    headline: Part
    evidence: Part = ""
    advice: Part = ""
