"""Submit lines and #SBATCH lines, as sbatch(1) says they are read."""

from __future__ import annotations

import pytest

from datasources.slurm.dependencies import Dependency, asked, parse
from datasources.slurm.options import options, script_options, submit_options


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("sbatch -n4 --mem-per-cpu=512M -t 5 job.sh", {"ntasks": "4", "mem-per-cpu": "512M", "time": "5"}),
        ("sbatch --mem-per-cpu 512M job.sh", {"mem-per-cpu": "512M"}),
        ("/usr/bin/sbatch -Hn4 job.sh", {"hold": "", "ntasks": "4"}),
        ("sbatch --exclusive --gres=gpu:a100:2 job.sh", {"exclusive": "", "gres": "gpu:a100:2"}),
        ("sbatch --exclusive=user job.sh", {"exclusive": "user"}),
        ("sbatch --nice job.sh --mem=1G", {"nice": ""}),
        ("sbatch --cpus-per=2 job.sh", {"cpus-per": "2"}),
        ("sbatch --ntasks-per-n=8 job.sh", {"ntasks-per-node": "8"}),
        ("sbatch -W -n1 job.sh", {"wait": "", "ntasks": "1"}),
        ("srun -Q -n2 hostname -n9", {"quiet": "", "ntasks": "2"}),
        ("salloc -n2 -J interactive srun -n8 x", {"ntasks": "2", "job-name": "interactive"}),
        ("sbatch -n1 --wrap='run -n 9 --mem=4G' -t 3", {"ntasks": "1", "wrap": "run -n 9 --mem=4G", "time": "3"}),
        ("sbatch -n1 --wrap=run -n 9 --mem=4G", {"ntasks": "1", "wrap": "run"}),
        ("sbatch --comment=it's -n1 job.sh", {"comment": "it's", "ntasks": "1"}),
        ("sbatch -C zen3&cpu -n2 job.sh", {"constraint": "zen3&cpu", "ntasks": "2"}),
        ("", {}),
        ("python train.py --mem=4G", {}),
    ],
)
def test_submit_lines(line: str, found: dict[str, str]) -> None:
    """Long, short, bundled and abbreviated options; nothing behind the script's name or inside --wrap."""
    assert submit_options(line).components[0] == found


def test_components_of_a_heterogeneous_job() -> None:
    """A colon of its own begins the next component."""
    read = submit_options("sbatch -n1 --mem=1G : -n4 --mem=2G job.sh arg")
    assert read.components == ({"ntasks": "1", "mem": "1G"}, {"ntasks": "4", "mem": "2G"})
    assert read.program == ("job.sh", "arg")


SCRIPT = """#!/bin/bash
#SBATCH --time=2:00:00
#SBATCH -n 4   # as many as ranks
#SBATCH --comment="two words"
##SBATCH --mem=1G
# a remark

#SBATCH --dependency=afterok:12
cd work
#SBATCH --mem=9G
"""


def test_script_lines_end_at_the_first_command() -> None:
    """Remarks do not count, quotes do, and lines behind a command are not read."""
    assert script_options(SCRIPT) == ({"time": "2:00:00", "ntasks": "4", "comment": "two words", "dependency": "afterok:12"},)


def test_script_of_a_heterogeneous_job() -> None:
    """#SBATCH hetjob parts the components."""
    assert script_options("#!/bin/sh\n#SBATCH -n1\n#SBATCH hetjob\n#SBATCH -n2\n") == ({"ntasks": "1"}, {"ntasks": "2"})


def test_what_was_typed_wins() -> None:
    """As for sbatch."""
    assert options("sbatch -n 8 job.sh", SCRIPT)["ntasks"] == "8"
    assert options("sbatch -n 8 job.sh", SCRIPT)["time"] == "2:00:00"


def one(kind: str, job: str = "", delay: int = 0, either: bool = False) -> Dependency:
    """A condition."""
    return Dependency(kind=kind, job=job, delay=delay, any=either)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("afterok:1", (one("afterok", "1"),)),
        ("afterok:1:2,afternotok:3", (one("afterok", "1"), one("afterok", "2"), one("afternotok", "3"))),
        ("afterany:3?after:4+10", (one("afterany", "3", either=True), one("after", "4", 10, either=True))),
        ("aftercorr:8", (one("aftercorr", "8"),)),
        ("afterok:8_7:9_*", (one("afterok", "8_7"), one("afterok", "9_*"))),
        ("afterburstbuffer:5", (one("afterburstbuffer", "5"),)),
        ("singleton", (one("singleton"),)),
        ("expand:55", (one("expand", "55"),)),
        ("12", (one("afterany", "12"),)),
        ("nonsense:1,afterok:x", ()),
    ],
)
def test_dependency_texts(text: str, found: tuple[Dependency, ...]) -> None:
    """Every form of sbatch(1)."""
    assert parse(text) == found


@pytest.mark.parametrize(
    "line",
    [
        "sbatch --dependency=afterok:12 a.sh",
        "sbatch --dependency afterok:12 a.sh",
        "sbatch --depend=afterok:12 a.sh",
        "sbatch -d afterok:12 a.sh",
        "sbatch -dafterok:12 a.sh",
        "sbatch --parsable -Hd afterok:12 a.sh",
    ],
)
def test_every_way_to_ask_for_a_dependency(line: str) -> None:
    """Blank, equals sign, short, glued, bundled."""
    assert asked(line) == (one("afterok", "12"),)


def test_dependency_of_the_script() -> None:
    """Used where none was typed."""
    assert asked("sbatch a.sh", SCRIPT) == (one("afterok", "12"),)
    assert asked("sbatch -d singleton a.sh", SCRIPT) == (one("singleton"),)
    assert asked("sbatch a.sh --dependency=afterok:3") == ()
