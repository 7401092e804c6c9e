"""Storage of the simulated people: who was given how much of each area, what of it is used, and how that grows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.model import Plan
from demo.series import DAY, seed_of

GIB, TIB = 1 << 30, 1 << 40
FIRST_GID = 7001
HOME = (50 * GIB, 500_000)
SCRATCH = (20 * TIB, 1_000_000)
HARD = 1.2  # GPFS: the hard limit as a multiple of the soft one
OWN_HOMES = {"chen": 60 * GIB}
UNLIMITED = frozenset({("home", "ken")})
# the exporter leaves out what is too small to measure
UNMEASURED = frozenset({("scratch", "ken"), ("scratch", "luis"), ("project", "cc-staff")})
# group → size and files of its project, size of its nearline storage
GIVEN = {
    "def-lovelace": (10 * TIB, 5_000_000, 50 * TIB),
    "rrg-hopper": (160 * TIB, 20_000_000, 400 * TIB),
    "def-turing": (20 * TIB, 5_000_000, 20 * TIB),
    "def-noether": (20 * TIB, 5_000_000, 50 * TIB),
    "rrg-franklin": (80 * TIB, 10_000_000, 200 * TIB),
    "def-curie": (10 * TIB, 2_000_000, 0),
    "cc-staff": (2 * TIB, 500_000, 0),
}
# group → size and files of its part of the fileset for groups on GPFS
WORK = {"def-lovelace": (2 * TIB, 2_000_000), "rrg-hopper": (4 * TIB, 4_000_000), "def-turing": (2 * TIB, 1_000_000), "rrg-franklin": (3 * TIB, 2_000_000)}
ORDINARY = (10 * TIB, 500_000, 0)
PERSONAL = {"hana": (TIB, 500_000)}  # people whose own group has a project, too
# (area, owner) → parts of the bytes and files used when the plan was made; everybody else is somewhere below three quarters
USED = {
    ("home", "ines"): (1.06, 0.43),
    ("home", "kofi"): (1.11, 0.71),
    ("home", "chen"): (0.95, 0.52),
    ("scratch", "enoether"): (0.58, 1.05),
    ("project", "def-noether"): (1.06, 0.48),
    ("project", "def-turing"): (0.94, 0.61),
    ("project", "rrg-franklin"): (0.85, 0.55),
    ("project", "def-curie"): (0.36, 0.96),
    ("project", "hana"): (0.12, 0.05),
    ("project", "cc-staff"): (1e-9, 2e-5),
    ("nearline", "def-turing"): (1.08, 0.0),
    ("nearline", "rrg-franklin"): (0.93, 0.0),
    ("work", "rrg-franklin"): (0.95, 0.41),
    ("work", "def-turing"): (0.44, 1.06),
}
STEADY = 0.0004  # of itself a day: how those named above grow
PACE = {("project", "rrg-franklin"): 0.015}  # of the limit a day, in the last RECENT days
RECENT = 12
PERIODS = (4.3, 9.7, 26.0)  # days
RESTLESS = {"home": 0.015, "scratch": 0.05}  # part of what is there


@dataclass(frozen=True, kw_only=True)
class Group:
    """A Unix group: those with one of its accounts share its storage; a personal one has a member and no account."""

    name: str
    gid: int
    accounts: tuple[str, ...]
    members: tuple[str, ...]
    personal: bool = False


@dataclass(frozen=True, kw_only=True)
class Quota:
    """What one owner has in an area. size in bytes and files are what was given; `number` is the uid or gid."""

    area: str
    owner: str
    number: int
    size: float
    files: float
    share: float
    files_share: float
    growth: float  # of itself a day
    pace: float  # of the size a day, lately
    phase: float
    restless: float
    limited: bool = True


def groups(plan: Plan) -> tuple[Group, ...]:
    """The groups behind the accounts that somebody has, then the personal ones; a person's own group has the person's uid."""
    members: dict[str, list[str]] = {}
    accounts: dict[str, list[str]] = {}
    for person in plan.people:
        for account in person.accounts:
            name = account.removesuffix("_cpu").removesuffix("_gpu")
            accounts.setdefault(name, []).append(account)
            members.setdefault(name, []).append(person.name)
    order = [name for name in GIVEN if name in members] + sorted(members.keys() - GIVEN.keys())
    shared = [
        Group(name=name, gid=FIRST_GID + place, accounts=tuple(sorted({*accounts[name]})), members=tuple(dict.fromkeys(members[name])))
        for place, name in enumerate(order)
    ]
    own = [
        Group(name=person.name, gid=person.uid, accounts=(), members=(person.name,), personal=True)
        for person in plan.people
        if person.name in PERSONAL
    ]
    return (*shared, *own)


def quotas(plan: Plan) -> tuple[Quota, ...]:
    """Every quota: home and scratch of each person, project, nearline and work of each group; drawn from the plan's seed."""
    rng = np.random.default_rng(seed_of(plan.seed, "quota"))
    given: list[tuple[str, str, int, float, float]] = []
    for person in plan.people:
        if not person.deleted:
            given.append(("home", person.name, person.uid, OWN_HOMES.get(person.name, HOME[0]), HOME[1]))
            given.append(("scratch", person.name, person.uid, *SCRATCH))
    for group in groups(plan):
        size, files, nearline = (*PERSONAL[group.name], 0) if group.personal else GIVEN.get(group.name, ORDINARY)
        given.append(("project", group.name, group.gid, size, files))
        if nearline:
            given.append(("nearline", group.name, group.gid, nearline, 0))
    given += [("work", group.name, group.gid, *WORK[group.name]) for group in groups(plan) if group.name in WORK]
    return tuple(_quota(rng, *one) for one in given)


