"""The data transfer nodes, for everybody: how busy their links are."""

from __future__ import annotations

from components.records import Page
from components.text import N_
from core.viewer import PUBLIC_PAGES
from pages.hosts_query import TRANSFERS
from pages.hosts_view import cluster, head_of, sections_of

PAGE = Page(
    key="transfers", module="overview", path="/transfers", title=N_("Transfer nodes"), icon="arrow-left-right", access=PUBLIC_PAGES, order=8,
    subject=cluster, head=head_of(TRANSFERS, N_("Transfer nodes"), N_("No transfer node is named in this portal's settings.")),
    sections=sections_of(TRANSFERS),
)  # fmt: skip
