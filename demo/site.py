"""The demo's turtle.toml: the portal is configured exactly as a site would configure it."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from ClusterShell.NodeSet import NodeSet

from core.gpus import DEFAULT_GPUS
from demo import database_robinhood
from demo.database import DATABASE, READER
from demo.hooks import write_hooks
from demo.model import Plan
from demo.plan_cloud import FLAVOURS
from demo.plan_cluster import COMPUTE_KINDS
from demo.prometheus_config import INTERVALS
from demo.series_quota import FS, WORK
from demo.site_files import write_site_files


def write_secret(path: Path, text: str = "") -> str:
    """Keep a secret in a file only its owner may read; made up when none is given."""
    text = text or secrets.token_urlsafe(32)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return text


def _table(name: str, values: dict[str, object]) -> str:
    # JSON's strings, numbers, booleans and lists are TOML's too
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def site_tables(plan: Plan) -> dict[str, dict[str, object]]:
    """What the portal says of the demo cluster and what it costs there."""
    intro = "A simulated cluster: its people, jobs and figures are made up, its database and metrics are real."
    v2 = ",".join(node.name for node in plan.nodes if node.cgroup == 2)
    return {
        "site": {"cluster": plan.cluster, "title": "Turtle", "intro": intro, "node_reasons": "all"},
        "metrics": {"cgroup_v2_nodes": v2, "lustre_file_systems": list(plan.file_systems)},
        "prices": {
            "core_hour": 0.012,
            "gpu_hour": 0.85,
            "electricity_kwh": 0.07,
            "cooling_share": 0.3,
            "co2_kg_per_kwh": 0.0017,
            "cloud_core_hour": 0.05,
            "cloud_gpu_hour": 3.2,
            "car_km_per_kwh": 5.5,
        },
    }


def partitions(plan: Plan) -> dict[str, str]:
    """The host list of each partition, as slurm.conf would have it."""
    members: dict[str, list[str]] = {}
    for node in plan.nodes:
        for name in node.partitions if node.kind in COMPUTE_KINDS else ():
            members.setdefault(name, []).append(node.name)
    return {name: str(NodeSet.fromlist(nodes)) for name, nodes in sorted(members.items())}


def storage_tables(folder: Path, mariadb: int) -> dict[str, dict[str, object]]:
    """Where files are kept, and what measures each place."""
    tables: dict[str, dict[str, object]] = {"storage": {"personal_note": "A trial: it may be taken back at the end of the year."}}
    tables["storage.areas.home"] = {"title": "Home", "source": "gpfs", "label": "user", "fs": FS, "fileset": FS}
    tables["storage.areas.scratch"] = {"title": "Scratch", "source": "lfs_quota", "label": "user", "path": "/lustre/scratch"}
    project = {"title": "Project", "source": "lfs_quota", "label": "project", "path": "/lustre/project"}
    tables["storage.areas.project"] = project | {"robinhood": "project"}
    tables["storage.areas.nearline"] = {"title": "Nearline", "source": "robinhood", "label": "group", "robinhood": "nearline", "tape": True}
    tables["storage.areas.work"] = {"title": "Work", "source": "gpfs", "label": "group", "fs": FS, "fileset": WORK}
    for name, database in database_robinhood.DATABASES.items():
        url = f"mysql+pymysql://{database_robinhood.READER}@127.0.0.1:{mariadb}/{database}"
        tables[f"robinhood.{name}"] = {"url": url, "password_file": str(folder / "robinhood_password")}
    return tables


def public_tables(plan: Plan) -> dict[str, dict[str, object]]:
    """The nodes people log in to and move data through; the first of each names its network device."""
    tables: dict[str, dict[str, object]] = {}
    for kind, part, title in (("login", "login_nodes", "Login"), ("transfer", "transfer_nodes", "Data transfer")):
        for number, node in enumerate((node for node in plan.nodes if node.kind == kind), 1):
            tables[f"overview.{part}.{node.name}"] = {"title": f"{title} {number}"} | ({"network": "eth0"} if number == 1 else {})
    return tables


def write_settings(folder: Path, plan: Plan, prometheus: int, mariadb: int) -> Path:
    """Write turtle.toml for these loopback ports; its secrets lie in files beside it."""
    tables = site_tables(plan)
    write_secret(folder / "secret_key")
    staff = [person.name for person in plan.people if person.staff]
    tables["server"] = {
        "secret_key_file": str(folder / "secret_key"),
        "secure_cookie": False,
        "cache_dir": str(folder / "cache"),
    }
    tables["sign_in"] = {"method": "personas", "staff": staff}
    tables["prometheus"] = {"url": f"http://127.0.0.1:{prometheus}"}
    tables["slurm"] = {
        "url": f"mysql+pymysql://{READER}@127.0.0.1:{mariadb}/{DATABASE}",
        "password_file": str(folder / "reader_password"),
    }
    tables["slurm.partitions"] = partitions(plan)
    tables |= storage_tables(folder, mariadb) | public_tables(plan)
    files = write_site_files(folder, plan)
    tables["storage"]["allocations_file"] = str(files["allocations"])
    tables["cloud"] = {"projects_file": str(files["cloud"])}
    tables["overview"] = {"notices_file": str(files["notices"]), "software_file": str(files["software"])}
    for name, one in FLAVOURS.items():
        tables[f'cloud.flavours."{name}"'] = {"cores": one.cores, "memory_gib": one.gib, "gpus": one.gpus}
    tables["portal"] = {"url": f"sqlite:///{folder / 'portal.sqlite'}"}
    for exporter, seconds in INTERVALS.items():
        tables[f"metrics.exporters.{exporter}"] = {"scrape_seconds": seconds}
    # as gres.conf calls the slices: what the portal suggests must be what sbatch takes
    slices = sorted({(gpu.mig, gpu.gres) for node in plan.nodes for gpu in node.gpus if gpu.mig})
    for profile, gres in slices:
        tables[f'gpus."{profile}"'] = DEFAULT_GPUS[profile].model_dump() | {"match": [gres, profile]}
    path = folder / "turtle.toml"
    hooks = f"hooks_file = {json.dumps(str(write_hooks(folder, plan)))}\n\n"
    head = "# Written by the demo at each start; the documentation of all settings is docs/settings.md\n"
    path.write_text(head + hooks + "\n".join(_table(name, values) for name, values in tables.items()), encoding="utf-8")
    return path
