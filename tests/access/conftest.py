"""A whole portal over the rows a real slurmdbd wrote; alice's job and paths carry a word that nobody else may ever read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dash import Dash

from core.settings import Settings
from datasources.connect import connect
from tests.access.asker import SECRET, Asker, portal_of

DUMP = Path(__file__).resolve().parents[1] / "data" / "slurm" / "slurm2205_acct.sql.gz"
WORD = "quillfeather"
ASKED_AT = 1795360236
MARK_ALICE = (
    f"update alpha_job_table j join alpha_assoc_table a using (id_assoc) set j.job_name = '{WORD}', j.work_dir = '/cluster/{WORD}', "
    f"j.submit_line = 'sbatch {WORD}.sh', j.derived_es = '{WORD}', j.admin_comment = '{WORD}' where a.user = 'alice'"
)
# gina answers for rrg-pi1_gpu (alice's and bob's), hugo for the account above all of pi1's; neither is a member of anything
COORDINATORS = (
    "insert into acct_coord_table (creation_time, mod_time, deleted, acct, user) values "
    "(1795360090, 1795360090, 0, 'rrg-pi1_gpu', 'gina'), (1795360090, 1795360090, 0, 'physics', 'hugo')"
)


@contextmanager
def standing(mariadb: Any, folder: Path, name: str, statements: Iterable[str], *, site: Mapping[str, object] | None = None, **tables: object) -> Iterator[Dash]:
    """A portal behind a trusted proxy over the real rows in a database `name`, changed by `statements`; ada is staff.

    alice and ivy are members of the cloud project lab1; dave and bob of others that look like it.
    `site`, `tables`: what its settings say besides.
    """
    mariadb.create(name, DUMP)
    (folder / "cloud.yaml").write_text("projects: {lab1: {members: [alice, ivy]}, lab10: {members: [dave]}, Lab1: {members: [bob]}}\n")
    for statement in statements:
        mariadb.execute(f"use {name}; {statement}")
    settings = Settings.model_validate(
        {
            "site": {"cluster": "alpha", "title": "Alpha", **(site or {})},
            "server": {"cache_dir": str(folder / "cache"), "secret_key": "k" * 40, "secure_cookie": False},
            "sign_in": {"method": "header", "secret": SECRET, "trusted_peers": ["127.0.0.1"], "staff": ["ada"]},
            "slurm": {"url": f"mysql+pymysql://root@127.0.0.1:{mariadb.port}/{name}"},
            "portal": {"url": f"sqlite:///{folder / 'portal.sqlite'}"},
            "cloud": {"projects_file": folder / "cloud.yaml"},
            **tables,
        }
    )
    sources = connect(settings, clock=lambda: ASKED_AT)
    yield portal_of(settings, sources)
    sources.close()


def people(portal: Dash) -> Callable[[str | None], Asker]:
    """login → somebody before the portal, the same each time."""
    known: dict[str | None, Asker] = {}
    return lambda login: known.setdefault(login, Asker(portal, login))


@pytest.fixture(scope="session")
def portal(mariadb: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dash]:
    """The portal behind a trusted proxy; ada is staff."""
    with standing(mariadb, tmp_path_factory.mktemp("portal"), "slurm_access", (MARK_ALICE, COORDINATORS)) as made:
        yield made


@pytest.fixture(scope="session")
def ask(portal: Dash) -> Callable[[str | None], Asker]:
    """ask(login) → somebody before the portal."""
    return people(portal)
