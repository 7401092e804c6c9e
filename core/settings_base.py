"""What every table of the settings file is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, field_serializer

from core.values import without_password


class Part(BaseModel):
    """A table of the file: no unknown keys, frozen."""

    # what was given is kept out of error texts: it may be a secret
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What repr() shows: an address may hold a password."""
        for name, value in super().__repr_args__():
            yield name, without_password(value) if isinstance(value, str) else value


class Source(Part):
    """A part with the address of a server."""

    @field_serializer("url", when_used="json", check_fields=False)
    def _hide(self, url: str) -> str:
        return without_password(url)
