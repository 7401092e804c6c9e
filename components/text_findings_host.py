"""Texts of the findings about what a run used: GPUs, cores, memory, time, files."""

from __future__ import annotations

from components.text import N_
from components.text_findings_records import Text

FEWER_GPUS = (
    N_("Ask for one GPU, or make the program use all %(total_word)s (one process for each, for example with torchrun)."),
    N_(
        "Ask for %(left_word)s GPUs, or make the program use all %(total_word)s (one process for each, for example with"
        " torchrun)."
    ),
    "left",
)

TEXTS = {
    "gpu_idle": Text(
        headline=lambda n: (
            N_("The GPU has done nothing since the job began.")
            if n["total"] == 1 and n["running"]
            else N_("The GPU did nothing.")
            if n["total"] == 1
            else N_("All %(total_word)s GPUs did nothing.")
            if n["count"] == n["total"]
            else N_("%(count_Word)s of %(total_word)s GPUs did nothing.")
        ),
        evidence=lambda n: (
            N_("%(gpu_hours)s GPU-hours unused. Its metrics show no CPU use.")
            if n["cpu_busy"] is None and n["total"] == 1
            else N_("GPU %(names)s: %(gpu_hours)s GPU-hours unused. Its metrics show no CPU use.")
            if n["cpu_busy"] is None
            else N_("%(gpu_hours)s GPU-hours unused. %(used)s of %(cores)s cores were busy, so the program works, but not there.")
            if n["cpu_busy"] and n["count"] == n["total"]
            else N_("No program ran on GPU %(names)s: %(gpu_hours)s GPU-hours unused. %(used)s of %(cores)s cores were busy.")
            if n["cpu_busy"]
            else N_("%(gpu_hours)s GPU-hours unused. The CPU was idle as well (%(used)s of %(cores)s cores).")
        ),
        advice=lambda n: (
            N_(
                "Check that the program is built for GPUs and told to use one. If it cannot, ask for no GPU: a line that begins"
                " with ## is off."
            )
            if n["count"] == n["total"] and n.get("off")
            else N_("Check that the program is built for GPUs and told to use one. If it cannot, ask for no GPU.")
            if n["count"] == n["total"]
            else FEWER_GPUS
            if n.get("left")
            else N_("Start one process for each GPU, or ask for as many GPUs as the program uses.")
        ),
    ),
    "gpu_idle_since": Text(
        headline=lambda n: (
            N_("The GPU has done nothing since %(since_at)s.")
            if n["total"] == 1 and n["running"]
            else N_("The GPU did nothing after %(since_at)s.")
            if n["total"] == 1
            else (
                N_("%(count_Word)s of %(total_word)s GPUs has done nothing since %(since_at)s."),
                N_("%(count_Word)s of %(total_word)s GPUs have done nothing since %(since_at)s."),
                "count",
            )
            if n["running"]
            else N_("%(count_Word)s of %(total_word)s GPUs did nothing after %(since_at)s.")
        ),
        evidence=lambda n: (
            N_(
                "GPU %(names)s stood still for %(idle_seconds)s: %(gpu_hours)s GPU-hours lost. GPU %(others)s was busy"
                " %(others_share)s of the time."
            )
            if n.get("others") and n.get("others_share") is not None
            else N_(
                "It worked before, then not for %(idle_seconds)s: %(gpu_hours)s GPU-hours lost. The CPU is still busy"
                " (%(used)s of %(cores)s cores)."
            )
            if n["cpu_busy"]
            else N_("It worked before, then not for %(idle_seconds)s: %(gpu_hours)s GPU-hours lost.")
        ),
        advice=lambda n: (
            FEWER_GPUS
            if n.get("left")
            else N_(
                "Look into the job's output: what kept these GPUs busy may have ended or hang. If the work goes on without"
                " them, ask for fewer."
            )
            if n["count"] < n["total"]
            else N_(
                "Look into the job's output. If it hangs or only waits, cancel it; if the rest needs no GPU, do it in a job of"
                " its own."
            )
            if n["running"]
            else N_("Do what needs no GPU in a job of its own, and end the job when the GPU's work is done.")
        ),
    ),
    "gpu_idle_span": Text(
        headline=(
            N_("A GPU stood still for %(idle_seconds)s."),
            N_("%(count_Word)s GPUs stood still for up to %(idle_seconds)s."),
            "count",
        ),
        evidence=N_("From %(from_at)s to %(to_at)s nothing ran on GPU %(names)s."),
        advice=N_("Prepare, copy or evaluate data in a job without GPU, and start this one when they are ready."),
    ),
    "gpu_low": Text(
        headline=(
            N_("The GPU was busy %(use_share)s of the time."),
            N_("The GPUs were busy %(use_share)s of the time."),
            "count",
        ),
        evidence=N_(
            "%(gpu_hours)s of the job's GPU-hours passed without work; in the last hour it was %(last_hour_share)s."
        ),
        advice=lambda n: (
            (
                N_("They mostly wait for data: use larger batches, more loader processes, or local disk. Or ask for one GPU."),
                N_(
                    "They mostly wait for data: use larger batches, more loader processes, or local disk. Or ask for"
                    " %(left_word)s GPUs."
                ),
                "left",
            )
            if n.get("left")
            else N_("The GPU mostly waits for data: use larger batches, more loader processes, or local disk.")
        ),
    ),
    "sm_low": Text(
        headline=(N_("The GPU looks busy and is nearly empty."), N_("The GPUs look busy and are nearly empty."), "count"),
        evidence=N_("Programs ran %(use_share)s of the time, on %(sm_share)s of what the GPU can hold."),
        advice=N_(
            "Kernels are too small: use larger batches, or let several processes share a GPU (MPS), or take a slice."
        ),
    ),
    "mig_would_do": Text(
        headline=N_("A slice of a GPU (%(slice)s) would do."),
        evidence=N_(
            "The GPU was busy %(use_share)s of the time, with at most %(gpu_memory_bytes)s of its %(total_bytes)s in use."
        ),
        advice=N_("Ask for a slice: it costs less of your share and starts sooner."),
    ),
    "serial": Text(
        headline=N_("The program uses one core of %(cores)s."),
        evidence=N_("On average %(used)s of %(cores)s cores were busy: %(wasted_core_hours)s core-hours were not used."),
        advice=N_("A serial program does not get faster with more cores: ask for one, or switch its threads on."),
    ),
    "cores_over_asked": Text(
        headline=N_("Only %(used)s of %(cores)s cores were busy."),
        evidence=N_("That is %(efficiency_share)s of what was asked for: %(wasted_core_hours)s core-hours were not used."),
        advice=N_("Ask for as many cores as the program keeps busy, or find out what it waits for."),
    ),
    "idle_nodes": Text(
        headline=(
            N_("%(count_Word)s of %(nodes_word)s nodes did nothing."),
            N_("%(count_Word)s of %(nodes_word)s nodes did nothing."),
            "count",
        ),
        evidence=lambda n: (
            N_("No program ran on %(names)s: %(wasted_core_hours)s core-hours lost.")
            if n.get("wasted_core_hours") is not None
            else N_("No program ran on %(names)s.")
        ),
        advice=N_("Start the program with srun, so that it runs on every node, or ask for fewer nodes."),
    ),
    "fragmented": Text(
        headline=N_("The job is scattered over %(nodes)s nodes; %(better)s would do."),
        evidence=lambda n: (
            N_("It holds %(gpus)s GPUs in all, few on each node.")
            if n["gpus"]
            else N_("It holds %(cores)s cores in all, few on each node.")
        ),
        advice=N_("Ask for fewer nodes with more on each: messages between nodes are slower than within one."),
    ),
    "threads_oversubscribed": Text(
        headline=N_("More threads run than there are cores."),
        evidence=N_("On average %(threads)s threads wanted to run on %(cores)s cores."),
        advice=N_(
            "Set OMP_NUM_THREADS (and the like) to cores per task: threads that share a core slow each other down."
        ),
    ),
    "threads_underused": Text(
        headline=N_("Fewer threads run than there are cores."),
        evidence=N_("On average %(threads)s threads ran on %(cores)s cores."),
        advice=N_("Start more threads or processes, or ask for fewer cores."),
    ),
    "memory_over_asked": Text(
        headline=N_("The job uses %(peak_bytes)s of the %(asked_bytes)s it asked for."),
        evidence=N_("At its peak %(used_share)s was in use; %(wasted_gib_hours)s GiB-hours were kept from others."),
        advice=N_("Ask for less: jobs that need less start sooner and cost less of your share."),
    ),
    "memory_growth": Text(
        headline=N_("Memory grows and will run out in %(full_in_seconds)s."),
        evidence=N_("It rises by %(per_hour_bytes)s an hour: %(peak_bytes)s of %(asked_bytes)s are in use."),
        advice=N_("Save what is computed so far, look for what is never freed, and ask for more memory next time."),
    ),
    "metadata_storm": Text(
        headline=N_("The job opens, looks up or deletes %(rate)s files a second."),
        evidence=N_("That is the mean; at most %(peak)s a second. More than %(usual)s slow everybody's files down."),
        advice=N_("Keep many small files on the node's local disk or in one archive, and do not poll for files."),
    ),
    "time_over_asked": Text(
        headline=N_("The job asked for %(limit_seconds)s and took %(elapsed_seconds)s."),
        evidence=N_("It used %(used_share)s of its time limit."),
        advice=N_("A shorter limit lets the scheduler start the job earlier, in gaps longer jobs do not fit."),
    ),
    "short_job": Text(
        headline=N_("The job took only %(elapsed_seconds)s."),
        evidence=lambda n: (
            N_("It is a task of an array: starting and ending each takes time too.")
            if n["array"]
            else (
                N_("Starting and ending a job takes time too."),
                N_("%(count)s recent runs of it were as short: starting and ending each takes time too."),
                "count",
            )
        ),
        advice=N_("Bundle short tasks: run many in one job, for example with GNU Parallel."),
    ),
    "oom": Text(
        headline=N_("The job ran out of memory and was killed."),
        evidence=lambda n: (
            N_("It had asked for %(asked_bytes)s.")
            if n["peak_bytes"] is None
            else N_("It had asked for %(asked_bytes)s; use rose by %(per_hour_bytes)s an hour until it ended.")
            if n.get("per_hour_bytes")
            else N_("It had asked for %(asked_bytes)s; %(peak_bytes)s were seen in use.")
        ),
        advice=lambda n: (
            N_("If something is never freed, more memory only puts the end off: look for that first. Else ask for more.")
            if n.get("per_hour_bytes")
            else N_("Ask for more memory, or use less: fewer processes at once, smaller pieces of data.")
        ),
    ),
    "node_fail": Text(
        headline=N_("A node failed under the job."),
        evidence=N_("It ran on %(names)s. The job is not to blame."),
        advice=lambda n: (
            N_("It was queued again by itself (--requeue). If it happens on the same node again, tell support.")
            if n.get("again")
            else N_("Submit it again. If it happens on the same node again, tell support.")
        ),
    ),
    "timeout": Text(
        headline=N_("The job was ended at its time limit of %(limit_seconds)s."),
        advice=N_("Ask for more time, or save checkpoints and continue in another job."),
    ),
}
