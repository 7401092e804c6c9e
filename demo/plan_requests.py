"""What people submit to the simulated scheduler, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from demo.model import Share


@dataclass(eq=False)
class Request:
    """What somebody submits: one job, or an array with one entry of `durations` and `outcomes` for each task.

    cores, memory (MiB) and gpus are those of one node. outcome: (state, exit_code, derived_ec).
    """

    person: str
    account: str
    name: str
    behaviour: str
    submit: int
    durations: list[int]
    outcomes: list[tuple[int, int, int]]
    limit: int | None
    cores: int
    memory: int
    nodes: int = 1
    gpus: int = 0
    gres: str = ""
    partition: str = "cpu"
    qos: str = "normal"
    exclusive: bool = False
    per_core: bool = False  # memory asked by core
    array: tuple[int, ...] = ()  # task numbers
    array_limit: int = 0
    after: list[tuple[str, Request]] = field(default_factory=list)  # dependencies: kind, other
    hold: int = 0  # seconds from submission to --begin
    give_up: int = 0  # seconds after which it is cancelled if it still waits
    give_up_state: int = 4
    pin: tuple[int, tuple[str, ...]] | None = None  # start, node names
    options: str = ""  # further options of the command line
    script: str = ""
    work_dir: str = ""
    seed: int = 0
    extra: dict[str, object] = field(default_factory=dict)  # further fields of PlannedRun
    id: int = 0
    left: int = 0
    waiting: int = 0
    ready: int = 0
    next_task: int = 0
    running: int = 0

    @property
    def pool(self) -> str:
        """Which nodes may serve it."""
        return self.gres or ("large" if self.partition == "large" else "cpu")


@dataclass(eq=False)
class Pin:
    """Cores, memory and GPUs of nodes that are spoken for from `start` to `end`; without a request: a node out of service."""

    start: int
    end: int
    nodes: tuple[int, ...]
    cores: int
    memory: int
    gpus: int
    request: Request | None = None
    started: bool = False


@dataclass(frozen=True)
class Placement:
    """One run as it came out: start None if it never started, end None if it never ends."""

    request: Request
    task: int
    ready: int
    start: int | None
    end: int | None
    state: tuple[int, int, int]
    shares: tuple[Share, ...] = ()
