"""Host lists: `c[1-3],g1-ib` through ClusterShell."""

from __future__ import annotations

from functools import lru_cache

from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

NONE = "None assigned"
MAX_HOSTS = 100_000


@lru_cache(maxsize=4096)
def hosts(text: str | None) -> tuple[str, ...]:
    """The nodes of a host list, in order; empty for none assigned and for what cannot be read."""
    body = (text or "").strip()
    if not body or body == NONE or body == "(null)":
        return ()
    try:
        nodes = NodeSet(body, resolver=RESOLVER_NOGROUP)
    except NodeSetException:
        return ()
    return tuple(nodes) if len(nodes) <= MAX_HOSTS else ()


def node_list(text: str | None) -> str:
    """The host list as recorded, "" where no node was assigned."""
    body = (text or "").strip()
    return "" if body in (NONE, "(null)") else body


def folded(nodes: tuple[str, ...]) -> str:
    """Node names as a host list: ("c1", "c2") is `c[1-2]`."""
    return str(NodeSet.fromlist(nodes, resolver=RESOLVER_NOGROUP)) if nodes else ""
