"""Job scripts and command lines of the simulated people, consistent with what each request asks for."""

from __future__ import annotations

from functools import cache

# kind → file name, modules, commands; {cores} is of one node, {tasks} of the whole job
KINDS: dict[str, tuple[str, str, str]] = {
    "gromacs": (
        "md.sh",
        "StdEnv/2023 gcc/12.3 openmpi/4.1.5 gromacs/2024.4",
        "gmx_mpi mdrun -v -deffnm prod -cpi prod.cpt -maxh 11.5",
    ),
    "gromacs_srun": (
        "md_mpi.sh",
        "StdEnv/2023 gcc/12.3 openmpi/4.1.5 gromacs/2024.4",
        "export OMP_NUM_THREADS=1\nsrun gmx_mpi mdrun -deffnm prod -cpi prod.cpt",
    ),
    "gromacs_nt": (
        "md_nt.sh",
        "StdEnv/2023 gcc/12.3 gromacs/2024.4",
        "gmx grompp -f md.mdp -c start.gro -p topol.top -o prod.tpr\ngmx mdrun -nt 4 -deffnm prod",
    ),
    "lammps": (
        "lammps.sh",
        "StdEnv/2023 intel/2023.2 openmpi/4.1.5 lammps-omp/20230802",
        "export OMP_NUM_THREADS=1\nsrun lmp -in in.melt -log melt.log",
    ),
    "lammps_bare": (
        "lammps_serial.sh",
        "StdEnv/2023 intel/2023.2 lammps-omp/20230802",
        "lmp -in in.melt -log melt.log",
    ),
    "amber": (
        "amber.sh",
        "StdEnv/2023 gcc/12.3 openmpi/4.1.5 cuda/12.2 amber/22.5-23.5",
        "srun pmemd.MPI -O -i prod.in -o prod.out -p complex.prmtop -c equil.rst7 -r prod.rst7",
    ),
    "amber_gpu": (
        "amber_gpu.sh",
        "StdEnv/2023 gcc/12.3 openmpi/4.1.5 cuda/12.2 amber/22.5-23.5",
        "pmemd.cuda -O -i prod.in -o prod.out -p complex.prmtop -c equil.rst7 -r prod.rst7",
    ),
    "amber_wrong": (
        "amber_prod.sh",
        "StdEnv/2023 gcc/12.3 openmpi/4.1.5 cuda/12.2 amber/22.5-23.5",
        "srun pmemd.MPI -O -i prod.in -o prod.out -p complex.prmtop -c equil.rst7",
    ),
    "pytorch": (
        "train.sh",
        "StdEnv/2023 python/3.11 cuda/12.2 cudnn/9.2",
        "source $HOME/envs/torch/bin/activate\nsrun python train.py --config configs/base.yaml --workers {cores}",
    ),
    "pytorch_ddp": (
        "train_ddp.sh",
        "StdEnv/2023 python/3.11 cuda/12.2 cudnn/9.2 nccl/2.18",
        "source $HOME/envs/torch/bin/activate\n\n# encodes the articles on every GPU of the node, half an hour\n"
        "torchrun --standalone --nproc-per-node=gpu prepare.py --out $SLURM_TMPDIR/tokens\n\n"
        "# trains on what was encoded\npython finetune.py --data $SLURM_TMPDIR/tokens --epochs 40",
    ),
    "jupyter": (
        "notebook.sh",
        "StdEnv/2023 python/3.11 cuda/12.2",
        "source $HOME/envs/lab/bin/activate\njupyter lab --no-browser --ip $(hostname -f) --port 8899\nsleep 600",
    ),
    "conda": ("analysis.sh", "", "conda activate analysis\npython pipeline.py --input cohort.parquet --jobs {cores}"),
    "python": (
        "fit.sh",
        "StdEnv/2023 python/3.11 scipy-stack/2024a",
        "source $HOME/envs/fit/bin/activate\npython fit.py --seed ${{SLURM_ARRAY_TASK_ID:-0}}",
    ),
    "r": ("model.sh", "StdEnv/2023 gcc/12.3 r/4.4.0", "Rscript --vanilla model.R --chains 4"),
    "serial": ("simulate.sh", "StdEnv/2023 gcc/12.3", "./simulate --steps 4000000 --output run.dat"),
    "openmp": ("omp.sh", "StdEnv/2023 gcc/12.3", "export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK\n./solver mesh.bin"),
    "oversub": ("omp_all.sh", "StdEnv/2023 gcc/12.3", "export OMP_NUM_THREADS=64\n./solver mesh.bin"),
    "openfoam": (
        "foam.sh",
        "StdEnv/2023 gcc/12.3 openmpi/4.1.5 openfoam/v2306",
        "decomposePar -force\nsrun simpleFoam -parallel\nreconstructPar -latestTime",
    ),
    "many_files": (
        "unpack.sh",
        "StdEnv/2023 python/3.11",
        "for i in $(seq 1 200000); do\n  python split_one.py data/part_$i.json out/$i/ && touch out/$i/.done\ndone",
    ),
    "tiny": ("one.sh", "StdEnv/2023", "./score --case $SLURM_ARRAY_TASK_ID >> $SLURM_SUBMIT_DIR/scores.txt"),
    "matlab": ("matlab.sh", "StdEnv/2023 matlab/2023b.2", "matlab -nodisplay -r 'sweep({cores}); exit'"),
    "wait": ("watch.sh", "", "while [ ! -f finished.flag ]; do\n  sleep 60\ndone\n./collect.sh"),
    "blast": (
        "blast.sh",
        "StdEnv/2023 gcc/12.3 blast+/2.14.1",
        "blastp -query proteins.fa -db $SCRATCH/nr -num_threads {cores} -out hits.tsv",
    ),
    "assembly": (
        "assembly.sh",
        "StdEnv/2023 gcc/12.3 spades/4.0.0",
        "spades.py -t {cores} -m {gib} -1 r1.fq.gz -2 r2.fq.gz -o asm",
    ),
}
MPI = {"gromacs_srun", "lammps", "amber", "amber_wrong", "openfoam"}
KIND_OF_FILE = {file: kind for kind, (file, _, _) in KINDS.items()}


