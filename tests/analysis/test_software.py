"""Executables as programs: what counts as a package and what does not, which rules are refused, and what a table costs to ask."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from analysis import software
from analysis.software_table import FIELDS, SHIPPED, PathRule, Table, literal_of, load_table
from components.check_files import file_lines
from components.check_line import FAILED, OK
from core.errors import SettingsError
from core.settings import Overview, Settings

ALLIANCE = "/cvmfs/soft.computecanada.ca/easybuild/software"


@pytest.fixture(scope="module")
def table() -> Table:
    """The table that comes with the portal."""
    return load_table(None)


def program(table: Table, path: str) -> str:
    """The program's name, "" for none."""
    place = software.tell(table, path)[0]
    return table.programs[place].name if place >= 0 else ""


def stack(table: Table, path: str) -> str:
    """The stack's name, "" for none."""
    place = software.tell(table, path)[1]
    return table.stacks[place] if place >= 0 else ""


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{ALLIANCE}/2023/x86-64-v3/MPI/gcc12/openmpi4/gromacs/2024.4/bin/gmx_mpi", "GROMACS"),
        ("/home/alice/builds/lmp_mpi_cuda", "LAMMPS"), ("/home/alice/lammps-2Aug2023/build/lmp", "LAMMPS"), ("/opt/lammps/bin/lmp_kokkos", "LAMMPS"),
        ("/home/bob/bin/vasp_std", "VASP"), ("/project/vasp.6.4.2/bin/vasp_ncl", "VASP"), ("/apps/qe/bin/pw.x", "Quantum ESPRESSO"),
        ("/opt/cp2k/exe/cp2k.psmp", "CP2K"), ("/home/alice/OpenFOAM/x-v2312/platforms/linux64GccDPInt32Opt/bin/myOwnFoam", "OpenFOAM"),
        ("/opt/namd/namd3", "NAMD"), ("/usr/local/amber22/bin/pmemd.cuda", "Amber"), ("/opt/orca_6_0/orca_scf_mpi", "ORCA"), ("/opt/g16/l502.exel", "Gaussian"),
        ("/opt/g16/g16", "Gaussian"), ("/opt/nwchem/bin/nwchem", "NWChem"), ("/scratch/ruth/run/wrf.exe", "WRF"),
        ("/home/alice/.venv/bin/python3.11", "Python"), ("/usr/bin/python3", "Python"),
        ("/usr/bin/python3.12 (deleted)", "Python"), ("/opt/julia-1.10/bin/julia", "Julia"),
        (f"{ALLIANCE}/2020/Core/r/4.1.2/lib64/R/bin/exec/R", "R"), ("/opt/matlab/2023a/bin/glnxa64/MATLAB", "MATLAB"), ("/usr/lib/jvm/java-17/bin/java", "Java"),
        ("/opt/blast/bin/blastn", "BLAST"), ("/opt/bwa/bwa", "BWA"), ("/opt/bwa-mem2/bwa-mem2.avx512bw", "BWA"), ("/opt/samtools/bin/samtools", "SAMtools"),
        ("/opt/bowtie2/bowtie2-align-s", "Bowtie2"), ("/opt/bowtie/bowtie-align-s", "Bowtie"), ("/opt/STAR/bin/STAR", "STAR"), ("/opt/gatk/gatk", "GATK"),
        ("/opt/trinity/Inchworm/bin/Inchworm", "Trinity"), ("/opt/SPAdes/bin/spades-core", "SPAdes"), ("/usr/bin/tar", "tar"),
    ],
)  # fmt: skip
def test_known_programs_wherever_people_build_them(table: Table, path: str, name: str) -> None:
    assert program(table, path) == name


