"""Kinds of values the settings hold beyond plain texts and numbers: each is checked when the file is read."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"not an address or network ({error})") from None
    return text


def _within(*starts: str) -> AfterValidator:
    def check(text: str) -> str:
        if text and not text.startswith(starts):
            raise ValueError(f"must begin with {' or '.join(starts)}")
        return text

    return AfterValidator(check)


Network = Annotated[str, AfterValidator(_network)]
# where a browser may be sent
Address = Annotated[str, _within("https://", "http://", "mailto:", "/")]
HttpUrl = Annotated[str, _within("http://", "https://")]
MysqlUrl = Annotated[str, _within("mysql://", "mysql+pymysql://", "mariadb://", "mariadb+pymysql://")]
DatabaseUrl = Annotated[str, _within("sqlite:", "mysql+pymysql://", "mariadb+pymysql://", "postgresql+psycopg://", "postgresql://")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]


def without_password(text: str) -> str:
    """An address as it may be shown: `scheme://user:***@host`; other texts are as they were."""
    return re.sub(r"^([a-z0-9+.-]+://[^/?#:]*):[^/?#]*@", r"\1:***@", text, flags=re.IGNORECASE)