def member_parts(plan: Plan, group: Group, area: str, count: int) -> list[float]:
    """How a group's storage falls on its members; the sum is 1."""
    rng = np.random.default_rng(seed_of(plan.seed, "members", area, group.name))
    return rng.dirichlet(np.full(count, 0.7)).tolist()


def _quota(rng: np.random.Generator, area: str, owner: str, number: int, size: float, files: float) -> Quota:
    drawn, growth, phase = rng.uniform(0.04, 0.72, 2), rng.uniform(-0.001, 0.004), rng.uniform(0, 2 * np.pi)
    named = USED.get((area, owner))
    share, files_share = named or drawn.tolist()
    return Quota(
        area=area,
        owner=owner,
        number=number,
        size=float(size),
        files=float(files),
        share=share,
        files_share=files_share,
        growth=STEADY if named else float(growth),
        pace=PACE.get((area, owner), 0.0),
        phase=float(phase),
        restless=0.0 if named else RESTLESS.get(area, 0.02),
        limited=(area, owner) not in UNLIMITED,
    )


def measured(plan: Plan, area: str) -> list[Quota]:
    """The quotas of an area that its exporter shows."""
    return [one for one in quotas(plan) if one.area == area and (area, one.owner) not in UNMEASURED]


def used(held: list[Quota], made_at: int, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bytes and files used, each [quotas × times]; looked at once an hour, so they stand still in between."""
    days = (np.floor(times / 3600) * 3600 - made_at)[None, :] / DAY

    def column(name: str) -> np.ndarray:
        return np.array([getattr(one, name) for one in held], float).reshape(-1, 1)

    swing = (1 + column("growth") * days) * (1 + 0.003 * np.sin(2 * np.pi * days + column("phase")))
    for period in PERIODS:
        # what is written and deleted again over weeks; nothing when the plan is made
        turn = 2 * np.pi / period
        swing = swing + column("restless") * (np.sin(turn * days + column("phase") * period) - np.sin(column("phase") * period))
    lately = column("pace") * np.maximum(days, -RECENT)
    filled = np.maximum(column("share") * swing + lately, 0)
    counted = np.maximum(column("files_share") * swing + lately / 2, 0)
    return np.rint(filled * column("size") / 1024) * 1024, np.rint(counted * column("files"))
