"""Accounts, people and their habits: who submits what to the simulated cluster."""

from __future__ import annotations

from demo.model import Account, Person

QOS = {"normal": 1, "high": 2, "gpulimit": 3, "preemptable": 4}
FIRST_UID = 3001


def _account(name: str, parent: str, organisation: str, shares: int, pi: str, grp_tres: str = "", **limits: int) -> Account:
    words = name.replace("_", " ").replace("-", " ")
    return Account(
        name=name, parent=parent, description=words, organisation=organisation, shares=shares, pi=pi, grp_tres=grp_tres, **limits
    )


def make_accounts() -> tuple[Account, ...]:
    """The account tree below root, parents first. Limits lie above what the plan ever holds at once: 1 is cores, 2 MB, 1001 GPUs."""
    departments = (
        Account(name="science", parent="root", description="faculty of science", organisation="science", shares=60),
        Account(
            name="medicine", parent="root", description="faculty of medicine", organisation="medicine", shares=25, grp_tres="1=500"
        ),
        Account(name="operations", parent="root", description="people who run it", organisation="operations", shares=1),
    )
    return departments + (
        _account("def-lovelace_cpu", "science", "science", 10, "wlovelace", "1=128,2=409600", grp_jobs=200, grp_submit=1000),
        _account("def-lovelace_gpu", "science", "science", 10, "wlovelace", "1001=16"),
        _account("rrg-hopper_cpu", "science", "science", 400, "ghopper", "1=600"),
        _account("rrg-hopper_gpu", "science", "science", 200, "ghopper", "1001=16"),
        _account("def-turing_cpu", "science", "science", 10, "aturing", "1=256", max_jobs=20, max_submit=4000),
        _account("def-turing_gpu", "science", "science", 10, "aturing", "1001=12"),
        _account("def-noether_cpu", "medicine", "medicine", 10, "enoether", "1=192", max_jobs=40),
        _account("def-noether_gpu", "medicine", "medicine", 10, "enoether"),
        _account("rrg-franklin_cpu", "medicine", "medicine", 250, "rfranklin", "1=320", grp_jobs=120),
        _account("def-curie_cpu", "science", "science", 10, "mcurie", max_jobs=20),
        _account("cc-staff", "operations", "operations", 1, "ada"),
    )


# login, full name, accounts, behaviour, what the portal shows beside the persona
PERSONAS = (
    (
        "mira",
        "Mira Okafor",
        "def-lovelace_gpu def-lovelace_cpu",
        "gpu_idle_after_burst",
        "4 GPUs, three of them idle since the first half hour",
    ),
    ("tomas", "Tomás Herrera", "rrg-hopper_gpu", "gpu_idle", "holds a GPU that never computes"),
    ("samir", "Samir Haddad", "def-turing_gpu", "low_sm", "a busy GPU that hardly calculates"),
    ("hana", "Hana Sato", "rrg-hopper_gpu rrg-hopper_cpu", "gpu_efficient", "GPU work as it should be"),
    ("jonas", "Jonas Lindqvist", "def-noether_gpu", "mig_candidate", "a whole A100 where a slice would do"),
    ("ines", "Inês Carvalho", "def-noether_cpu", "memory_over_asked", "asks for ten times the memory used"),
    ("bruno", "Bruno Keller", "def-turing_cpu", "serial_on_many_cores", "one busy core of sixteen"),
    ("yuki", "Yuki Tanaka", "def-curie_cpu", "threads_oversubscribed", "four threads on each core"),
    ("oleg", "Oleg Marchenko", "def-curie_cpu", "metadata_storm", "thousands of file opens a second"),
    (
        "fatima",
        "Fatima Zahra Alaoui",
        "rrg-franklin_cpu",
        "dead_node_of_eight",
        "eight nodes, one of them doing nothing",
    ),
    ("pavel", "Pavel Novák", "def-turing_cpu", "tiny_jobs", "thousands of jobs of seconds"),
    ("lena", "Lena Fischer", "def-noether_cpu", "memory_growth", "memory grows until the job is killed"),
    ("greta", "Greta Lindholm", "rrg-hopper_cpu", "mpi_32", "MPI over 32 nodes"),
    ("nils", "Nils Aagaard", "def-lovelace_cpu", "fragmented", "16 cores scattered over 8 nodes"),
    (
        "chen",
        "Chen Wei",
        "rrg-hopper_cpu def-lovelace_cpu",
        "efficient",
        "CPU work as it should be; member of two groups",
    ),
)
OTHERS = (
    ("wlovelace", "Wilhelmina Lovelace", "def-lovelace_cpu def-lovelace_gpu", "PI of def-lovelace"),
    ("ghopper", "Gloria Hopper", "rrg-hopper_cpu rrg-hopper_gpu", "PI of rrg-hopper"),
    ("aturing", "Arun Turing", "def-turing_cpu def-turing_gpu", "PI of def-turing"),
    ("enoether", "Elif Noether", "def-noether_cpu def-noether_gpu", "PI of def-noether"),
    ("rfranklin", "Rosa Franklin", "rrg-franklin_cpu", "PI of rrg-franklin"),
    ("mcurie", "Maya Curie", "def-curie_cpu", "PI of def-curie"),
    ("ruth", "Ruth Abebe", "rrg-franklin_cpu def-curie_cpu", "coordinator of rrg-franklin_cpu"),
    ("kofi", "Kofi Mensah", "rrg-hopper_cpu", ""),
    ("anya", "Anya Petrova", "rrg-franklin_cpu", ""),
    ("luis", "Luis Ortega", "def-lovelace_cpu", ""),
    ("priya", "Priya Raman", "rrg-hopper_gpu def-turing_gpu", ""),
    ("dmitri", "Dmitri Volkov", "def-noether_cpu", ""),
    ("amelie", "Amélie Gagnon", "def-curie_cpu", ""),
    ("omar", "Omar Farouk", "def-turing_gpu", ""),
    ("sofia", "Sofia Rossi", "def-noether_gpu def-noether_cpu", ""),
)
COORDINATES = {"wlovelace": ("def-lovelace_cpu", "def-lovelace_gpu"), "ruth": ("rrg-franklin_cpu",)}
STAFF = (("ada", "Ada Nwosu", "operator, sees everybody's jobs"), ("ken", "Ken Watanabe", "operator"))
LEAVER = ("frank", "Frank Dubois", "def-lovelace_cpu")


def make_people() -> tuple[Person, ...]:
    """Everybody with a login; the personas first."""
    people: list[Person] = []

    def add(name: str, full_name: str, accounts: str, **more: object) -> None:
        people.append(
            Person(
                name=name,
                uid=FIRST_UID + len(people),
                full_name=full_name,
                accounts=tuple(accounts.split()),
                coordinates=COORDINATES.get(name, ()),
                **more,
            )
        )

    for name, full_name, accounts, behaviour, role in PERSONAS:
        add(name, full_name, accounts, behaviour=behaviour, role=role)
    for name, full_name, accounts, role in OTHERS:
        add(name, full_name, accounts, role=role)
    for name, full_name, role in STAFF:
        add(name, full_name, "cc-staff", staff=True, role=role)
    add(*LEAVER, deleted=True, role="has left; the jobs stay")
    return tuple(people)
