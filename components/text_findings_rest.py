"""Texts of the findings about what was asked for and about the job script."""

from __future__ import annotations

from components.text import N_
from components.text_findings_records import Text

TEXTS = {
    "sleep": Text(
        headline=N_("Line %(line)s of the script sleeps."),
        evidence=N_("What the job holds stands still meanwhile."),
        advice=N_("Use a dependency, or sbatch --begin, instead of waiting inside a job."),
    ),
    "conda": Text(
        headline=N_("Line %(line)s of the script activates a conda environment."),
        evidence=N_("Conda brings programs that are not built for this cluster, and very many small files."),
        advice=N_("Use the modules of the cluster and a virtual environment, or a container."),
    ),
    "gromacs_launch": Text(
        headline=N_("Line %(line)s starts %(program)s mdrun without srun."),
        evidence=N_("The job holds %(cores)s cores; without srun it may not use them as meant."),
        advice=N_("Write srun before it."),
    ),
    "gromacs_threads": Text(
        headline=N_("Line %(line)s asks mdrun for %(threads)s threads, the job holds %(cores)s cores."),
        advice=N_("Leave -nt out, or set it to the number of cores."),
    ),
    "gromacs_nodes": Text(
        headline=N_("Line %(line)s runs %(program)s, which cannot use %(nodes)s nodes."),
        evidence=N_("This binary is built without MPI: all but one node stay idle."),
        advice=N_("Use gmx_mpi with srun, or one node."),
    ),
    "gromacs_prepare": Text(
        headline=N_("Line %(line)s prepares the input (grompp) inside the job."),
        evidence=N_("It is quick and uses one core, while the job holds all of its own."),
        advice=N_("Run grompp before you submit the job."),
    ),
    "amber_cpu_on_gpu": Text(
        headline=N_("Line %(line)s runs pmemd.MPI, which uses no GPU."),
        evidence=(N_("The job holds a GPU."), N_("The job holds %(gpus)s GPUs."), "gpus"),
        advice=N_("Use pmemd.cuda, or ask for no GPU."),
    ),
    "amber_gpu_on_cpu": Text(
        headline=N_("Line %(line)s runs %(program)s, and the job has no GPU."),
        advice=N_("Ask for a GPU, or use pmemd.MPI."),
    ),
    "amber_launch": Text(
        headline=N_("Line %(line)s starts %(program)s without srun."),
        evidence=N_("The job holds %(nodes)s nodes; without srun it runs on one."),
        advice=N_("Write srun before it."),
    ),
    "lammps_launch": Text(
        headline=N_("Line %(line)s starts %(program)s without srun."),
        evidence=N_("The job holds %(cores)s cores; without srun one process runs."),
        advice=N_("Write srun before it."),
    ),
    "singleton": Text(headline=N_("Jobs with the same name of the same person run one after the other (singleton).")),
    "depends": Text(
        headline=lambda n: (
            (N_("This job waited for another job."), N_("This job waited for %(count)s other jobs."), "count")
            if n.get("over")
            else (N_("This job waits for another job."), N_("This job waits for %(count)s other jobs."), "count")
        )
    ),
    "dependents": Text(
        headline=lambda n: (
            (N_("Another job waited for this one."), N_("%(count)s other jobs waited for this one."), "count")
            if n.get("over")
            else (N_("Another job waits for this one."), N_("%(count)s other jobs wait for this one."), "count")
        )
    ),
    "exclusive": Text(
        headline=N_("The job has its nodes for itself (--exclusive)."),
        evidence=N_("All their cores count as used: %(cores)s."),
    ),
    "licences": Text(
        headline=N_("The job uses licences: %(names)s."),
        evidence=N_("It starts only when these are free, and keeps them until it ends."),
    ),
    "nodelist": Text(
        headline=N_("The job asks for certain nodes: %(value)s."),
        evidence=N_("It starts only when these are free."),
    ),
    "exclude": Text(
        headline=N_("The job refuses certain nodes: %(value)s."),
        evidence=N_("It may wait longer for others."),
        advice=N_("If these nodes are broken, tell support instead."),
    ),
    "requeue": Text(
        headline=N_("If a node fails, the job is queued again by itself (--requeue)."),
        evidence=N_("It then begins anew, unless the program goes on from what it saved."),
    ),
    "no_requeue": Text(
        headline=N_("If a node fails, the job is not queued again (--no-requeue)."),
        evidence=N_("You would have to submit it again."),
    ),
    "reservation": Text(
        headline=lambda n: (
            N_("The job asks for the reservation %(value)s.")
            if n.get("pending")
            else N_("The job runs in the reservation %(value)s.")
        ),
        evidence=N_("It starts and runs only while that lasts."),
    ),
    "switches": Text(
        headline=N_("The job asks for nodes that are close to each other (--switches=%(value)s)."),
        evidence=N_("It may wait longer for them."),
    ),
    "constraint": Text(
        headline=N_("The job runs only on nodes with the features %(value)s."),
        evidence=N_("It waits for these even while others are free."),
    ),
    "multi_node": Text(
        headline=lambda n: (
            N_("The job asks for %(nodes)s nodes.") if n.get("pending") else N_("The job runs on %(nodes)s nodes.")
        ),
        evidence=lambda n: (
            N_("It starts when all of them are free at the same time, so fewer with more cores each may start sooner.")
            if n.get("pending")
            else N_("A program uses them all only if it is started on each (srun, MPI): a node at zero in the chart is lost.")
        ),
    ),
    "requeued": Text(
        headline=(
            N_("This is the second run of the job."),
            N_("The job ran %(count)s times before."),
            "count",
        ),
        evidence=N_("It was queued again after a failure or by hand; the numbers are of this run only."),
    ),
    "whole_node": Text(
        headline=N_("The job had its nodes for itself, and used little of them."),
        evidence=N_(
            "%(used)s of %(cores)s cores were busy, and %(peak_bytes)s of %(memory_bytes)s memory in use. Who gets whole nodes"
            " is not to blame for that."
        ),
        advice=N_("If the program cannot use more, several of them fit into one job."),
    ),
}
