"""Job scripts: commands are told apart from words."""

from __future__ import annotations

import pytest

from analysis.script import parse

SCRIPT = """#!/bin/bash
#SBATCH --time=1:00:00
# sleep 9
#SBATCH --mem=4G   # enough
module load StdEnv/2023 gcc cuda/12.2
#SBATCH --too=late
export X=1; OMP_NUM_THREADS=4 srun --ntasks=4 ./a.out \\
    --input "sleep 100" && sleep 5
cat > in.txt <<EOF
sleep 1000
EOF
if true; then mpirun -n 2 /opt/bin/lmp -in x; fi
ml python/3.11 -quiet
ml purge
echo 'module load no/1'
"""


def test_options_end_at_the_first_command() -> None:
    assert parse(SCRIPT).sbatch == ((2, "--time=1:00:00"), (4, "--mem=4G   # enough"))


def test_modules_count_with_or_without_version() -> None:
    found = [(module.name, module.version, module.line) for module in parse(SCRIPT).modules]
    assert found == [("StdEnv", "2023", 5), ("gcc", "", 5), ("cuda", "12.2", 5), ("python", "3.11", 13)]


def test_commands_are_not_words() -> None:
    commands = parse(SCRIPT).commands
    assert [(command.name, command.line) for command in commands if command.name == "sleep"] == [("sleep", 7)]
    launched = [(command.launcher, command.line) for command in commands if command.launcher]
    assert launched == [("srun", 7), ("mpirun", 12)]


@pytest.mark.parametrize(
    "text", ["", "echo 'open", "\\", "a <<EOF\nno end", "((", "#SBATCH", "\x00", "ml", "module load", "|||"]
)
def test_nonsense_is_left_out(text: str) -> None:
    assert parse(text).modules == ()
