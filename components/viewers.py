"""The viewer of a request: from the session or the proxy's headers, through the hooks, with accounting's facts. Fails closed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from core.errors import TurtleError
from core.hooks import build_viewer, name_of
from core.viewer import PUBLIC, Viewer
from datasources.sources import Sources

KEPT_SECONDS = 60
KEPT_AT_MOST = 2000
log = logging.getLogger(__name__)


class Viewers:
    """Makes viewers of profiles; each is kept for a minute, so a click does not ask accounting ten times."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._kept: dict[tuple[str, str], tuple[float, Viewer]] = {}
        self._lock = threading.Lock()

    def of(self, profile: Mapping[str, Any] | None) -> Viewer:
        """The viewer of a profile {"method", "login", "claims"}; the public for none, and where anything fails."""
        if not profile:
            return PUBLIC
        key = (str(profile["method"]), str(profile["login"]))
        now = self.sources.clock()
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and kept[0] > now:
            return kept[1]
        viewer, seconds = self._make(dict(profile))
        with self._lock:
            if len(self._kept) >= KEPT_AT_MOST:
                self._kept.clear()
            self._kept[key] = (now + seconds, viewer)
        return viewer

    def _make(self, profile: dict[str, Any]) -> tuple[Viewer, int]:
        sources = self.sources
        facts, seconds = None, KEPT_SECONDS
        name = name_of(sources.hooks, profile)
        if name is None:
            return PUBLIC, 5
        if sources.slurm is not None:
            from datasources.slurm.people import viewer_facts

            try:
                facts = viewer_facts(sources, name)
            except TurtleError as error:
                log.warning("accounts of %s unknown: %s", name, error.detail)
                seconds = 5
        return build_viewer(sources.hooks, sources.settings, profile, facts), seconds
