"""A whole portal over the rows a real slurmdbd wrote; alice's job and paths carry a word that nobody else may ever read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="session")
def portal(mariadb: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dash]:
    """The portal behind a trusted proxy; ada is staff."""
    folder = tmp_path_factory.mktemp("portal")
    mariadb.create("slurm_access", DUMP)
    mariadb.execute("use slurm_access; " + MARK_ALICE)
    mariadb.execute("use slurm_access; " + COORDINATORS)
    settings = Settings.model_validate(
        {
            "site": {"cluster": "alpha", "title": "Alpha"},
            "server": {"cache_dir": str(folder / "cache"), "secret_key": "k" * 40, "secure_cookie": False},
            "sign_in": {"method": "header", "secret": SECRET, "trusted_peers": ["127.0.0.1"], "staff": ["ada"]},
            "slurm": {"url": f"mysql+pymysql://root@127.0.0.1:{mariadb.port}/slurm_access"},
            "portal": {"url": f"sqlite:///{folder / 'portal.sqlite'}"},
        }
    )
    sources = connect(settings, clock=lambda: ASKED_AT)
    yield portal_of(settings, sources)
    sources.close()


@pytest.fixture(scope="session")
def ask(portal: Dash) -> Callable[[str | None], Asker]:
    """ask(login) → somebody before the portal."""
    known: dict[str | None, Asker] = {}
    return lambda login: known.setdefault(login, Asker(portal, login))
