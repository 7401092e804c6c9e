"""Where the programs lie that the simulated jobs run: a software stack on CVMFS, people's homes, their conda environments."""

from __future__ import annotations

from functools import cache

from demo.scripts import kind_of

STACK = "/cvmfs/soft.turtle/easybuild/software"
V3, V4 = f"{STACK}/2023/x86-64-v3", f"{STACK}/2023/x86-64-v4"
OLD = f"{STACK}/2020/avx2"
RESTRICTED = "/cvmfs/restricted.turtle/easybuild/software/2023/x86-64-v3"
PYTHON = f"{V3}/Compiler/gcccore/python/3.11.5/bin/python3.11"
PATHS = {
    "gromacs": f"{V3}/MPI/gcc12/openmpi4/gromacs/2024.4/bin/gmx_mpi",
    "gromacs_srun": f"{V3}/MPI/gcc12/openmpi4/gromacs/2024.4/bin/gmx_mpi",
    "gromacs_nt": f"{V4}/Compiler/gcc12/gromacs/2024.4/bin/gmx",
    "lammps": f"{V4}/MPI/intel2023/openmpi4/lammps-omp/20230802/bin/lmp",
    "lammps_bare": f"{V3}/Compiler/intel2023/lammps-omp/20230802/bin/lmp",
    "amber": f"{V3}/MPI/gcc12/openmpi4/amber/22.5-23.5/bin/pmemd.MPI",
    "amber_wrong": f"{V3}/MPI/gcc12/openmpi4/amber/22.5-23.5/bin/pmemd.MPI",
    "amber_gpu": f"{V3}/CUDA/gcc12/openmpi4/cuda12.2/amber/22.5-23.5/bin/pmemd.cuda",
    "pytorch": "/home/{person}/envs/torch/bin/python3.11",
    "pytorch_ddp": "/home/{person}/envs/torch/bin/python3.11",
    "jupyter": "/home/{person}/envs/lab/bin/python3.11",
    "conda": "/home/{person}/miniconda3/envs/analysis/bin/python3.10",
    "python": PYTHON,
    "r": f"{V3}/Core/r/4.4.0/lib64/R/bin/exec/R",
    "serial": "/home/{person}/bin/simulate",
    "openmp": "/project/{group}/{person}/fem/solver",
    "oversub": "/home/{person}/mesh/solver",
    "openfoam": f"{V4}/MPI/gcc12/openmpi4/openfoam/v2306/bin/simpleFoam",
    "many_files": PYTHON,
    "tiny": "/home/{person}/scoring/score",
    "matlab": f"{RESTRICTED}/Core/matlab/2023b.2/bin/glnxa64/MATLAB",
    "wait": "/cvmfs/soft.turtle/gentoo/2023/x86-64-v3/usr/bin/sleep",
    "blast": f"{V3}/Compiler/gcc12/blast+/2.14.1/bin/blastp",
    "assembly": f"{V3}/Compiler/gcc12/spades/4.0.0/bin/spades-core",
}
# what some still run from the stack before, or brought themselves
OWN_WAYS = {
    ("amber", "rfranklin"): f"{OLD}/MPI/gcc9/openmpi4/amber/20.12-20.15/bin/pmemd.MPI",
    ("r", "mcurie"): f"{OLD}/Core/r/4.1.2/lib64/R/bin/exec/R",
    ("pytorch", "hana"): f"{V4}/CUDA/gcc12/cuda12.2/pytorch/2.5.1/bin/python3.11",
    ("pytorch", "ghopper"): "/project/rrg-hopper/shared/vllm/bin/python3.11",
    ("pytorch", "priya"): "/opt/conda/bin/python3.10",  # within a container
    ("conda", "sofia"): "/project/def-noether/sofia/anaconda3/bin/python3.12",
}
FOAM_END = f"{V4}/MPI/gcc12/openmpi4/openfoam/v2306/bin/reconstructPar"
ARCHIVER = "/usr/bin/tar"


@cache
def executable_of(submit_line: str, person: str, account: str) -> str:
    """Path of the program that does the work of a job submitted so."""
    kind = kind_of(submit_line)
    path = OWN_WAYS.get((kind, person)) or PATHS.get(kind, PYTHON)
    return path.format(person=person, group=account.removesuffix("_cpu").removesuffix("_gpu"))
