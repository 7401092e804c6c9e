"""Charts from hand-made frames: what is drawn, in which unit, and that plotly takes it."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from components.charts import counters, cpu, disk, gpu, lustre, memory, network, power, processes, user
from core.units import GIB
from tests.pages.job_runs import a_run, about, wide

WHO = ("metric", "node", "gpu", "gpu_type", "direction")
A100 = "NVIDIA A100-SXM4-40GB"


def numbers(trace: dict[str, Any]) -> np.ndarray:
    """The y values of a trace, unpacked."""
    return np.frombuffer(base64.b64decode(trace["y"]["bdata"]), dtype="<f4")


def names(figure: dict[str, Any]) -> list[str]:
    """What the legend says."""
    return [trace["name"] for trace in figure["data"]]


def gpus(metric: str, values: Any, *, kind: str = A100, labels: tuple[str, ...] = ("0", "1"), nodes: tuple[str, ...] = ("g1",)) -> Any:
    """One gauge of some GPUs."""
    return wide(WHO, [(f"slurm_job_{metric}", node, label, kind, "") for node in nodes for label in labels], values)


FRAMES = {
    "cores": wide(("job", "node", "core"), [("77", "c1", str(core)) for core in range(4)], [1, 0.5, 0.25, 0]),
    "memory": wide(("metric", "node"), [(f"slurm_job_memory_{name}", "c1") for name in ("usage", "max", "rss", "cache", "mapped_file")], GIB),
    "processes": wide(("metric", "state"), [("slurm_job_process_count", ""), ("slurm_job_threads_count", "running")], 4),
    "executables": wide(("exe",), [("/opt/bin/<b>prog</b>",), ("/usr/bin/python",)], [3, 1]),
    "metadata": wide(("fs", "operation"), [("scratch", "open"), ("scratch", "close")], [10, 0]),
    "bandwidth": wide(("fs", "operation"), [("scratch", "read_bytes"), ("scratch", "write_bytes")], 1e8),
    "infiniband": wide(("what", "node", "device"), [("ib_in", "c1", "mlx5_0"), ("ib_out", "c1", "mlx5_0")], 1e9),
    "ethernet": wide(("what", "node", "device"), [("eth_in", "c1", "eth0"), ("eth_out", "c1", "eth0")], 1e6),
    "disk_bandwidth": wide(("what", "node", "device"), [("read_bytes", "c1", "sda"), ("written_bytes", "c1", "sda")], 1e6),
    "disk_operations": wide(("what", "node", "device"), [("reads", "c1", "sda"), ("writes", "c1", "sda")], 10),
    "disk_space": wide(("what", "node", "device"), [("size", "c1", "sda"), ("avail", "c1", "sda")], [4e11, 1e11]),
    "dram": wide(("what", "node", "socket"), [(way, "c1", s) for way in ("dram_read", "dram_write") for s in "01"], 1e9),
    "links": wide(("what", "node", "socket"), [("link_0", "c1", "0"), ("link_1", "c1", "0")], 1e8),
    "l2": wide(("node", "core"), [("c1", "0")], 0.9),
    "l3": wide(("node", "core"), [("c1", str(core)) for core in range(20)], 0.5),
    "ipc": wide(("node",), [(f"c{n}",) for n in range(32)], 1.2),
    "own": wide(("node",), [("c1",), ("c2",)], 150),
    "chassis": wide(("node",), [("c1",)], 400),
    "utilization_gpu": gpus("utilization_gpu", [90, 0]),
    "utilization_gpu_memory": gpus("utilization_gpu_memory", 10),
    "memory_usage_gpu": gpus("memory_usage_gpu", 2 * GIB),
    "power_gpu": gpus("power_gpu", [300, 55]),
    "pipes": gpus("tensor_gpu", 30),
    "pcie_gpu": wide(WHO, [("slurm_job_pcie_gpu", "g1", "0", A100, way) for way in ("RX", "TX")], 1e9),
    "nvlink_gpu": wide(WHO, [("slurm_job_nvlink_gpu", "g1", g, A100, way) for g in "01" for way in ("RX", "TX")], 1e9),
}
MODULES = (cpu, memory, processes, lustre, gpu, network, disk, counters, power)
PANELS = [panel for module in MODULES for panel in module.PANELS]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.key)
def test_every_chart_is_a_figure_plotly_takes(panel: Any) -> None:
    run = a_run(gpus=2, gpu_types={"a100": 2}, nodes=2)
    figure = panel.figure(FRAMES[panel.frame], about(run))
    assert figure["data"]
    go.Figure(figure)
    assert panel.help and panel.title and panel.unit


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.key)
def test_a_chart_of_nothing_but_gaps_is_still_a_figure(panel: Any) -> None:
    frame = FRAMES[panel.frame] * np.nan
    frame.attrs = FRAMES[panel.frame].attrs
    go.Figure(panel.figure(frame, about(a_run(gpus=2, gpu_types={"a100": 2}))))


def test_the_charts_of_the_node_are_marked() -> None:
    marked = {panel.key for panel in PANELS if panel.scope == "node"}
    assert {"ethernet", "infiniband", "disk_space", "memory_bandwidth", "chassis"} <= marked
    assert not marked & {"cores", "memory", "gpu_compute", "bandwidth", "power"}


def test_cores_are_added_up_against_what_is_allocated() -> None:
    figure = cpu.used(FRAMES["cores"], about(a_run()))
    assert names(figure) == ["used", "allocated"]
    assert numbers(figure["data"][0])[0] == pytest.approx(1.75)
    assert set(numbers(figure["data"][1])) == {4.0}


def test_many_cores_become_a_heat_map_and_never_more_than_forty_lines() -> None:
    frame = wide(("job", "node", "core"), [("77", "c1", str(core)) for core in range(64)])
    figure = cpu.each_core(frame, about(a_run(cores=64)))
    assert [trace["type"] for trace in figure["data"]] == ["heatmap"]
    nodes = wide(("job", "node"), [("77", f"c{n}") for n in range(250)])
    assert len(cpu.each_node(nodes, about(a_run(cores=8000)))["data"]) <= 40


def test_cores_or_nodes_are_shown_by_what_was_asked() -> None:
    panels = {panel.key: panel for panel in cpu.PANELS}
    nodes = wide(("job", "node"), [("77", "c1"), ("77", "c2")])
    both = wide(("job", "node", "core"), [("77", node, "0") for node in ("c1", "c2")])
    whole = wide(("job", "node"), [("77", "c1")])  # one node on cgroup v2: nothing is known by core
    two = a_run(nodes=2, hosts=("c1", "c2"), node_list="c[1-2]")
    cases = (
        (a_run(), FRAMES["cores"], {"cores", "each_core"}), (two, nodes, {"cores", "each_node"}),
        (two, both, {"cores", "each_node", "each_core"}), (a_run(), whole, {"cores"}),
    )
    for run, frame, wanted in cases:
        seen = about(run, {"cores": frame})
        assert {key for key, panel in panels.items() if panel.shown(seen)} == wanted


def test_a_node_that_does_nothing_is_seen_beside_the_others() -> None:
    run = a_run(nodes=8, cores=128, hosts=tuple(f"c{n}" for n in range(1, 9)))
    frame = wide(("job", "node"), [("77", f"c{n}") for n in range(1, 9)], [16, 16, 16, 16, 16, 0, 16, 16])
    figure = cpu.each_node(frame, about(run))
    assert names(figure) == [*(f"c{n}" for n in range(1, 9)), "allocated"]
    assert set(numbers(figure["data"][5])) == {0.0} and set(numbers(figure["data"][8])) == {16.0}


def test_more_than_eight_gpus_are_rows_of_a_heat_map() -> None:
    few = gpus("utilization_gpu", 50, labels=tuple("01234567"))
    many = gpus("utilization_gpu", 50, labels=tuple("0123"), nodes=("g1", "g2", "g3"))
    assert {trace["type"] for trace in gpu.compute(few, about(a_run(gpus=8)))["data"]} == {"scatter"}
    figure = gpu.compute(many, about(a_run(gpus=12, nodes=3)))
    assert [trace["type"] for trace in figure["data"]] == ["heatmap"]
    assert figure["data"][0]["y"][0] == "GPU 0 · g1" and len(figure["data"][0]["y"]) == 12


def test_several_devices_are_named_once_and_keep_their_colour_both_ways() -> None:
    frame = wide(("what", "node"), [(what, node) for what in ("ib_in", "ib_out") for node in ("c1", "c2", "c3")], 1e9)
    figure = network.infiniband(frame, about(a_run(nodes=3)))
    assert names(figure) == ["c1", "c2", "c3"] * 2
    assert [trace["showlegend"] for trace in figure["data"]] == [True] * 3 + [False] * 3
    assert "received c1" in figure["data"][0]["hovertemplate"] and "sent c1" in figure["data"][3]["hovertemplate"]
    assert [trace["meta"]["color"] for trace in figure["data"]] == ["s1", "s2", "s3"] * 2


def test_memory_tells_program_from_cache() -> None:
    figure = memory.kinds(FRAMES["memory"], about(a_run()))
    assert names(figure) == ["program", "shared", "file cache", "allocated"]
    # the cache counts shared memory, too: 1 GiB of both leaves none for files
    assert numbers(figure["data"][2])[0] == 0
    assert numbers(figure["data"][3])[0] == 16


def test_gpus_are_named_by_number_and_by_node_where_there_are_several() -> None:
    run = a_run(gpus=4)
    assert names(gpu.compute(gpus("utilization_gpu", 50), about(run))) == ["GPU 0", "GPU 1"]
    both = gpus("utilization_gpu", 50, nodes=("g1", "g2"))
    assert names(gpu.compute(both, about(run)))[:3] == ["GPU 0 · g1", "GPU 1 · g1", "GPU 0 · g2"]
    slices = gpus("utilization_gpu", 50, kind="NVIDIA A100-SXM4-40GB MIG 1g.5gb", labels=("MIG-3f2a91c0-5e0b",))
    assert names(gpu.compute(slices, about(run))) == ["1g.5gb 3f2a91c0"]


def test_gpu_power_has_the_models_limit_and_idle_lines() -> None:
    figure = gpu.power(FRAMES["power_gpu"], about(a_run(gpus=2)))
    lines = {trace["name"]: numbers(trace)[0] for trace in figure["data"]}
    assert lines == {"GPU 0": 300, "GPU 1": 55, "idle": 55, "limit": 400}


def test_a_model_nobody_knows_is_drawn_without_lines() -> None:
    figure = gpu.power(gpus("power_gpu", 90, kind="NVIDIA Z9000"), about(a_run(gpus=2)))
    assert names(figure) == ["GPU 0", "GPU 1"]
    assert names(gpu.memory(gpus("memory_usage_gpu", GIB, kind="NVIDIA Z9000"), about(a_run(gpus=2)))) == ["GPU 0", "GPU 1"]


def test_pipes_and_slices_leave_out_what_they_cannot_have() -> None:
    panels = {panel.key: panel for panel in gpu.PANELS}
    assert not panels["gpu_nvlink"].shown(about(a_run(gpus=1, gpu_types={"a100": 1})))
    assert not panels["gpu_pcie"].shown(about(a_run(gpus=1, gpu_types={"1g.5gb": 1})))
    assert panels["gpu_nvlink"].shown(about(a_run(gpus=2, gpu_types={"a100": 2})))


def test_what_is_sent_goes_below_zero_and_says_its_true_number() -> None:
    figure = lustre.bandwidth(FRAMES["bandwidth"], about(a_run()))
    read, written = figure["data"]
    assert numbers(read)[0] > 0 > numbers(written)[0]
    assert "customdata" in written["hovertemplate"]


def test_names_from_jobs_are_no_markup() -> None:
    figure = processes.executables(FRAMES["executables"], about(a_run()))
    assert not any("<b>" in name for name in names(figure))


def test_used_disk_space_is_size_less_free() -> None:
    figure = disk.space(FRAMES["disk_space"], about(a_run()))
    assert names(figure) == ["used", "limit"]
    assert numbers(figure["data"][0])[0] / numbers(figure["data"][1])[0] == pytest.approx(0.75)


def test_a_chart_of_a_large_job_stays_small() -> None:
    frame = wide(("job", "node", "core"), [("77", "c1", str(core)) for core in range(40)], points=360)
    figure = cpu.each_core(frame, about(a_run(cores=40)))
    assert len(str(figure)) < 120_000


def test_a_persons_slices_count_by_their_part_of_the_card() -> None:
    """Two slices of 1/7, each exported with its card's 350 W of 400: 2 × 350 / 7 = 100 W of 2 × 400 / 7 = 114 W."""
    kind = "NVIDIA A100-SXM4-40GB MIG 1g.5gb"
    frame = wide(("what", "gpu_type"), [("watts", kind), ("count", kind)], [700.0, 2.0])
    figure = user.gpu_power(frame, about(a_run()))
    lines = {trace["name"]: numbers(trace)[0] for trace in figure["data"]}
    assert lines["1g.5gb"] == pytest.approx(100) and lines["all at their limit"] == pytest.approx(800 / 7)
