"""The login nodes, for everybody: which one is free, and how each came to be so."""

from __future__ import annotations

from components.records import Page
from components.text import N_
from core.viewer import PUBLIC_PAGES
from pages.hosts_query import LOGINS
from pages.hosts_view import cluster, head_of, sections_of

PAGE = Page(
    key="logins", module="overview", path="/logins", title=N_("Login nodes"), icon="terminal", access=PUBLIC_PAGES, order=6, subject=cluster,
    head=head_of(LOGINS, N_("Login nodes"), N_("No login node is named in this portal's settings.")), sections=sections_of(LOGINS),
)  # fmt: skip
