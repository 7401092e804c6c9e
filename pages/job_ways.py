"""From a job to what it belongs to: its person, its account, the nodes it ran on; and its GPUs in words."""

from __future__ import annotations

from typing import Any

from components.links import account_link, node_link, user_link
from components.present import plain_text
from components.text import _, ngettext
from core.gpus import model_of
from core.settings import Settings
from core.viewer import Viewer
from datasources.slurm.records import Run

MOST_NODES = 3  # named in the head
NODE_DAYS = 30  # so long the page of a node stays open to those whose jobs ran there


def gpu_kind(name: str, settings: Settings) -> str:
    """A GPU's model as people call it; a part of one is called a slice."""
    model = model_of(name, settings.gpus)
    return _("%(profile)s slice", profile=model.name) if model.mig else model.name


def gpu_text(run: Run, settings: Settings) -> str:
    """`4 × A100`, "" without GPUs; GPUs without a type are called GPU."""
    if not run.gpus:
        return ""
    names = [f"{number} × {gpu_kind(name, settings)}" for name, number in run.gpu_types.items()]
    rest = run.gpus - sum(run.gpu_types.values())
    return " + ".join([*names, *([f"{rest} × GPU"] if rest > 0 else [])])


def ways(run: Run, viewer: Viewer, settings: Settings, now: int, person: str = "") -> dict[str, Any]:
    """Person, account and nodes of a run as links to their pages, as far as this viewer may open them; texts else.

    person: as it may be shown, "" for the viewer's own job. nodes: a list with commas, [] before the run has any.
    """
    recent = run.end is None or run.end > now - NODE_DAYS * 86400
    nodes: list[Any] = []
    for host in run.hosts[:MOST_NODES]:
        shown = node_link(settings, host) if viewer.is_staff or recent else host
        nodes += [", ", shown] if nodes else [shown]
    return {
        "person": user_link(settings, run.user, person) if person and viewer.is_staff else person,
        "account": account_link(settings, run.account, plain_text(run.account)) if viewer.sees_account(run.account) else plain_text(run.account),
        "nodes": [*nodes, "…"] if len(run.hosts) > MOST_NODES else nodes,
    }


def about_line(run: Run, viewer: Viewer, settings: Settings, now: int, person: str = "") -> list[Any]:
    """What stands below a job's name: id, person (for others), account, partition and what it runs on, each leading on."""
    led = ways(run, viewer, settings, now, person)
    nodes = ngettext("%(num)s node", "%(num)s nodes", run.nodes)
    size = [nodes, *([" (", *led["nodes"], ")"] if led["nodes"] else [])]
    cores = ngettext("%(num)s core", "%(num)s cores", run.cores)
    said = [[_("job %(id)s", id=run.job_id)], [led["person"]], [led["account"]], [plain_text(run.partition)], size, [cores], [gpu_text(run, settings)]]
    shown: list[Any] = []
    for part in said:
        if any(part):
            shown += [" · ", *part] if shown else part
    return shown
