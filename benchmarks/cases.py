"""Which pages are measured, and as whom: nobody, a person, staff."""

from __future__ import annotations

from dataclasses import dataclass

import requests
import yaml
from sqlalchemy import Engine, text

from core.settings import Settings

NOBODY = ""  # who opens a page without signing in
MAX_STATEMENTS = 9
TOP = ("", "gpu", "memory", "lustre", "waste")
PUBLIC = ("scheduler", "filesystems", "logins", "transfers", "software")
MACHINES = "libvirtd_domain_domain_state"


@dataclass(frozen=True)
class Case:
    """A page to measure: who opens it, and how many Prometheus requests and statements it may cost (None: no budget).

    `by_size`: as many requests as the page has sections and tiles, and `more` where one table is filled by more than one exporter.
    """

    name: str
    login: str
    path: str
    requests: int | None = None
    statements: int | None = None
    by_size: bool = False
    more: int = 0


def cases(settings: Settings, database: Engine, staff: str) -> list[Case]:
    """The pages: jobs, a person's and an account's, quotas, top, nodes and scheduling; those for everybody; the cloud's."""
    table = f"`{settings.site.cluster}_job_table`"
    gpu = f"select id_job, a.user from {table} j join `{settings.site.cluster}_assoc_table` a using (id_assoc) "
    with database.connect() as connection:
        one = connection.execute(text(gpu + "where j.state = 1 and j.tres_alloc like '%1001=4%' and j.nodes_alloc = 1 order by time_start limit 1")).first()
        account = connection.execute(text(f"select account from {table} where state = 1 group by account order by count(*) desc limit 1")).scalar_one()
        node = connection.execute(text(f"select nodelist from {table} where state = 1 and tres_alloc like '%1001=4%' and nodes_alloc = 1 limit 1")).scalar_one()
        many = connection.execute(text(gpu + "where j.nodes_alloc = 32 and j.time_start > 0 order by time_start desc limit 1")).first()
    user = str(one[1])
    return [
        Case("gpu job", staff, f"/job/{one[0]}", 14, MAX_STATEMENTS),
        Case("32-node job", staff, f"/job/{many[0]}", 28, MAX_STATEMENTS),
        Case("user page", user, "/jobs"),
        Case("accounts", user, "/accounts", by_size=True),
        Case("account", staff, f"/account/{account}", by_size=True),
        Case("person", user, f"/user/{user}", by_size=True),
        Case("quotas", user, "/quotas", by_size=True),
        Case("quotas (staff)", staff, f"/quotas?user={user}", by_size=True),
        *(Case(f"top {name or 'cores'}", staff, f"/top{'/' if name else ''}{name}", by_size=True) for name in TOP),
        Case("nodes", staff, "/nodes", by_size=True),
        Case("one node", staff, f"/node/{node}", by_size=True),
        Case("scheduling", staff, "/scheduling", by_size=True),
        # the front page looks closely at up to three of one's running jobs, with four requests each
        *(Case(f"status ({who})", login, "/", by_size=True, more=8 if who == "user" else 0) for who, login in (("public", NOBODY), ("user", user), ("staff", staff))),
        *(Case(f"{name} ({who})", login, f"/{name}", by_size=True) for name in PUBLIC for who, login in (("public", NOBODY), ("user", user))),
        *cloud_cases(settings, staff),
    ]


def cloud_cases(settings: Settings, staff: str) -> list[Case]:
    """The cloud as a member of the project with most machines and as staff, that project, and one of its machines."""
    if settings.cloud.projects_file is None:
        return []
    listed = yaml.safe_load(settings.cloud.projects_file.read_text(encoding="utf-8"))["projects"]
    members = {name: [one for one in map(str, project["members"]) if one not in settings.sign_in.staff] for name, project in listed.items()}
    answer = requests.get(f"{settings.prometheus.url}/api/v1/query", params={"query": f"count by (project_name, uuid) ({MACHINES})"}, timeout=10)
    machines: dict[str, list[str]] = {}
    for one in answer.json()["data"]["result"]:
        machines.setdefault(one["metric"]["project_name"], []).append(one["metric"]["uuid"])
    project = max((name for name in members if members[name]), key=lambda name: len(machines.get(name, ())))
    member, uuids = members[project][0], sorted(machines.get(project, ()))
    pages = [
        Case("cloud (user)", member, "/cloud", by_size=True, more=1), Case("cloud (staff)", staff, "/cloud", by_size=True),
        Case("cloud project", member, f"/cloud/{project}", by_size=True),
    ]  # fmt: skip
    return [*pages, *(Case("cloud instance", member, f"/cloud/{project}/{uuid}", by_size=True) for uuid in uuids[:1])]
