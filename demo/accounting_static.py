"""The rows of Slurm's database that describe the cluster, its accounts and people, and do not change while it runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from ClusterShell.NodeSet import NodeSet, RangeSet

from demo.model import Node, Plan
from demo.plan_cluster import COMPUTE_KINDS
from demo.plan_people import QOS

MIB = 1 << 20
# tres_table: numbers from 1001 on are given out as a site defines its resources
TRES = {
    1: ("cpu", ""),
    2: ("mem", ""),
    3: ("energy", ""),
    4: ("node", ""),
    5: ("billing", ""),
    6: ("fs", "disk"),
    7: ("vmem", ""),
    8: ("pages", ""),
    1000: ("dynamic_offset", ""),
    1001: ("gres", "gpu"),
    1002: ("gres", "gpu:a100"),
    1003: ("gres", "gpu:h100"),
    1004: ("gres", "gpu:a100_1g.5gb"),
    1005: ("license", "matlab"),
}
GPU, LICENSE, LICENSES = 1001, 1005, 40
GRES_ID = {name.removeprefix("gpu:"): number for number, (kind, name) in TRES.items() if kind == "gres" and ":" in name}
ROOT_ACCOUNT, FIRST_ASSOC = 1, 3
ADMIN_LEVEL = {"ada": 3, "ken": 2}


@dataclass(frozen=True)
class Table:
    """Rows to be put into a table: `replace` keeps one row per key whatever was there."""

    name: str
    columns: tuple[str, ...]
    rows: list[tuple]

    @property
    def statement(self) -> str:
        """The parametrised statement."""
        names = ", ".join(f"`{c}`" for c in self.columns)
        return f"REPLACE INTO `{self.name}` ({names}) VALUES ({', '.join(['%s'] * len(self.columns))})"


def compute_nodes(plan: Plan) -> list[Node]:
    """The nodes Slurm knows, in its order."""
    return [n for n in plan.nodes if n.kind in COMPUTE_KINDS]


@lru_cache(maxsize=65536)
def folded(names: tuple[str, ...]) -> str:
    """A host list as Slurm writes it."""
    return str(NodeSet.fromlist(names))


@lru_cache(maxsize=65536)
def folded_numbers(numbers: tuple[int, ...]) -> str:
    """Node numbers as Slurm writes them: 0-2,5."""
    return str(RangeSet.fromlist(map(str, numbers))) if numbers else ""


def tres_of(nodes: list[Node], *, whole_cluster: bool = False) -> str:
    """TRES text of some nodes."""
    cores, memory = sum(n.cores for n in nodes), sum(n.memory for n in nodes) // MIB
    gpus = Counter(g.gres for n in nodes for g in n.gpus)
    parts = [f"1={cores}", f"2={memory}"]
    parts += ["3=0", f"4={len(nodes)}", f"5={cores}", "6=0", "7=0", "8=0"] if whole_cluster else [f"5={cores}"]
    if gpus:
        parts.append(f"{GPU}={gpus.total()}")
        parts += [f"{GRES_ID[gres]}={count}" for gres, count in sorted(gpus.items(), key=lambda item: GRES_ID[item[0]])]
    if whole_cluster:
        parts.append(f"{LICENSE}={LICENSES}")
    return ",".join(parts)


def associations(plan: Plan) -> dict[tuple[str, str], int]:
    """(account, login) → id_assoc; login "" is the account itself."""
    pairs = [("root", ""), ("root", "root"), *((a.name, "") for a in plan.accounts)]
    pairs += [(account, p.name) for p in plan.people for account in p.accounts]
    return {pair: number for number, pair in enumerate(pairs, start=1)}


def static_tables(plan: Plan) -> list[Table]:
    """tres, qos, accounts, people, coordinators, the cluster and its associations."""
    made = plan.begin - 400 * 86400
    stamps = (made, made)
    users = [(*stamps, 0, "root", 3)]
    users += [(*stamps, int(p.deleted), p.name, ADMIN_LEVEL.get(p.name, 1)) for p in plan.people]
    return [
        Table(
            "tres_table",
            ("creation_time", "deleted", "id", "type", "name"),
            [(made, int(number == 1000), number, *names) for number, names in TRES.items()],
        ),
        _qos(made),
        Table(
            "acct_table",
            ("creation_time", "mod_time", "deleted", "name", "description", "organization"),
            [(*stamps, 0, "root", "default root account", "root")]
            + [(*stamps, 0, a.name, a.description.lower(), a.organisation.lower()) for a in plan.accounts],
        ),
        Table("user_table", ("creation_time", "mod_time", "deleted", "name", "admin_level"), users),
        Table(
            "acct_coord_table",
            ("creation_time", "mod_time", "deleted", "acct", "user"),
            [(*stamps, 0, account, p.name) for p in plan.people for account in p.coordinates],
        ),
        Table(
            "cluster_table",
            (
                "creation_time",
                "mod_time",
                "name",
                "control_host",
                "control_port",
                "last_port",
                "rpc_version",
                "plugin_id_select",
                "flags",
                "federation",
                "fed_state",
            ),
            [(*stamps, plan.cluster, "127.0.0.1", 6817, 6817, 9728, 109, 128, "", 0)],
        ),
        Table("convert_version_table", ("mod_time", "version"), [(0, 12)]),
        _associations(plan, made),
    ]


def _qos(made: int) -> Table:
    details = {  # description, max_tres_pu, max wall minutes, max jobs of a user, grp_tres, preempt, priority
        "normal": ("normal qos default", "", None, None, "", "", 10),
        "high": ("urgent work", "", 1440, 2, "", ",4,", 1000),
        "gpulimit": ("at most 2 gpus a user", "1001=2", None, None, "1=64", "", 0),
        "preemptable": ("may be pushed aside", "", None, None, "", "", 1),
    }
    columns = (
        "creation_time",
        "mod_time",
        "id",
        "name",
        "description",
        "max_tres_pu",
        "max_wall_duration_per_job",
        "max_jobs_per_user",
        "grp_tres",
        "preempt",
        "priority",
    )
    return Table("qos_table", columns, [(made, made, QOS[name], name, *detail) for name, detail in details.items()])


def _associations(plan: Plan, made: int) -> Table:
    ids = associations(plan)
    accounts, people = {a.name: a for a in plan.accounts}, {p.name: p for p in plan.people}
    columns = (
        "creation_time",
        "mod_time",
        "deleted",
        "is_def",
        "id_assoc",
        "user",
        "acct",
        "parent_acct",
        "lft",
        "rgt",
        "shares",
        "grp_tres",
        "grp_jobs",
        "grp_submit_jobs",
        "max_jobs",
        "max_submit_jobs",
        "def_qos_id",
        "qos",
        "delta_qos",
    )
    rows = []
    for (account, login), number in ids.items():
        person = people.get(login)
        own = accounts.get(account) if not login else None
        gone = person is not None and person.deleted
        rows.append(
            (
                made,
                made + 300 * 86400 if gone else made,
                int(gone),
                int(person is not None and person.accounts[0] == account),
                number,
                login,
                account,
                own.parent if own else "",
                2 * number,
                2 * number + 1,
                own.shares if own else 1,
                own.grp_tres if own else "",
                own.grp_jobs if own else None,
                own.grp_submit if own else None,
                own.max_jobs if own else None,
                own.max_submit if own else None,
                1 if person and not gone else None,
                ",1,2,3,4," if person and not gone else (",1," if number == ROOT_ACCOUNT else ""),
                "",
            )
        )
    return Table(f"{plan.cluster}_assoc_table", columns, rows)