def time_text(minutes: int | None) -> str:
    """A time limit as people write it in scripts."""
    if minutes is None:
        return "UNLIMITED"
    days, rest = divmod(minutes, 1440)
    clock = f"{rest // 60:02d}:{rest % 60:02d}:00"
    return f"{days}-{clock}" if days else clock


def memory_text(mib: int) -> str:
    """Memory as people write it."""
    return f"{mib // 1024}G" if mib % 1024 == 0 else f"{mib}M"


@cache
def script(
    kind: str,
    account: str,
    name: str,
    limit: int | None,
    nodes: int,
    cores: int,
    memory: int,
    per_core: bool,
    gpus: int,
    gres: str,
    partition: str,
    qos: str,
    scattered: bool,
) -> str:
    """The batch script of a request; the same request gives the same text."""
    _, modules, commands = KINDS[kind]
    lines = [
        "#!/bin/bash",
        f"#SBATCH --account={account}",
        f"#SBATCH --job-name={_quoted(name)}",
        f"#SBATCH --time={time_text(limit)}",
    ]
    if scattered:
        lines.append(f"#SBATCH --ntasks={nodes * cores}")
    elif kind in MPI or nodes > 1:
        lines += [f"#SBATCH --nodes={nodes}", f"#SBATCH --ntasks-per-node={cores}"]
    elif cores > 1:
        lines.append(f"#SBATCH --cpus-per-task={cores}")
    lines.append(
        f"#SBATCH --mem-per-cpu={memory_text(memory // cores)}" if per_core else f"#SBATCH --mem={memory_text(memory)}"
    )
    if gpus:
        lines.append(f"#SBATCH --gpus-per-node={gres}:{gpus}")
    if partition != "cpu":
        lines.append(f"#SBATCH --partition={partition}")
    if qos != "normal":
        lines.append(f"#SBATCH --qos={qos}")
    lines.append("")
    if modules:
        lines += [f"module load {modules}", ""]
    lines.append(commands.format(cores=cores, tasks=cores * nodes, gib=memory // 1024))
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    return (
        name
        if name.replace("_", "").replace("-", "").isalnum() and name.isascii()
        else "'" + name.replace("'", "'\\''") + "'"
    )


def file_of(kind: str) -> str:
    """The name under which people keep such a script."""
    return KINDS[kind][0]


@cache
def kind_of(submit_line: str) -> str:
    """The kind of script a command line submits; "" for an interactive command."""
    last = submit_line.rsplit(" ", 1)[-1]
    return KIND_OF_FILE.get(last, "")
