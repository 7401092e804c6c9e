"""Every rule on both sides of its limit. Limits are those of the settings' defaults, written out here."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from analysis.findings import RULES, awaited, count, findings, stored, unstored
from analysis.rightsize import History
from core.settings import Settings
from tests.analysis.analysis_runs import GIB, START, make_facts, make_gpu, make_run

SETTINGS = Settings()
GPUS = {"gpus": 1, "gpu_types": {"a100": 1}, "cores": 4, "cores_req": 4, "memory": 32 * GIB}
GPU4 = GPUS | {"gpus": 4, "gpu_types": {"a100": 4}}


def ids(run_changes: dict, facts_changes: dict, **more: object) -> set[str]:
    """The ids of what is found about an ordinary run with these changes."""
    run = make_run(**run_changes)
    return {finding.id for finding in findings(make_facts(run, **facts_changes), run, settings=SETTINGS, **more)}


def script(*lines: str) -> dict[str, object]:
    return {"script": "#!/bin/bash\n" + "\n".join(lines) + "\n"}


END = START + 7200
# rule: ((run, facts, more) that fires, (run, facts, more) just beyond the limit)
CASES: dict[str, list[tuple[tuple, tuple]]] = {
    # 1 % is idle; the GPU must have been watched for 900 s and the run be 300 s long
    "gpu_idle": [
        ((GPUS, {"gpu": (make_gpu(use=0.009),)}, {}), (GPUS, {"gpu": (make_gpu(use=0.01),)}, {})),
        (
            (GPUS, {"gpu": (make_gpu(use=0.0, seconds=900),)}, {}),
            (GPUS, {"gpu": (make_gpu(use=0.0, seconds=899),)}, {}),
        ),
    ],
    # idle for 1800 s up to the end
    "gpu_idle_since": [
        (
            (GPUS, {"gpu": (make_gpu(use=0.3, idle_since=END - 1800),)}, {}),
            (GPUS, {"gpu": (make_gpu(use=0.3, idle_since=END - 1799),)}, {}),
        )
    ],
    # 1800 s at a stretch, and a quarter of the run: 7200 s × 0.25 = 1800 s; of 8000 s it is 2000 s
    "gpu_idle_span": [
        (
            (GPUS, {"gpu": (make_gpu(use=0.6, idle_from=START, idle_to=START + 1800),)}, {}),
            (GPUS, {"gpu": (make_gpu(use=0.6, idle_from=START, idle_to=START + 1799),)}, {}),
        ),
        (
            (GPUS | {"elapsed": 8000}, {"gpu": (make_gpu(use=0.6, idle_from=START, idle_to=START + 2000),)}, {}),
            (GPUS | {"elapsed": 8000}, {"gpu": (make_gpu(use=0.6, idle_from=START, idle_to=START + 1999),)}, {}),
        ),
    ],
    "gpu_low": [((GPUS, {"gpu": (make_gpu(use=0.249),)}, {}), (GPUS, {"gpu": (make_gpu(use=0.25),)}, {}))],
    "sm_low": [
        (
            (GPUS, {"gpu": (make_gpu(sm_occupancy=0.199, tensor=0.1),)}, {}),
            (GPUS, {"gpu": (make_gpu(sm_occupancy=0.2, tensor=0.1),)}, {}),
        ),
        # tensor cores are busy: low occupancy is right
        (
            (GPUS, {"gpu": (make_gpu(sm_occupancy=0.1, tensor=None),)}, {}),
            (GPUS, {"gpu": (make_gpu(sm_occupancy=0.1, tensor=0.2),)}, {}),
        ),
    ],
    # at most 25 % busy, 10 GiB GPU memory, 32 GiB host memory, 4 cores
    "mig_would_do": [
        (
            (GPUS, {"gpu": (make_gpu(use=0.25, memory_peak=10 * GIB),), "cpu_mean": 4.0}, {}),
            (GPUS, {"gpu": (make_gpu(use=0.251, memory_peak=10 * GIB),), "cpu_mean": 4.0}, {}),
        ),
        (
            (GPUS, {"gpu": (make_gpu(use=0.2, memory_peak=10 * GIB),)}, {}),
            (GPUS, {"gpu": (make_gpu(use=0.2, memory_peak=10 * GIB + 1),)}, {}),
        ),
        (
            (GPUS, {"gpu": (make_gpu(use=0.2, memory_peak=GIB),)}, {}),
            (GPUS | {"gpu_types": {"1g.5gb": 1}}, {"gpu": (make_gpu(use=0.2, memory_peak=GIB),)}, {}),
        ),
        (
            (GPUS, {"gpu": (make_gpu(use=0.2, memory_peak=GIB),), "memory_peak": 32 * GIB}, {}),
            (GPUS, {"gpu": (make_gpu(use=0.2, memory_peak=GIB),), "memory_peak": 32 * GIB + 1}, {}),
        ),
    ],
    # one of eight cores for two hours: 14 core-hours unused. Serial is 0.5 to 1.05 cores on one node
    "serial": [
        (({}, {"cpu_mean": 1.05}, {}), ({}, {"cpu_mean": 1.06}, {})),
        (({}, {"cpu_mean": 0.5}, {}), ({}, {"cpu_mean": 0.49}, {})),
        (({}, {"cpu_mean": 1.0}, {}), ({"cores": 1, "cores_req": 1}, {"cpu_mean": 1.0}, {})),
        # ratio and size: 7 of 8 cores unused for 514 s are 0.9994 core-hours, for 515 s 1.0014
        (({"elapsed": 515}, {"cpu_mean": 1.0}, {}), ({"elapsed": 514}, {"cpu_mean": 1.0}, {})),
    ],
    "cores_over_asked": [
        (({}, {"cpu_mean": 3.99}, {}), ({}, {"cpu_mean": 4.0}, {})),
        # a GPU job may have 12 cores a GPU and a tenth more: 13.2
        (
            (GPUS | {"cores": 14, "cores_req": 14}, {"cpu_mean": 2.0}, {}),
            (GPUS | {"cores": 13, "cores_req": 13}, {"cpu_mean": 2.0}, {}),
        ),
        (({}, {"cpu_mean": 2.0}, {}), ({"cores_req": 1, "whole_node": True}, {"cpu_mean": 2.0}, {})),
        (({"elapsed": 600}, {"cpu_mean": 2.0}, {}), ({"elapsed": 599}, {"cpu_mean": 2.0}, {})),
    ],
    # below 2 % of a node's 4 cores: 0.08
    "idle_nodes": [
        (
            ({"nodes": 2}, {"cpu_by_node": {"c1": 3.8, "c2": 0.079}}, {}),
            ({"nodes": 2}, {"cpu_by_node": {"c1": 3.8, "c2": 0.08}}, {}),
        ),
        (
            ({"nodes": 2}, {"cpu_by_node": {"c1": 3.8, "c2": 0.0}}, {}),
            ({"nodes": 2}, {"cpu_by_node": {"c1": 3.8}}, {}),
        ),
    ],
    # 4 of 8 cores on each of two nodes of 8: not below half; of 10 it is
    "fragmented": [
        (
            ({"nodes": 2, "hosts": ("c1", "c2")}, {}, {"node_cores": {"c1": 10, "c2": 10}}),
            ({"nodes": 2, "hosts": ("c1", "c2")}, {}, {"node_cores": {"c1": 8, "c2": 8}}),
        ),
        (
            (GPU4 | {"nodes": 4, "hosts": ("g1", "g2", "g3", "g4")}, {}, {"node_gpus": {"g1": 4}}),
            (GPU4 | {"nodes": 4, "hosts": ("g1", "g2", "g3", "g4")}, {}, {"node_gpus": {"g1": 2}}),
        ),
    ],
    "threads_oversubscribed": [(({}, {"threads": 10.01}, {}), ({}, {"threads": 10.0}, {}))],
    # 8 cores × 0.75 = 6
    "threads_underused": [(({}, {"threads": 5.99, "cpu_mean": 5.0}, {}), ({}, {"threads": 6.0, "cpu_mean": 5.0}, {}))],
    # 64 GiB on 8 cores are more than 8 × 4 × 1.1 = 35.2 GiB
    "memory_over_asked": [
        (
            ({"memory": 64 * GIB}, {"memory_peak": 31.9 * GIB}, {}),
            ({"memory": 64 * GIB}, {"memory_peak": 32 * GIB}, {}),
        ),
        # of an ordinary share only a tenth is worth a word
        (
            ({"memory": 32 * GIB}, {"memory_peak": 3.1 * GIB}, {}),
            ({"memory": 32 * GIB}, {"memory_peak": 3.2 * GIB}, {}),
        ),
        # 48 GiB unused for 600 s are 8 GiB-hours
        (
            ({"memory": 64 * GIB, "elapsed": 600}, {"memory_peak": 16 * GIB}, {}),
            ({"memory": 64 * GIB, "elapsed": 599}, {"memory_peak": 16 * GIB}, {}),
        ),
        (
            ({"memory": 64 * GIB}, {"memory_peak": GIB}, {}),
            ({"memory": 64 * GIB, "whole_node": True}, {"memory_peak": GIB}, {}),
        ),
    ],
    # reaches the limit in an hour less a second; an hour is left
    "memory_growth": [
        # every program fills its memory at first: within two hours nothing is said
        (
            (
                {"state": "RUNNING", "end": None, "elapsed": 7200},
                {"memory_slope": 1e6, "memory_slope_fit": 0.8, "memory_full_in": 3599.0},
                {},
            ),
            (
                {"state": "RUNNING", "end": None, "elapsed": 7199},
                {"memory_slope": 1e6, "memory_slope_fit": 0.8, "memory_full_in": 3599.0},
                {},
            ),
        ),
        (
            (
                {"state": "RUNNING", "end": None},
                {"memory_slope": 1e6, "memory_slope_fit": 0.8, "memory_full_in": 3599.0},
                {},
            ),
            (
                {"state": "RUNNING", "end": None},
                {"memory_slope": 1e6, "memory_slope_fit": 0.8, "memory_full_in": 3600.0},
                {},
            ),
        ),
        (
            (
                {"state": "RUNNING", "end": None, "limit": math.inf},
                {"memory_slope": 1e6, "memory_slope_fit": 0.9, "memory_full_in": 1e6, "memory_peak": 16 * GIB},
                {},
            ),
            (
                {"state": "RUNNING", "end": None, "limit": math.inf},
                {"memory_slope": 1e6, "memory_slope_fit": 0.9, "memory_full_in": 1e6, "memory_peak": 15.9 * GIB},
                {},
            ),
        ),
    ],
    "metadata_storm": [(({}, {"metadata_ops": 500.1}, {}), ({}, {"metadata_ops": 500.0}, {}))],
    "oom": [(({"state": "OUT_OF_MEMORY"}, {}, {}), ({"state": "FAILED"}, {}, {}))],
    "node_fail": [(({"state": "NODE_FAIL"}, {}, {}), ({"state": "FAILED"}, {}, {}))],
    "timeout": [(({"state": "TIMEOUT"}, {}, {}), ({"state": "FAILED"}, {}, {}))],
    "short_job": [(({"elapsed": 3599}, {}, {}), ({"elapsed": 3600}, {}, {}))],
    # below a fifth of the limit and four hours left: 4 h of 20 h 0 min 1 s; 1 h of 5 h 0 min 0 s leaves four hours
    "time_over_asked": [
        (
            ({"elapsed": 14400, "limit": 72001.0}, {}, {}),
            ({"elapsed": 14400, "limit": 72000.0}, {}, {}),
        ),
        (
            ({"elapsed": 3500, "limit": 17900.0}, {}, {}),
            ({"elapsed": 3500, "limit": 17899.0}, {}, {}),
        ),
        (({"elapsed": 900, "limit": 72000.0}, {}, {}), ({"elapsed": 899, "limit": 72000.0}, {}, {})),
    ],
    "sleep": [
        (({}, {}, script("sleep 60")), ({}, {}, script("sleep 59"))),
        (({}, {}, script("python a.py; sleep 1h")), ({}, {}, script("# sleep 1h", "echo sleep 3600", "sleepy 100"))),
    ],
    "conda": [(({}, {}, script("conda activate x")), ({}, {}, script("# conda activate x", 'echo "conda activate"')))],
    "gromacs_launch": [
        (
            ({}, {}, script("module load gromacs", "gmx_mpi mdrun -s a.tpr")),
            ({}, {}, script("module load gromacs", "srun gmx_mpi mdrun -s a.tpr")),
        ),
        (
            ({}, {}, script("module load StdEnv gromacs/2023", "gmx mdrun")),
            ({}, {}, script("module load StdEnv", "gmx mdrun")),
        ),
    ],
    "gromacs_threads": [
        (
            ({}, {}, script("ml gromacs", "srun gmx mdrun -nt 4")),
            ({}, {}, script("ml gromacs", "srun gmx mdrun -nt 8")),
        )
    ],
    "gromacs_nodes": [
        (
            ({"nodes": 2}, {}, script("ml gromacs/2024", "srun gmx mdrun")),
            ({"nodes": 2}, {}, script("ml gromacs/2024", "srun gmx_mpi mdrun")),
        )
    ],
    "gromacs_prepare": [
        (
            ({}, {}, script("ml gromacs", "srun gmx grompp -f a.mdp")),
            ({}, {}, script("ml gromacs", "srun gmx energy -f grompp")),
        )
    ],
    "amber_cpu_on_gpu": [
        (
            (GPUS, {}, script("module load amber/22", "srun pmemd.MPI -O")),
            ({}, {}, script("module load amber/22", "srun pmemd.MPI -O")),
        )
    ],
    "amber_gpu_on_cpu": [
        (
            ({}, {}, script("module load amber/22", "pmemd.cuda -O")),
            (GPUS, {}, script("module load amber/22", "pmemd.cuda -O")),
        )
    ],
    "amber_launch": [
        (
            ({"nodes": 2}, {}, script("module load amber", "pmemd.MPI -O")),
            ({"nodes": 2}, {}, script("module load amber", "srun pmemd.MPI -O")),
        )
    ],
    "lammps_launch": [
        (
            ({}, {}, script("module load lammps-omp/2023", "lmp -in x")),
            ({}, {}, script("module load lammps-omp/2023", "srun lmp -in x")),
        )
    ],
    "singleton": [
        (
            ({}, {}, {"options": {"dependency": "afterok:1,singleton"}}),
            ({}, {}, {"options": {"dependency": "afterok:1", "job-name": "singleton"}}),
        )
    ],
    "depends": [(({}, {}, {"depends_on": 1}), ({}, {}, {"depends_on": 0}))],
    "dependents": [(({}, {}, {"dependents": 1}), ({}, {}, {"dependents": 0}))],
    "exclusive": [(({}, {}, {"options": {"exclusive": ""}}), ({}, {}, {"options": {"comment": "exclusive"}}))],
    "licences": [(({"licenses": {"matlab": 1}}, {}, {}), ({}, {}, {}))],
    "nodelist": [(({}, {}, {"options": {"nodelist": "c1"}}), ({}, {}, {"options": {"wrap": "a -w c1"}}))],
    "exclude": [(({}, {}, {"options": {"exclude": "c1"}}), ({}, {}, {"options": {"wrap": "a -x c1"}}))],
    "requeue": [(({}, {}, {"options": {"requeue": ""}}), ({}, {}, {"options": {"no-requeue": ""}}))],
    "no_requeue": [(({}, {}, {"options": {"no-requeue": ""}}), ({}, {}, {"options": {"requeue": ""}}))],
    "reservation": [(({"reservation": "course"}, {}, {}), ({}, {}, {}))],
    "switches": [(({}, {}, {"options": {"switches": "1"}}), ({}, {}, {}))],
    "constraint": [(({"constraints": "zen3"}, {}, {}), ({}, {}, {}))],
    "multi_node": [(({"nodes": 2}, {}, {}), ({"nodes": 1}, {}, {}))],
    "requeued": [(({}, {}, {"earlier_runs": 1}), ({}, {}, {"earlier_runs": 0}))],
    "whole_node": [
        (
            ({"whole_node": True, "cores_req": 1}, {"cpu_mean": 3.9}, {}),
            ({"whole_node": True, "cores_req": 1}, {"cpu_mean": 4.0}, {}),
        ),
        (({"whole_node": True}, {"memory_peak": GIB}, {}), ({}, {"memory_peak": 20 * GIB}, {})),
    ],
}
SIDES = [(rule, number, *pair) for rule, pairs in CASES.items() for number, pair in enumerate(pairs)]


def test_every_rule_has_a_case() -> None:
    assert {rule.id for rule in RULES} == set(CASES)


@pytest.mark.parametrize(("rule", "number", "inside", "outside"), SIDES, ids=[f"{side[0]}-{side[1]}" for side in SIDES])
def test_rule_on_both_sides_of_its_limit(rule: str, number: int, inside: tuple, outside: tuple) -> None:
    assert rule in ids(inside[0], inside[1], **inside[2])
    assert rule not in ids(outside[0], outside[1], **outside[2])


def test_an_ordinary_run_has_nothing_to_act_on() -> None:
    run = make_run()
    assert count(findings(make_facts(run), run, settings=SETTINGS))[0] == 0


@pytest.mark.parametrize("seconds", [0, 299])
def test_a_job_too_short_to_judge_is_not_judged(seconds: int) -> None:
    wasteful = {
        "cpu_mean": 0.6,
        "memory_peak": GIB,
        "threads": 99.0,
        "metadata_ops": 9999.0,
        "gpu": tuple(make_gpu(number, use=0.0) for number in range(4)),
    }
    changes = GPU4 | {"elapsed": seconds, "memory": 4096 * GIB, "cores": 640, "cores_req": 640, "state": "FAILED"}
    assert ids(changes, wasteful) == set()


def test_serial_and_half_of_the_cores_are_one_finding() -> None:
    found = ids({}, {"cpu_mean": 1.0, "threads": 1.0})
    assert "serial" in found
    assert not found & {"cores_over_asked", "threads_underused"}


def test_busy_cores_are_not_few_threads() -> None:
    """Threads are counted at moments: a program that waits now and then is seen with fewer than keep its cores busy."""
    assert "threads_underused" in ids({}, {"threads": 5.0, "cpu_mean": 5.9})
    assert "threads_underused" not in ids({}, {"threads": 5.0, "cpu_mean": 6.1})


def test_dead_nodes_are_not_also_unused_cores() -> None:
    changes = {"nodes": 4, "cores": 32, "cores_req": 32}
    found = ids(changes, {"cpu_mean": 8.0, "cpu_by_node": {"c1": 8.0, "c2": 0.0, "c3": 0.0, "c4": 0.0}})
    assert "idle_nodes" in found
    assert not {"cores_over_asked", "multi_node"} & found


def test_pending_jobs_are_told_about_their_request_and_script() -> None:
    changes = {"state": "PENDING", "start": None, "end": None, "elapsed": 0}
    found = ids(changes, {"end": None}, options={"exclude": "c1"}, **script("sleep 600"))
    assert found == {"exclude", "sleep"}


def test_worst_first_and_counted() -> None:
    run = make_run(**GPU4, constraints="zen3", end=None, state="RUNNING")
    gpus = (make_gpu(0), *(make_gpu(number, use=0.2, idle_since=END - 3600) for number in (1, 2, 3)))
    found = findings(make_facts(run, gpu=gpus, until=END), run, settings=SETTINGS, options={"exclude": "c9"})
    assert [(finding.id, finding.severity) for finding in found] == [
        ("gpu_idle_since", "bad"),
        ("exclude", "warn"),
        ("constraint", "info"),
    ]
    assert count(found) == (2, 1)
    assert found[0].numbers["count"] == 3
    assert found[0].numbers["gpu_hours"] == 3.0
    # three stopped half-way through the two hours: one would have done
    assert found[0].request == ("#SBATCH --gres=gpu:a100:1",)


def test_gpus_that_stopped_late_or_all_are_not_asked_for_less() -> None:
    run = make_run(**GPU4)
    late = (make_gpu(0), *(make_gpu(number, use=0.2, idle_since=END - 3599) for number in (1, 2, 3)))
    every = tuple(make_gpu(number, use=0.2, idle_since=END - 3600) for number in range(4))
    for gpus in (late, every):
        found = {finding.id: finding for finding in findings(make_facts(run, gpu=gpus), run, settings=SETTINGS)}
        assert found["gpu_idle_since"].request == ()


def test_requests_to_paste() -> None:
    run = make_run(memory=128 * GIB, limit=86400.0 * 2)
    past = History(facts=tuple(make_facts(run, memory_peak=peak * GIB) for peak in (9, 10, 12, 9)))
    found = {
        finding.id: finding
        for finding in findings(make_facts(run, memory_peak=10 * GIB, cpu_mean=2.5), run, None, past, SETTINGS)
    }
    # the largest peak of all runs is 12 GiB; × 1.2 = 14.4, rounded up to 15
    assert found["memory_over_asked"].request == ("#SBATCH --mem=15G",)
    # what is suggested fits every past run, and says so
    assert (found["memory_over_asked"].numbers["fitted"], found["memory_over_asked"].numbers["past"]) == (4, 4)
    assert found["cores_over_asked"].request == ("#SBATCH --ntasks=1", "#SBATCH --cpus-per-task=3")
    # 2 h × 1.5 = 3 h
    assert found["time_over_asked"].request == ("#SBATCH --time=03:00:00",)


def test_requests_follow_the_way_it_was_asked() -> None:
    run = make_run(memory=128 * GIB, memory_per="cpu")
    facts = make_facts(run, memory_peak=10 * GIB, cpu_mean=2.5)
    found = {finding.id: finding for finding in findings(facts, run, settings=SETTINGS, options={"ntasks": "8"})}
    # 10 GiB × 1.2 ÷ 8 cores = 1.5 GiB a core
    assert found["memory_over_asked"].request == ("#SBATCH --mem-per-cpu=1536M",)
    assert found["cores_over_asked"].request == ("#SBATCH --ntasks=3",)
    idle = tuple(make_gpu(number, use=0.0) for number in (1, 2, 3))
    run = make_run(**GPU4)
    found = {
        finding.id: finding for finding in findings(make_facts(run, gpu=(make_gpu(), *idle)), run, settings=SETTINGS)
    }
    assert found["gpu_idle"].request == ("#SBATCH --gres=gpu:a100:1",)


def test_many_short_runs_are_worth_bundling_one_is_not() -> None:
    run = make_run(elapsed=60)
    severity = {}
    for runs in (9, 10):
        past = History(facts=(make_facts(run),) * runs)
        found = findings(make_facts(run), run, None, past, SETTINGS)
        severity[runs] = next(finding.severity for finding in found if finding.id == "short_job")
    assert severity == {9: "info", 10: "warn"}


def test_thresholds_come_from_the_settings() -> None:
    strict = Settings.model_validate(
        {"thresholds": {"cpu_low": 0.99}, "site": {"docs": {"cores_over_asked": "https://x.example/"}}}
    )
    run = make_run()
    found = findings(make_facts(run, cpu_mean=7.0), run, settings=strict)
    assert [finding.id for finding in found] == ["cores_over_asked"]
    assert found[0].docs == "https://x.example/"
    assert found[0].thresholds["cpu_low"] == 0.99


def test_findings_survive_storing() -> None:
    run = make_run(memory=640 * GIB)
    found = findings(make_facts(run, cpu_mean=1.0), run, settings=SETTINGS)
    assert unstored(stored(found), SETTINGS) == found
    assert unstored([{"id": "gone", "severity": "bad", "numbers": {}, "request": [], "line": None}], SETTINGS) == []


def requests(run: object, facts: object, **more: object) -> dict[str, tuple[str, ...]]:
    """The lines to paste by finding."""
    return {finding.id: finding.request for finding in findings(facts, run, settings=SETTINGS, **more)}


def test_fewer_gpus_are_asked_for_in_the_form_the_person_used() -> None:
    run = make_run(**(GPU4 | {"cores": 24, "memory": 240 * GIB}))
    gpus = (make_gpu(0), *(make_gpu(number, use=0.2, idle_since=END - 3600) for number in (1, 2, 3)))
    # 3 of 24 cores busy fit into the 6 that go with one of four GPUs; 100 GiB × 1.2 do not fit into 60
    facts = make_facts(run, gpu=gpus, cpu_mean=3.0, memory_peak=100 * GIB)
    forms = {
        "#SBATCH --gpus-per-node=a100:1": {"gpus-per-node": "a100:4"}, "#SBATCH --gpus=1": {"gpus": "4"},
        "#SBATCH --gres=gpu:a100:1,tmp:10": {"gres": "gpu:a100:4,tmp:10"}, "#SBATCH --gres=gpu:1": {"gres": "gpu:4"},
    }
    for line, options in forms.items():
        found = requests(run, facts, options=options | {"cpus-per-task": "24", "mem": "240G"})
        assert found["gpu_idle_since"] == (line, "#SBATCH --cpus-per-task=6")
    # 40 GiB × 1.2 = 48 do fit into 60
    small = make_facts(run, gpu=gpus, cpu_mean=7.0, memory_peak=40 * GIB)
    assert requests(run, small, options={"gpus": "4"})["gpu_idle_since"] == ("#SBATCH --gpus=1", "#SBATCH --mem=48G")
    tasks = requests(run, facts, options={"gpus-per-node": "4", "ntasks": "4"})
    assert tasks["gpu_idle_since"] == ("#SBATCH --gpus-per-node=1", "#SBATCH --ntasks=1")


def test_idle_nodes_are_not_asked_for_again() -> None:
    run = make_run(nodes=8, cores=128, cores_req=128, hosts=tuple(f"c{n}" for n in range(1, 9)))
    busy = {f"c{n}": 15.0 for n in range(1, 9)} | {"c6": 0.0}
    facts = make_facts(run, cpu_by_node=busy)
    assert requests(run, facts)["idle_nodes"] == ("#SBATCH --nodes=7",)
    assert requests(run, facts, options={"ntasks": "128"})["idle_nodes"] == ("#SBATCH --nodes=7", "#SBATCH --ntasks=112")


def test_low_use_of_several_gpus_suggests_fewer_only_where_their_memory_fits() -> None:
    run = make_run(**GPU4)
    for peak, wanted in ((8 * GIB, ("#SBATCH --gres=gpu:a100:1",)), (30 * GIB, ())):
        gpus = tuple(make_gpu(n, use=0.15, memory_peak=peak, memory_total=40 * GIB) for n in range(4))
        # 4 × 0.15 × 1.2 = 0.72: one GPU; 4 × 8 GiB fit on its 40 GiB, 4 × 30 do not
        assert requests(run, make_facts(run, gpu=gpus, cpu_mean=run.cores * 0.95))["gpu_low"][:1] == wanted


def test_runs_that_hit_a_limit_are_told_a_larger_one() -> None:
    # 3 h × 1.5 = 4.5 h, above four hours in whole ones
    run = make_run(state="TIMEOUT", elapsed=10800, limit=10800.0)
    assert requests(run, make_facts(run))["timeout"] == ("#SBATCH --time=05:00:00",)
    run = make_run(state="OUT_OF_MEMORY", memory_per="cpu")
    # 32 GiB × 1.5 over 8 cores
    assert requests(run, make_facts(run))["oom"] == ("#SBATCH --mem-per-cpu=6G",)
    crowd = make_run()
    assert requests(crowd, make_facts(crowd, threads=64.0))["threads_oversubscribed"] == (
        "export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}",
    )


def test_a_job_whose_only_gpu_did_nothing_is_told_the_lines_without_it() -> None:
    run = make_run(**(GPUS | {"memory": 64 * GIB}))
    facts = make_facts(run, gpu=(make_gpu(use=0.0),), memory_peak=32 * GIB)
    typed = {"gpus-per-node": "a100:1", "partition": "gpu", "mem": "64G", "cpus-per-task": "4"}
    # 32 GiB × 1.2 = 38.4, in steps of two
    off = ("##SBATCH --gpus-per-node=a100:1", "##SBATCH --partition=gpu", "#SBATCH --mem=40G")
    assert requests(run, facts, options=typed)["gpu_idle"] == off
    gres = requests(run, facts, options={"gres": "gpu:a100:1,tmp:10", "mem-per-cpu": "16G"})["gpu_idle"]
    assert gres == ("##SBATCH --gres=gpu:a100:1,tmp:10", "#SBATCH --gres=tmp:10")
    assert requests(run, facts)["gpu_idle"] == ()


def test_a_hair_above_one_core_still_fits_on_one() -> None:
    run = make_run(cores=16, cores_req=16)
    past = History(facts=tuple(make_facts(run, cpu_mean=mean) for mean in (0.99, 1.04, 1.2)))
    found = findings(make_facts(run, cpu_mean=0.98), run, history=past, settings=SETTINGS)
    assert [(finding.numbers["fitted"], finding.numbers["past"]) for finding in found if finding.id == "serial"] == [(2, 3)]


def test_nobody_is_told_to_ask_for_less_than_a_gib() -> None:
    def told(gib: int) -> bool:
        return "memory_over_asked" in ids({"memory": gib * GIB, "cores": 1, "elapsed": 360_000}, {"memory_peak": GIB / 50, "cpu_mean": 0.9})

    assert not told(1) and told(3)


def test_out_of_memory_after_steady_growth_is_said() -> None:
    run = make_run(state="OUT_OF_MEMORY")
    for fit, elapsed, rising in ((0.8, 7200, 8.0), (0.79, 7200, None), (0.8, 7199, None)):
        facts = make_facts(run, memory_slope=8 * GIB / 3600, memory_slope_fit=fit)
        found = findings(replace(facts, elapsed=elapsed), run, settings=SETTINGS)
        rates = [finding.numbers.get("per_hour_bytes") for finding in found if finding.id == "oom"]
        assert rates == [pytest.approx(rising * GIB) if rising else None]


def test_jobs_that_wait_are_told_whenever_they_come() -> None:
    run = make_run()
    before = findings(make_facts(run), run, settings=SETTINGS)
    after = awaited(before, 2, SETTINGS, over=True)
    assert [finding.id for finding in after] == [*(finding.id for finding in before), "dependents"]
    assert dict(after[-1].numbers) == {"count": 2, "over": True}
    assert awaited(after, 3, SETTINGS)[-1].numbers["count"] == 3 and len(awaited(after, 3, SETTINGS)) == len(after)
    assert awaited(before, 0, SETTINGS) == before


def test_of_a_job_that_never_began_no_present_is_told() -> None:
    waiting = {"start": None, "end": None, "state": "PENDING", "nodes": 4, "elapsed": 0}
    asked = {"options": {"reservation": "course", "dependency": "afterok:7"}}
    assert {"multi_node", "reservation", "depends"} <= ids(waiting, {}, **asked)
    assert "multi_node" not in ids(waiting | {"end": START, "state": "CANCELLED"}, {})


def test_a_failed_node_says_whether_the_job_goes_on() -> None:
    run = make_run(state="NODE_FAIL")
    for options, again in (({"requeue": ""}, True), ({}, False)):
        found = [finding for finding in findings(make_facts(run), run, settings=SETTINGS, options=options) if finding.id == "node_fail"]
        assert [finding.numbers["again"] for finding in found] == [again]