@pytest.mark.parametrize(
    "path",
    [
        "/home/alice/python-course/a.out",  # a folder called python makes no Python
        "/home/alice/python3.11/solver", "/scratch/x/mira_thesis", "/home/alice/fluidity", "/home/alice/bolt", "/home/alice/mb", "/home/alice/R", "/home/alice/sort",
        "/home/alice/elk", "/home/alice/java_model", "a.out", "", "/", "/home/alice/gromacs", "/home/alice/lmpx", "/home/alice/myvasp", "/home/alice/STARfish",
    ],
)  # fmt: skip
def test_a_program_of_ones_own_is_no_package(table: Table, path: str) -> None:
    assert program(table, path) == ""


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/opt/fluidity/4.1/bin/fluidity", "Fluidity"), ("/home/alice/fluidity-4.1.19/bin/fluidity", "Fluidity"), ("/home/alice/Fluidity/bin/fluidity", "Fluidity"),
        ("/home/alice/miniconda3/envs/stat/bin/mb", "MrBayes"), ("/usr/bin/sort", "File tools"), ("/home/alice/R-4.3.1/bin/R", "R"),
    ],
)  # fmt: skip
def test_common_names_count_where_something_says_what_they_are(table: Table, path: str, name: str) -> None:
    assert program(table, path) == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{ALLIANCE}/2023/x86-64-v4/Compiler/gcc12/x/bin/x", "Alliance 2023, AVX-512"), (f"{ALLIANCE}/2023/x86-64-v3/Core/x/bin/x", "Alliance 2023, core"),
        (f"{ALLIANCE}/2023/x86-64-v3/MPI/x/bin/x", "Alliance 2023, AVX2"), (f"{ALLIANCE}/2020/avx2/x/x", "Alliance 2020, AVX2"),
        (f"{ALLIANCE}/2020/avx512/x/x", "Alliance 2020, AVX-512"), (f"{ALLIANCE}/2017/sse3/x/x", "Alliance 2017, SSE3"),
        (f"{ALLIANCE}/2017/Core/x/x", "Alliance 2017, core"), ("/cvmfs/soft.computecanada.ca/gentoo/2023/x86-64-v3/usr/bin/x", "Alliance, Gentoo"),
        ("/cvmfs/soft.computecanada.ca/nix/store/abc/bin/x", "Alliance, Nix"),
        ("/cvmfs/software.eessi.io/versions/2023.06/software/linux/x86_64/amd/zen3/software/x/bin/x", "EESSI"),
        ("/cvmfs/software.eessi.io/versions/2023.06/compat/linux/x86_64/usr/bin/x", "EESSI, compatibility layer"), ("/cvmfs/cms.cern.ch/x", "CVMFS, other repositories"),
        ("/nix/store/abc-x/bin/x", "Nix"), ("/gnu/store/abc/bin/x", "Guix"), ("/opt/x", "Modules in /opt"),
        ("/usr/bin/x", "Operating system"), ("/usr/local/bin/x", "Local installations"),
        ("/home/alice/miniconda3/bin/x", "conda"), ("/home/alice/anaconda3/envs/e/bin/x", "conda"),
        ("/project/spack/opt/spack/linux-rocky8-zen3/gcc-12.2.0/x/bin/x", "Spack"),
        ("/apps/easybuild/software/x/1.0-foss-2023a/bin/x", "EasyBuild"), ("/home/alice/x", ""), ("/scratch/opt/x", ""), ("x", ""),
    ],
)  # fmt: skip
def test_stacks(table: Table, path: str, name: str) -> None:
    assert stack(table, path) == name


def test_the_table_names_hundreds_of_programs_each_once(table: Table) -> None:
    names = [one.name for one in table.programs]
    assert len(names) >= 250
    assert len({name.casefold() for name in names}) == len(names)
    assert {one.field for one in table.programs} == set(FIELDS)
    assert SHIPPED.is_file()


def test_every_file_name_of_the_table_leads_to_its_program(table: Table) -> None:
    """No entry is hidden behind another: each name, at an installed place, is told as its own program."""
    named = {**table.common, **table.files, **{prefix + "zzz": place for prefix, place in table.prefixes.items()}}
    assert {base: program(table, f"/opt/x/{base}") for base in named} == {base: table.programs[place].name for base, place in named.items()}


