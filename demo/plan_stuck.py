"""The jobs that wait, one for each usual cause, and those that were ended while they waited."""

from __future__ import annotations

from dataclasses import dataclass

HOUR, GIB = 3600, 1024
RESOURCES, PRIORITY, DEPENDENCY, PARTITION_TIME, PARTITION_DOWN, BEGIN_TIME, LICENSES = 3, 1, 2, 5, 6, 9, 10
NOT_AVAILABLE, HELD_BY_USER, ASSOC_CPU, NEVER, TASK_LIMIT, QOS_WALL, QOS_GRES = 15, 16, 57, 39, 72, 51, 149
TASKS, AT_ONCE = 500, 10


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """A job that never starts. ago: hours since its submission; state, end_ago: set if it was ended while it waited."""

    person: str
    account: str
    name: str
    kind: str
    reason: int
    ago: float
    cores: int = 1
    gib: int = 2
    nodes: int = 1
    gpus: int = 0
    gres: str = ""
    partition: str = "cpu"
    qos: str = "normal"
    limit: int = 60
    options: str = ""
    held: bool = False
    begin_in: float = 0.0
    state: int = 0
    exit_code: int = 0
    end_ago: float | None = None
    by_self: bool = False
    licenses: int = 0


STUCK = (
    Stuck(
        person="greta",
        account="rrg-hopper_cpu",
        name="reactor_les_fine",
        kind="openfoam",
        reason=RESOURCES,
        ago=6,
        cores=16,
        gib=48,
        nodes=36,
        limit=2880,
    ),
    Stuck(
        person="fatima",
        account="rrg-franklin_cpu",
        name="protein_mpi_next",
        kind="gromacs_srun",
        reason=PRIORITY,
        ago=3,
        cores=16,
        gib=32,
        nodes=34,
        limit=1440,
    ),
    Stuck(
        person="enoether",
        account="def-noether_cpu",
        name="never",
        kind="r",
        reason=NEVER,
        ago=20,
        options="--dependency=afterok:{failed}",
        held=True,
    ),
    Stuck(
        person="bruno",
        account="def-turing_cpu",
        name="after_monte_carlo",
        kind="r",
        reason=DEPENDENCY,
        ago=2,
        options="--dependency=afterok:{bruno}",
        held=True,
    ),
    Stuck(
        person="luis",
        account="def-lovelace_cpu",
        name="next_week",
        kind="serial",
        reason=BEGIN_TIME,
        ago=8,
        options="--begin=now+7days",
        begin_in=160,
    ),
    Stuck(
        person="sofia",
        account="def-noether_cpu",
        name="held_by_me",
        kind="conda",
        reason=HELD_BY_USER,
        ago=30,
        held=True,
        options="-H",
    ),
    Stuck(
        person="bruno",
        account="def-turing_cpu",
        name="big_monte_carlo",
        kind="openfoam",
        reason=ASSOC_CPU,
        ago=5,
        cores=16,
        gib=32,
        nodes=20,
        limit=720,
    ),
    Stuck(
        person="priya",
        account="rrg-hopper_gpu",
        name="three_gpus",
        kind="pytorch",
        reason=QOS_GRES,
        ago=4,
        cores=12,
        gib=64,
        gpus=3,
        gres="a100",
        partition="gpu",
        qos="gpulimit",
        limit=720,
        options="--qos=gpulimit",
    ),
    Stuck(
        person="amelie",
        account="def-curie_cpu",
        name="old_partition",
        kind="lammps",
        reason=PARTITION_DOWN,
        ago=40,
        cores=4,
        gib=8,
        partition="legacy",
        options="-p legacy",
    ),
    Stuck(
        person="dmitri",
        account="def-noether_cpu",
        name="too_long_for_short",
        kind="openmp",
        reason=PARTITION_TIME,
        ago=9,
        cores=4,
        gib=8,
        partition="short",
        limit=1440,
        options="-p short",
    ),
    Stuck(
        person="kofi",
        account="rrg-hopper_cpu",
        name="on_drained_node",
        kind="gromacs",
        reason=NOT_AVAILABLE,
        ago=4.5,
        cores=8,
        gib=12,
        limit=600,
        options="--nodelist=c030",
    ),
    Stuck(
        person="ghopper",
        account="rrg-hopper_cpu",
        name="urgent_but_long",
        kind="openfoam",
        reason=QOS_WALL,
        ago=7,
        cores=16,
        gib=32,
        qos="high",
        limit=2880,
        options="-q high",
    ),
    Stuck(
        person="wlovelace",
        account="def-lovelace_cpu",
        name="all_licences",
        kind="matlab",
        reason=LICENSES,
        ago=2.5,
        cores=4,
        gib=12,
        limit=300,
        options="-L matlab:40",
        licenses=40,
    ),
    Stuck(
        person="amelie",
        account="def-curie_cpu",
        name="changed_my_mind",
        kind="lammps",
        reason=HELD_BY_USER,
        ago=29,
        cores=4,
        gib=8,
        held=True,
        options="-H",
        state=4,
        end_ago=28.2,
        by_self=True,
    ),
    Stuck(
        person="chen",
        account="rrg-hopper_cpu",
        name="cancelled_in_queue",
        kind="lammps",
        reason=PRIORITY,
        ago=12,
        cores=16,
        gib=32,
        nodes=4,
        state=4,
        end_ago=10.5,
        by_self=True,
    ),
    Stuck(
        person="ruth",
        account="rrg-franklin_cpu",
        name="before_the_talk",
        kind="r",
        reason=RESOURCES,
        ago=18,
        cores=16,
        gib=60,
        nodes=4,
        options="--deadline=now+2hours",
        state=10,
        exit_code=256,
        end_ago=16,
    ),
)
