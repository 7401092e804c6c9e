"""Who submits what, again and again: the everyday work of the simulated people, besides the jobs that show a behaviour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Habit:
    """A kind of job somebody submits again and again. names: job names in rotation; hours: median; gib: memory of one core."""

    person: str
    account: str
    pool: str
    weight: float
    kind: str
    names: str
    behaviour: str
    cores: tuple[int, ...]
    gib: float
    hours: float
    nodes: int = 1
    gpus: tuple[int, ...] = (0,)
    tasks: int = 1
    options: str = ""
    qos: str = "normal"


HOPPER, FRANKLIN, LOVELACE = "rrg-hopper_cpu", "rrg-franklin_cpu", "def-lovelace_cpu"
NOETHER, CURIE, TURING = "def-noether_cpu", "def-curie_cpu", "def-turing_cpu"
HOPPER_GPU, NOETHER_GPU, TURING_GPU, LOVELACE_GPU = (
    "rrg-hopper_gpu",
    "def-noether_gpu",
    "def-turing_gpu",
    "def-lovelace_gpu",
)
GOOD, FAIR = "efficient", "ordinary"
GPU_GOOD, GPU_FAIR = "gpu_efficient", "gpu_ordinary"
SLICE = "a100_1g.5gb"
MD, MD_GPU = "npt nvt prod_md em_restart lysozyme membrane_pull", "dhfr stmv factor_ix cellulose nucleosome gamd_boost"
PRETRAIN = "pretrain ablation_depth ablation_width probe_layers scaling_1b eval_suite"
VISION, LLM = (
    "detector segmenter tracker keypoints distill augment_v2",
    "llm_7b llm_eval llm_sft reward_model rope_long",
)
BLAST = "blast_nr blast_swiss blast_phage contigs_vs_nr reads_vs_hosts"
SUMMARIES = "summaries_small lora_rank8 lora_rank32 eval_rouge tokenizer_test"
ONE, PAIR = (1,), (1, 2)

# fmt: off
HABITS = (
    Habit("chen", HOPPER, "cpu", 9, "lammps", "melt melt_large quench anneal shear viscosity", GOOD, (8, 16), 2, 7),
    Habit("kofi", HOPPER, "cpu", 8, "gromacs", MD, FAIR, (8, 16), 1.5, 9),
    Habit("kofi", HOPPER, "cpu", 3, "gromacs_srun", "umbrella umbrella_tail", GOOD, (16,), 2, 8, nodes=2),
    Habit("ghopper", HOPPER, "cpu", 4, "openfoam", "wing duct nozzle diffuser cavity_3d", GOOD, (16,), 3, 6, nodes=2),
    Habit("greta", HOPPER, "cpu", 1.5, "openfoam", "mesh_check flame_1d burner_test swirl", GOOD, (8,), 3, 2),
    Habit("anya", FRANKLIN, "cpu", 10, "blast", BLAST, FAIR, (4, 8), 4, 4),
    Habit("anya", FRANKLIN, "cpu", 0.25, "python", "bootstrap", FAIR, (2,), 3, 2.0, tasks=160),
    Habit("rfranklin", FRANKLIN, "cpu", 5, "amber", "complex ligand apo mutant_k27 heat", FAIR, (16,), 1.5, 11),
    Habit("ruth", FRANKLIN, "cpu", 5, "r", "survival glmm imputation forest_plot sensitivity", FAIR, (4,), 6, 5),
    Habit("fatima", FRANKLIN, "cpu", 1.5, "gromacs_nt", "equil_short rmsd_check cluster_poses", FAIR, (8,), 2, 3),
    Habit("ruth", CURIE, "cpu", 2, "conda", "qc merge_lanes", FAIR, (4,), 8, 3),
    Habit("amelie", CURIE, "cpu", 6, "lammps_bare", "creep fatigue grain_growth indentation", FAIR, (4, 8), 2, 8),
    Habit("mcurie", CURIE, "cpu", 3, "wait", "collect wait_for_beam", "waiting", (1,), 1, 6),
    Habit("mcurie", CURIE, "cpu", 2, "r", "decay_chain half_lives dose_map calib_ge", FAIR, (4,), 4, 3),
    Habit("yuki", CURIE, "cpu", 1.5, "conda", "mesh_quality convert_stl report slices", FAIR, (4,), 3, 2),
    Habit("oleg", CURIE, "cpu", 1.5, "conda", "index_images thumbnails dedup histogram", FAIR, (4,), 3, 2),
    Habit("luis", LOVELACE, "cpu", 8, "serial", "ising ising_hot potts xy_model walk_3d", FAIR, (1,), 3, 10),
    Habit("luis", LOVELACE, "cpu", 0.3, "serial", "temperature_scan", FAIR, (1,), 2, 5, tasks=200),
    Habit("wlovelace", LOVELACE, "cpu", 3, "matlab", "calibrate sweep_gain kalman", FAIR, (8,), 3, 6, options="-L matlab:1"),
    Habit("nils", LOVELACE, "cpu", 1.5, "lammps_bare", "phonons lattice_small strain", FAIR, (4,), 2, 3),
    Habit("frank", LOVELACE, "cpu", 1, "openmp", "last_runs archive_check", FAIR, (8,), 2, 6),
    Habit("dmitri", NOETHER, "cpu", 7, "openmp", "fem fem_fine modal contact_plate thermal crack_tip", GOOD, (8, 16), 2.5, 8),
    Habit("enoether", NOETHER, "cpu", 3, "python", "posterior prior_check evidence", FAIR, (4,), 4, 6, options="--requeue"),
    Habit("sofia", NOETHER, "cpu", 4, "conda", "preprocess resample_ct deidentify volumes", FAIR, (8,), 4, 3),
    Habit("ines", NOETHER, "cpu", 1.5, "r", "tables_q3 merge_registry weights", FAIR, (2,), 4, 2),
    Habit("lena", NOETHER, "cpu", 1.5, "python", "degree_stats sample_edges communities", FAIR, (2,), 4, 2),
    Habit("aturing", TURING, "cpu", 5, "gromacs_nt", "folding unfolding solvate", FAIR, (8,), 2, 9, options="--exclude=c030"),
    Habit("bruno", TURING, "cpu", 1.5, "r", "plot_mc tail_fit variance", FAIR, (2,), 3, 1.5),
    Habit("ken", "cc-staff", "cpu", 1.5, "serial", "node_check stream_triad hpl_small", FAIR, (2,), 1, 0.3, qos="high"),
    Habit("anya", FRANKLIN, "large", 5, "assembly", "assembly pangenome metagenome_7 scaffold", FAIR, (8, 16), 24, 9),
    Habit("dmitri", NOETHER, "large", 3, "r", "kriging variogram basin_model", FAIR, (4, 8), 30, 7),
    Habit("hana", HOPPER_GPU, "a100", 6, "pytorch", PRETRAIN, GPU_GOOD, (8, 12), 8, 9, gpus=PAIR),
    Habit("priya", HOPPER_GPU, "a100", 6, "pytorch", VISION, GPU_FAIR, (6, 12), 8, 6, gpus=ONE),
    Habit("omar", TURING_GPU, "a100", 4, "amber_gpu", MD_GPU, GPU_GOOD, (2,), 8, 10, gpus=ONE),
    Habit("omar", TURING_GPU, "a100", 0.5, "amber_wrong", "prod_wrong", "gpu_idle", (12,), 3, 3, gpus=ONE),
    Habit("sofia", NOETHER_GPU, "a100", 3, "pytorch", "ct_scan lung_nodules dose_net", GPU_FAIR, (8,), 8, 5, gpus=PAIR),
    Habit("ghopper", HOPPER_GPU, "h100", 3, "pytorch", LLM, GPU_GOOD, (12, 24), 8, 9, gpus=PAIR),
    Habit("hana", HOPPER_GPU, "h100", 3, "pytorch", "diffusion diffusion_hires vae", GPU_GOOD, (12,), 8, 7, gpus=ONE),
    Habit("priya", HOPPER_GPU, "h100", 2, "pytorch", "video_encoder detector_xl", GPU_FAIR, (8,), 8, 6, gpus=ONE),
    Habit("omar", TURING_GPU, "h100", 2, "amber_gpu", "ribosome capsid", GPU_GOOD, (4,), 8, 9, gpus=ONE),
    Habit("jonas", NOETHER_GPU, SLICE, 6, "pytorch", "classify embed rerank topic_model", GPU_FAIR, (2,), 8, 3, gpus=ONE),
    Habit("mira", LOVELACE_GPU, SLICE, 2, "jupyter", "notebook explore_data", GPU_FAIR, (2,), 6, 3, gpus=ONE),
    Habit("mira", LOVELACE_GPU, SLICE, 4, "pytorch", SUMMARIES, GPU_FAIR, (2,), 6, 3, gpus=ONE),
    Habit("sofia", NOETHER_GPU, SLICE, 3, "python", "tests smoke_test", GPU_FAIR, (1,), 6, 1, gpus=ONE),
    Habit("tomas", HOPPER_GPU, SLICE, 2, "pytorch", "line_finder redshift_net denoise", GPU_FAIR, (2,), 6, 3, gpus=ONE),
    Habit("samir", TURING_GPU, SLICE, 2, "pytorch", "vocab_small pairs_bpe eval_bleu", GPU_FAIR, (2,), 6, 2, gpus=ONE),
    Habit("wlovelace", LOVELACE_GPU, SLICE, 1, "pytorch", "student_demo surrogate", GPU_FAIR, (2,), 6, 3, gpus=ONE),
)
# fmt: on