class Counted:
    """A regular expression that counts how often it is asked."""

    asked = 0

    def __init__(self, regex: re.Pattern[str]) -> None:
        self.regex = regex

    def search(self, text: str) -> re.Match[str] | None:
        """As the expression itself."""
        Counted.asked += 1
        return self.regex.search(text)


def test_ten_thousand_executables_ask_few_expressions(table: Table) -> None:
    def counted(rules: tuple[PathRule, ...]) -> tuple[PathRule, ...]:
        return tuple(replace(rule, regex=Counted(rule.regex)) for rule in rules)

    watched = replace(table, paths=counted(table.paths), places=counted(table.places))
    places = ("/home/alice{n}/project/run{n}/prog{n}", f"{ALLIANCE}/2023/x86-64-v3/Core/x/{{n}}/bin/tool{{n}}", "/opt/pkg{n}/bin/python3.{n}", "/usr/bin/x{n}")
    exes = [places[n % 4].format(n=n) for n in range(10_000)]
    Counted.asked = 0
    software.sums(watched, exes, [1.0] * len(exes))
    # all expressions on all paths would be 700 000
    assert Counted.asked < 6 * len(exes)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/gromacs/", "/gromacs/"), (r"^/opt/cray\.d/", "/opt/cray.d/"), ("a|bcd", ""), ("(?i)abc", ""), ("abc?def", "def"), ("ab{0,2}cd", "cd"),
        ("x(?:abcdef)?y", "x"), ("[abc]/foam$", "/foam"), (r"\d+/lib", "/lib"), ("abc+d", "abc"), ("abcd*e", "abc"), ("[]x]/lib", "/lib"),
    ],
)  # fmt: skip
def test_the_text_an_expression_cannot_do_without(pattern: str, found: str) -> None:
    assert literal_of(pattern) == found


def own(folder: Path, text: str) -> Path:
    """A site's file."""
    file = folder / "software.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_sites_rules_go_first(tmp_path: Path) -> None:
    text = '[stacks]\n"Our modules" = "^/nfs/apps/"\n[programs.physics]\n"Our code" = "gmx"\nGromacs = "our_gmx"\n'
    made = load_table(own(tmp_path, text))
    assert program(made, "/home/alice/gmx") == "Our code"
    assert stack(made, "/nfs/apps/x") == "Our modules"
    # the site's spelling holds for both, so that a program is one slice
    assert program(made, "/home/alice/our_gmx") == program(made, "/home/alice/gmx_mpi") == "Gromacs"
    # installed now, so a common name counts
    assert program(made, "/nfs/apps/bin/fluidity") == "Fluidity"


def test_a_sites_table_may_stand_alone(tmp_path: Path) -> None:
    made = load_table(own(tmp_path, 'replace = true\n[programs.life]\nOurs = ["ours", "ours_*"]\n'))
    assert [one.name for one in made.programs] == ["Ours"]
    assert (program(made, "/x/ours_fast"), program(made, "/usr/bin/python3"), stack(made, "/usr/bin/python3")) == ("Ours", "", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[programs.life", "not valid TOML"), ("[things]\n", "unknown key things; allowed here: programs, replace, stacks"),
        ('[programs.cooking]\nX = "x"\n', "programs.cooking: no such field; allowed: dynamics"), ("[programs.life]\nX = 3\n", "programs.life.X: a list of file names"),
        ('[programs.life]\nX = { exe = "x" }\n', "a table of files, common, paths"), ('[programs.life]\nX = { paths = ["("] }\n', "is no regular expression"),
        ('[programs.life]\nX = { paths = ["/?.*"] }\n', "fits every path"), ('[programs.life]\nX = "bin/x"\n', "'bin/x' is no file name"),
        ('[programs.life]\nX = "java$ y*z"\n', "'y*z' is no file name"), ('[programs.life]\nX = "x"\nY = "x"\n', "'x' is there twice, first for X"),
        ('[programs.life]\nJulia = "x"\n[programs.maths]\njulia = "y"\n', "'julia' is there twice, first for Julia"),
        ('[programs.life]\n"<b>" = "x"\n', "a name has 1 to 60 characters"), ('[programs.life]\nX = "a*"\n', "only files may end in *"),
        ('[stacks]\nX = 4\n', "stacks.X: a text or a list of texts"), ('replace = "yes"\n', "replace must be true or false"), ("stacks = 3\n", "stacks must be a table"),
    ],
)  # fmt: skip
def test_a_table_with_a_mistake_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    file = own(tmp_path, text)
    with pytest.raises(SettingsError, match=re.escape(said)) as caught:
        load_table(file)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_table(tmp_path / "none.toml")


