"""The simulated cloud: projects, their members and quotas, and virtual machines that are worth a look."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from demo.model import Vm

GIB = 1 << 30
DAY = 86400
HOSTS = ("hv1", "hv2", "hv3")
GPU_HOST = "hv3"


@dataclass(frozen=True)
class Flavour:
    """Virtual cores, GiB of memory, GB of disk, GPUs."""

    cores: int
    gib: int
    disk: int
    gpus: int = 0


FLAVOURS = {
    "p1-2gb": Flavour(1, 2, 20),
    "p2-4gb": Flavour(2, 4, 40),
    "p4-8gb": Flavour(4, 8, 80),
    "p8-16gb": Flavour(8, 16, 120),
    "c8-32gb": Flavour(8, 32, 160),
    "c16-64gb": Flavour(16, 64, 320),
    "g8-60gb-a100": Flavour(8, 60, 200, 1),
    "g16-120gb-a100x2": Flavour(16, 120, 400, 2),
}
CLOUD_PROJECTS = {
    "def-lovelace-dev": ("mira", "chen", "wlovelace"),
    "def-noether-web": ("lena", "enoether"),
    "rrg-hopper-db": ("hana", "tomas", "ghopper"),
    "cc-monitoring": ("ada", "ken"),
    "def-curie-portal": ("mcurie", "amelie"),  # has no machine
    "legacy-archive": ("rfranklin", "ruth"),
}
NO_QUOTA = frozenset({"legacy-archive"})
UNLIMITED = frozenset({"cc-monitoring"})  # in machines and volumes: OpenStack says -1
NO_OBJECTS = frozenset({"cc-monitoring"})  # keeps nothing in the object store: its metrics do not name it


@dataclass(frozen=True, kw_only=True)
class Made:
    """A machine to be: busy is the mean share of its cores, used that of its memory when idle, days its age."""

    project: str
    name: str
    flavour: str
    user: str
    busy: float
    used: float
    days: float = 70.0
    stopped: float | None = None  # days ago
    balloon: bool = True
    disks: int = 1


def _in(project: str, *rows: tuple) -> list[Made]:
    keys = ("name", "flavour", "user", "busy", "used", "days", "stopped", "balloon", "disks")
    return [Made(project=project, **dict(zip(keys, row, strict=False))) for row in rows]


MACHINES = (
    *_in(
        "def-lovelace-dev",
        ("dev-web", "p4-8gb", "mira", 0.35, 0.3, 84.0),
        ("dev-db", "c8-32gb", "chen", 0.10, 0.08, 63.0),  # far too large
        ("dev-build", "p8-16gb", "wlovelace", 0.5, 0.35, 121.0),
        ("dev-idle", "p2-4gb", "mira", 0.005, 0.2, 92.0),
        ("dev-worker", "p2-4gb", "chen", 0.3, 0.3, 40.0),
        ("dev-worker", "p2-4gb", "chen", 0.42, 0.25, 40.0),  # two of one name
    ),
    *_in(
        "def-noether-web",
        ("web-front", "p4-8gb", "lena", 0.3, 0.3, 200.0),
        ("web-db", "c8-32gb", "enoether", 0.4, 0.45, 200.0),
        ("web-staging", "p2-4gb", "lena", 0.2, 0.3, 55.0, 2.0),  # stopped two days ago
        ("web-windows", "p4-8gb", "enoether", 0.28, 0.4, 150.0, None, False),  # without a balloon driver nobody knows its memory
    ),
    *_in(
        "rrg-hopper-db",
        ("db-main", "c16-64gb", "ghopper", 0.45, 0.5, 310.0, None, True, 2),
        ("db-replica", "c16-64gb", "hana", 0.06, 0.11, 300.0),  # far too large
        ("db-train", "g8-60gb-a100", "tomas", 0.4, 0.35, 33.0),
        ("db-train-large", "g16-120gb-a100x2", "hana", 0.5, 0.3, 12.0),
    ),
    *_in(
        "cc-monitoring",
        ("mon-web", "p4-8gb", "ada", 0.3, 0.35, 400.0),
        ("mon-metrics", "c8-32gb", "ken", 0.33, 0.5, 400.0, None, True, 2),
        ("mon-new", "p1-2gb", "ken", 0.004, 0.25, 1.5),  # idle, but made yesterday
    ),
    *_in("legacy-archive", ("archive-ftp", "p2-4gb", "rfranklin", 0.08, 0.4, 500.0)),
)


def stable_uuid(*parts: object) -> str:
    """A UUID that is always the same for the same parts."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "turtle/" + "/".join(map(str, parts))))


def make_vms(seed: int, made_at: int) -> tuple[Vm, ...]:
    """The virtual machines, spread over the hypervisors; times in UTC seconds before the plan's making."""
    found = []
    for place, one in enumerate(MACHINES):
        flavour = FLAVOURS[one.flavour]
        found.append(
            Vm(
                uuid=stable_uuid(one.project, place),
                name=one.name,
                project=one.project,
                flavour=one.flavour,
                user=one.user,
                host=GPU_HOST if flavour.gpus else HOSTS[place % len(HOSTS)],
                vcpus=flavour.cores,
                memory=flavour.gib * GIB,
                disk=flavour.disk * GIB,
                busy=one.busy,
                seed=seed * 1000 + 37 * place,
                created=made_at - int(one.days * DAY),
                ended=None if one.stopped is None else made_at - int(one.stopped * DAY),
                held=one.used,
                balloon=one.balloon,
                disks=one.disks,
            )
        )
    return tuple(found)
