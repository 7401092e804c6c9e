"""Prometheus' configuration for the simulated cluster: real-looking instances, all fetched from one server by relabelling."""

from __future__ import annotations

import json
from pathlib import Path

from demo.model import Plan
from demo.series_cluster import COMPUTE
from demo.series_lustre import OSTS, Servers
from demo.series_quota import GPFS_INSTANCE

INTERVALS = {  # seconds between scrapes
    "slurm-job-exporter": 30,
    "node_exporter": 30,
    "redfish_exporter": 60,
    "nvidia_gpu_exporter": 60,
    "pcm-sensor-server": 30,
    "lustre_exporter": 60,
    "slurm_exporter": 60,
    "libvirtd_exporter": 30,
    "lfs_quota": 300,
    "gpfs_exporter": 300,
    "openstack_exporter": 300,
}


def targets(plan: Plan) -> dict[str, list[str]]:
    """Exporter → instances, as Prometheus shows them."""
    servers = Servers(plan)
    compute = [node for node in plan.nodes if node.kind in COMPUTE]
    lustre = {servers.ost[fs, ost] for fs in plan.file_systems for ost in range(OSTS)} | set(servers.mdt.values())
    found = {
        "slurm-job-exporter": [f"{node.name}:9798" for node in compute],
        "node_exporter": [f"{node.name}:9100" for node in plan.nodes],
        "redfish_exporter": [f"{node.name}-oob" for node in plan.nodes],
        "nvidia_gpu_exporter": [f"{node.name}:9445" for node in plan.nodes if node.gpus],
        "pcm-sensor-server": [f"{node.name}:9738" for node in plan.nodes if node.counters],
        "lustre_exporter": sorted(lustre),
        "slurm_exporter": ["sched1:8080"],
        "libvirtd_exporter": sorted({f"{vm.host}:9474" for vm in plan.vms}),
        "lfs_quota": ["mgmt1:9170"],
        "gpfs_exporter": [GPFS_INSTANCE],
        "openstack_exporter": ["cloud1:9180"] if plan.vms or plan.cloud_projects else [],
    }
    return {exporter: instances for exporter, instances in found.items() if instances}


def write_config(path: Path, plan: Plan, exporters_port: int | None, rules_path: Path | None) -> None:
    """Write Prometheus' configuration file.

    Without a port and rules it scrapes and evaluates nothing: the state in which history can be written. Every target has
    the label cluster.
    """
    config: dict = {
        "global": {"scrape_interval": "60s", "evaluation_interval": "60s", "external_labels": {}},
        "rule_files": [str(rules_path)] if rules_path else [],
        "scrape_configs": [],
    }
    if exporters_port:
        config["scrape_configs"] = [
            _job(exporter, instances, plan.cluster, exporters_port) for exporter, instances in targets(plan).items()
        ]
    # JSON is YAML, and needs no library
    path.write_text(json.dumps(config, indent=1))


def _job(exporter: str, instances: list[str], cluster: str, port: int) -> dict:
    seconds = INTERVALS[exporter]
    return {
        "job_name": exporter,
        "scrape_interval": f"{seconds}s",
        "scrape_timeout": "10s",
        "static_configs": [{"targets": instances, "labels": {"cluster": cluster}}],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "instance"},
            {
                "source_labels": ["__address__"],
                "target_label": "__metrics_path__",
                "replacement": f"/{exporter}/$1/metrics",
            },
            {"target_label": "__address__", "replacement": f"127.0.0.1:{port}"},
        ],
    }