def test_the_check_command_counts_entries_or_names_the_mistake(tmp_path: Path) -> None:
    good = own(tmp_path, '[stacks]\nOurs = "^/nfs/"\n[programs.life]\nA = "aaa"\nB = "bbb"\n')
    bad = tmp_path / "bad.toml"
    bad.write_text("[programs.life]\nA = 1\n", encoding="utf-8")
    said = {file: list(file_lines(Settings(overview=Overview(software_file=file)))) for file in (good, bad)}
    assert [(line.what, line.state, line.found) for line in said[good]] == [("overview.software_file", OK, "3 entries")]
    assert [line.state for line in said[bad]] == [FAILED] and "programs.life.A" in said[bad][0].found


def test_sums_by_program_and_stack(table: Table) -> None:
    exes = ["/opt/gmx", "/cvmfs/a/gmx_mpi", "/home/alice/own", "/usr/bin/python3", "/home/alice/none", "/home/alice/odd"]
    found = software.sums(table, exes, [6.0, 2.0, 1.5, 0.5, 0.0, math.nan])
    frame = software.by_program(table, found, 12.0)
    assert frame["kind"].tolist() == ["program", "program", "unidentified", "unaccounted"]
    assert frame["program"].tolist() == ["GROMACS", "Python", "", ""]
    assert frame["value"].tolist() == [8.0, 0.5, 1.5, 2.0]
    assert frame["cvmfs"].fillna(-1).tolist() == [2.0, 0.0, 0.0, -1.0]
    assert frame["elsewhere"].fillna(-1).tolist() == [6.0, 0.5, 1.5, -1.0]
    assert frame["share"].tolist() == pytest.approx([8 / 12, 0.5 / 12, 1.5 / 12, 2 / 12])
    stacks = software.by_stack(table, found, 12.0)
    assert dict(zip(stacks["stack"], stacks["value"], strict=True)) | {"": 0} == {
        "Modules in /opt": 6.0, "CVMFS, other repositories": 2.0, "Operating system": 0.5, "": 0,
    }  # fmt: skip
    assert stacks["kind"].tolist()[-2:] == ["other", "unaccounted"]


def test_never_more_than_was_used(table: Table) -> None:
    """A parent's CPU seconds hold those of its ended children: 30 told, 20 used."""
    found = software.sums(table, ["/usr/bin/python3", "/home/alice/own"], [20.0, 10.0])
    frame = software.by_program(table, found, 20.0)
    assert frame["value"].tolist() == pytest.approx([40 / 3, 20 / 3])
    assert "unaccounted" not in frame["kind"].tolist()
    assert software.by_stack(table, found, 20.0)["value"].sum() == pytest.approx(20.0)


def test_where_the_whole_is_not_known_nothing_is_unaccounted(table: Table) -> None:
    frame = software.by_program(table, software.sums(table, ["/usr/bin/python3"], [3.0]))
    assert (frame["kind"].tolist(), frame["value"].tolist()) == (["program"], [3.0])
    assert software.by_program(table, software.sums(table, [], [])).empty
