"""The settings of a portal as frozen records; core.settings_file reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from core.gpus import DEFAULT_GPUS, GpuModel
from core.settings_base import Part, Source
from core.settings_places import Area, Cloud, Flavour, Host, Overview, Robinhood, Storage
from core.values import Address, DatabaseUrl, HeaderName, HttpUrl, MysqlUrl, Network

__all__ = [
    "EXPORTERS", "MODULES", "Area", "Cloud", "Exporter", "Flavour", "Host", "Link", "Metrics", "Overview", "Part", "Portal", "Prices",
    "Prometheus", "Robinhood", "Server", "Settings", "SignIn", "Site", "Slurm", "Source", "Storage", "Thresholds", "Top",
]  # fmt: skip
MODULES = (
    "status", "overview", "jobstats", "accountstats", "cloudstats", "quotas", "usersummary", "top", "nodes", "scheduling", "search",
)  # fmt: skip


class Link(Part):
    """A link in the menu."""

    name: str = Field(description="What the link is called")
    url: str = Field(pattern=r"^(https?://|mailto:|/)", description="Where it leads: https://, mailto: or /path")
    same_path: bool = Field(False, description="Append the present path, for another cluster's portal")


class Site(Part):
    """What the portal says of itself."""

    cluster: str = Field("turtle", description="The cluster's name in Slurm; its tables are called <cluster>_job_table and so on")
    title: str = Field("Turtle", description="The cluster's name as people write it")
    intro: str = Field("", description="A few plain sentences on the home page")
    public: Literal["all", "status", "none"] = Field("all", description="What is shown without signing in: all public pages, the front page only, or nothing")
    links: tuple[Link, ...] = Field((), description="Further links in the menu: documentation, support")
    other_portals: tuple[Link, ...] = Field((), description="Portals of other clusters")
    support: Address = Field("", description="Address a support link opens; {page} and {incident} are filled in")
    docs: dict[str, Address] = Field({}, description="Documentation address for each finding id, shown as its 'Why?' link")
    names: Literal["names", "initials", "hidden"] = Field("initials", description="How colleagues are shown to members of an account")
    coordinators_see_jobs: bool = Field(False, description="Coordinators of an account may open the job pages of its members")
    node_reasons: Literal["all", "staff", "none"] = Field("staff", description="Who may read the free text reason of node events")


class Server(Part):
    """How the portal is served."""

    base_path: str = Field("/", pattern=r"^/([A-Za-z0-9._~-]+/)*$", description="Path below which the portal lives; begins and ends with /")
    secret_key: SecretStr = Field(SecretStr(""), description="Signs the session cookie; 32 random characters or more. From the environment or secret_key_file")
    secret_key_file: Path | None = Field(None, description="File that holds the secret key")
    secure_cookie: bool = Field(True, description="Send the session cookie over https only")
    cache_dir: Path = Field(Path(".cache/portal"), description="Folder of the shared cache; only the portal may write there")
    cache_mb: int = Field(512, ge=16, description="Size limit of the cache in MB")
    metrics_port: int = Field(0, ge=0, le=65535, description="Loopback port of the portal's own metrics; 0 = off")


class SignIn(Part):
    """How people sign in. Exactly one way is active."""

    method: Literal["none", "personas", "header"] = Field(
        "none",
        description="none: public pages only; personas: the demo's; "
        "header: a trusted reverse proxy says who it is",
    )
    user_header: HeaderName = Field("X-Remote-User", description="Header that carries the login")
    secret_header: HeaderName = Field("X-Portal-Secret", description="Header that carries the shared secret")
    secret: SecretStr = Field(SecretStr(""), description="The shared secret the proxy sends; needed unless the portal listens on a Unix socket")
    secret_file: Path | None = Field(None, description="File that holds the shared secret")
    trusted_peers: tuple[Network, ...] = Field((), description="Addresses or networks the proxy connects from; empty: a Unix socket only")
    sign_in_url: Address = Field("", description="Where 'Sign in' leads when a proxy does the sign-in")
    sign_out_url: Address = Field("", description="Where 'Sign out' leads")
    staff: tuple[str, ...] = Field((), description="Logins that are staff; the hook is_staff may say more")
    admins: tuple[str, ...] = Field((), description="Logins that are administrators")


class Prometheus(Source):
    """Where the metrics are."""

    url: HttpUrl = Field("", description="Address of Prometheus, Thanos or Mimir, with its sub-path if any; empty: no metrics")
    username: str = Field("", description="Basic authentication: user")
    password: SecretStr = Field(SecretStr(""), description="Basic authentication: password")
    password_file: Path | None = Field(None, description="File that holds the password")
    bearer_token: SecretStr = Field(SecretStr(""), description="Bearer token")
    bearer_token_file: Path | None = Field(None, description="File that holds the bearer token")
    headers: dict[str, SecretStr] = Field({}, description="Further headers of each request; their values are secret")
    tenant: str = Field("", description="Sent as X-Scope-OrgID (Mimir, Cortex)")
    ca_file: Path | None = Field(None, description="CA certificates to trust; empty: the system's")
    timeout_seconds: float = Field(8.0, gt=0, le=60, description="Deadline of one request")
    connections: int = Field(16, ge=1, le=128, description="Requests at the same time")
    max_series: int = Field(5000, ge=10, description="Answers with more series are refused with a clear message")
    thanos: bool = Field(False, description="Send dedup=true and partial_response=false")
    filter: dict[str, str] = Field(
        {},
        description='Label values added to every selector, by module; "default" '
        'serves the others. Example: default = \'cluster="narval"\'',
    )
    retention_days: float = Field(0, ge=0, description="How far back raw metrics go; 0: asked from Prometheus")


class Exporter(Part):
    """One exporter of the site."""

    installed: bool = Field(True, description="False: its panels say that it is not configured")
    scrape_seconds: int = Field(30, ge=1, le=3600, description="Its scrape interval")


EXPORTERS: dict[str, Exporter] = {
    "slurm-job-exporter": Exporter(scrape_seconds=30),
    "node_exporter": Exporter(scrape_seconds=30),
    "redfish_exporter": Exporter(scrape_seconds=90),
    "lustre_exporter": Exporter(scrape_seconds=90),
    "slurm_exporter": Exporter(scrape_seconds=60),
    "pcm-sensor-server": Exporter(scrape_seconds=30),
    "libvirtd_exporter": Exporter(scrape_seconds=30),
    "openstack_exporter": Exporter(scrape_seconds=300),
    "lfs_quota": Exporter(scrape_seconds=300),
    "gpfs_exporter": Exporter(scrape_seconds=300),
    "nvidia_gpu_exporter": Exporter(scrape_seconds=60),
}


class Metrics(Part):
    """How this site's metrics are labelled and which exporters it runs."""

    exporters: dict[str, Exporter] = Field(EXPORTERS, description="The exporters, by name; those not named keep their defaults")
    host_label: str = Field("instance", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Label that holds the host name; a :port is cut off")
    host_domain: str = Field("", description="Domain after the host names in metrics, with its dot")
    bmc_suffix: str = Field("-oob", description="What a BMC's name has after the node's name")
    chassis_power: str = Field(
        "redfish_chassis_power_average_consumed_watts", pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$",
        description="Metric of a node's whole power, in W",
    )
    local_scratch: str = Field("/localscratch", description="Mount point of node-local disks")
    cgroup_v2_nodes: str = Field("", description="Host list of nodes on cgroup v2 (c[1-4],g1): no per-core figures there")
    recording_rules: bool = Field(True, description="The recording rules of deploy/ are installed")
    lustre_file_systems: tuple[str, ...] = Field((), description="Lustre file systems; empty: all that are seen")


class Slurm(Source):
    """Where Slurm's accounting database is."""

    url: MysqlUrl = Field("", description="mysql+pymysql://reader@host:3306/slurm_acct_db; empty: no accounting. The password belongs into password or password_file")
    password: SecretStr = Field(SecretStr(""), description="The reader's password")
    password_file: Path | None = Field(None, description="File that holds the password")
    timeout_seconds: float = Field(5.0, gt=0, le=60, description="Deadline of one statement, set on the server too")
    connections: int = Field(8, ge=1, le=64, description="Connections at the same time")
    partitions: dict[str, str] = Field(
        {}, description='Host list of each partition, as in slurm.conf: cpu = "c[001-036]". Not in any database: without it the pages of '
        "nodes go by the jobs that run",
    )  # fmt: skip


class Top(Part):
    """From when on the tables of the largest users mark a value."""

    cores_bad: float = Field(0.75, ge=0, le=1, description="Used below this share of the cores: red")
    cores_warn: float = Field(0.90, ge=0, le=1, description="Used below this share of the cores: amber")
    memory_bad: float = Field(0.1, ge=0, le=1, description="Peak below this share of the memory: red")
    memory_warn: float = Field(0.5, ge=0, le=1, description="Peak below this share of the memory: amber")
    gpus_bad: float = Field(0.1, ge=0, le=1, description="Mean use below this share of the GPUs: red")
    gpus_warn: float = Field(0.2, ge=0, le=1, description="Mean use below this share of the GPUs: amber")
    margin: float = Field(1.1, ge=1, description="Memory or cores above the ordinary node's share times this are judged")
    rows: int = Field(100, ge=10, le=1000, description="Rows of a table of the largest users")
    heavy_core_hours: float = Field(100.0, ge=0, description="From so many core-hours in the range on somebody is a heavy user")
    heavy_gpu_hours: float = Field(24.0, ge=0, description="From so many GPU-hours in the range on somebody is a heavy user")
    heavy_tib_hours: float = Field(1.0, ge=0, description="From so many TiB-hours of memory in the range on somebody is a heavy user")
    poor_cores: float = Field(0.6, ge=0, le=1, description="CPU efficiency of a heavy user below this is poor")
    poor_gpus: float = Field(0.25, ge=0, le=1, description="GPU efficiency of a heavy user below this is poor")
    poor_memory: float = Field(0.35, ge=0, le=1, description="Memory efficiency of a heavy user below this is poor")
    large_memory_factor: float = Field(2.0, ge=1, description="A node with more memory a core than the ordinary node's times this is a large memory node")
    grace_seconds: int = Field(3600, ge=0, description="Jobs on large memory nodes are judged after running so long")


class Portal(Source):
    """The portal's own database: summaries of finished jobs."""

    url: DatabaseUrl = Field("sqlite:///.cache/portal.sqlite", description="SQLAlchemy address of the portal's own database: sqlite, mysql+pymysql or postgresql+psycopg")


class Prices(Part):
    """What energy and hardware cost; 0 hides a value."""

    currency: str = Field("$", description="Sign before amounts")
    core_hour: float = Field(0, ge=0, description="One core for an hour, hardware only")
    gpu_hour: float = Field(0, ge=0, description="One GPU for an hour, hardware only, where the model has no price of its own")
    electricity_kwh: float = Field(0, ge=0, description="One kWh")
    cooling_share: float = Field(0, ge=0, le=2, description="Cooling as a share of the electricity")
    co2_kg_per_kwh: float = Field(0, ge=0, description="kg of CO2 for one kWh")
    cloud_core_hour: float = Field(0, ge=0, description="A core for an hour at a cloud provider")
    cloud_gpu_hour: float = Field(0, ge=0, description="A GPU for an hour at a cloud provider")
    car_km_per_kwh: float = Field(0, ge=0, description="km an electric car goes on one kWh; 0 hides it")


class Thresholds(Part):
    """The limits findings judge by; each is explained with its finding in docs/findings.md."""

    min_run_seconds: int = Field(300, ge=0, description="Runs shorter than this are not judged")
    min_gpu_run_seconds: int = Field(900, ge=0, description="GPU findings wait this long")
    cpu_low: float = Field(0.5, ge=0, le=1, description="CPU use below this share of the cores is a finding")
    cpu_waste_core_hours: float = Field(1.0, ge=0, description="... and at least so many core-hours lost")
    memory_low: float = Field(0.5, ge=0, le=1, description="Peak memory below this share of what was asked is a finding")
    memory_very_low: float = Field(0.1, ge=0, le=1, description="... and below this share a serious one")
    memory_waste_gib_hours: float = Field(8.0, ge=0, description="... with at least so many GiB-hours lost")
    memory_headroom: float = Field(1.2, ge=1, le=3, description="Suggested memory = peak × this")
    gpu_idle: float = Field(0.01, ge=0, le=1, description="A GPU below this mean use did nothing")
    gpu_low: float = Field(0.25, ge=0, le=1, description="GPU use below this is low")
    gpu_idle_span_seconds: int = Field(1800, ge=60, description="A GPU idle for so long at a stretch is reported")
    sm_active_low: float = Field(0.2, ge=0, le=1, description="SM active below this while the GPU is busy: kernels are tiny")
    time_low: float = Field(0.2, ge=0, le=1, description="Run time below this share of the limit is over-asked")
    time_waste_seconds: int = Field(3600 * 4, ge=0, description="... if so much was left")
    short_job_seconds: int = Field(3600, ge=0, description="Finished jobs below this are worth bundling")
    threads_high: float = Field(1.25, ge=1, description="Running threads above cores × this: over-subscribed")
    threads_low: float = Field(0.75, ge=0, le=1, description="Running threads below cores × this: under-used")
    idle_node_share: float = Field(0.02, ge=0, le=1, description="A node with CPU use below this did nothing")
    metadata_ops_per_second: float = Field(500.0, ge=0, description="Metadata operations a second on Lustre above this are a storm")
    mig_gpu_memory_gib: float = Field(10.0, ge=0, description="A MIG slice would do: GPU memory at most")
    mig_host_memory_gib: float = Field(32.0, ge=0, description="A MIG slice would do: host memory at most")
    mig_cores: int = Field(4, ge=1, description="A MIG slice would do: cores used at most")
    mig_use: float = Field(0.25, ge=0, le=1, description="A MIG slice would do: SM active at most")
    normal_memory_per_core_gib: float = Field(4.0, gt=0, description="Memory a core has on an ordinary node")
    normal_memory_per_gpu_gib: float = Field(128.0, gt=0, description="Memory a GPU has on an ordinary GPU node")
    normal_cores_per_gpu: int = Field(12, ge=1, description="Cores a GPU has on an ordinary GPU node")


class Settings(Part):
    """All settings of one portal."""

    site: Site = Site()
    server: Server = Server()
    sign_in: SignIn = SignIn()
    prometheus: Prometheus = Prometheus()
    metrics: Metrics = Metrics()
    slurm: Slurm = Slurm()
    portal: Portal = Portal()
    modules: dict[str, bool] = Field({name: True for name in MODULES}, description="Modules that are on; one that is off does not exist")
    gpus: dict[str, GpuModel] = Field(DEFAULT_GPUS, description="GPU models by their name in gpu_type; added to those known")
    prices: Prices = Prices()
    thresholds: Thresholds = Thresholds()
    storage: Storage = Storage()
    robinhood: dict[str, Robinhood] = Field({}, description="Robinhood databases by a name of your own")
    overview: Overview = Overview()
    cloud: Cloud = Cloud()
    top: Top = Top()
    hooks_file: Path | None = Field(None, description="The site's own hooks file")

    def exporter(self, name: str) -> Exporter:
        """The exporter's settings, or defaults for one never named."""
        return self.metrics.exporters.get(name) or EXPORTERS.get(name) or Exporter()

    def module_on(self, name: str) -> bool:
        """True if the module is not switched off."""
        return self.modules.get(name, True)
