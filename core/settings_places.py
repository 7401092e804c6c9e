"""The settings of storage, of the public pages and of the cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from core.settings_base import Part, Source
from core.values import MysqlUrl


class Robinhood(Source):
    """A Robinhood policy engine's database: who has how much of a file system."""

    url: MysqlUrl = Field(description="mysql+pymysql://reader@host:3306/robinhood_project; the password belongs into password or password_file")
    password: SecretStr = Field(SecretStr(""), description="The reader's password")
    password_file: Path | None = Field(None, description="File that holds the password")
    timeout_seconds: float = Field(5.0, gt=0, le=60, description="Deadline of one statement, set on the server too")
    connections: int = Field(4, ge=1, le=64, description="Connections at the same time")


class Area(Part):
    """A place where people keep files, and where its quotas are measured."""

    title: str = Field("", description="What people call it; empty: its name")
    source: Literal["lfs_quota", "gpfs", "robinhood"] = Field("lfs_quota", description="What measures it")
    path: str = Field("", description="lfs_quota: value of the label path")
    label: Literal["user", "project", "group", "fileset"] = Field(
        "user", description="Whose quota it is; a project's or group's is a name of the hook storage_allocations, or the account's; fileset: GPFS only",
    )  # fmt: skip
    fs: str = Field("", description="gpfs: value of the label fs")
    fileset: str = Field("", description="gpfs: value of the label fileset, for quotas of people and groups within one; empty: all")
    robinhood: str = Field("", description="Which [robinhood.<name>] knows this file system: it measures the area, or tells who in a group uses it")
    tape: bool = Field(False, description="Files move to tape: what is on disk and what is on tape are told apart (Robinhood's HSM status)")

    @model_validator(mode="after")
    def _whole(self) -> Area:
        needed = {"lfs_quota": "path", "gpfs": "fs", "robinhood": "robinhood"}[self.source]
        if not getattr(self, needed):
            raise ValueError(f"an area with source {self.source} needs {needed}")
        if self.label == "fileset" and self.source != "gpfs":
            raise ValueError("label fileset is for source gpfs only")
        return self


class Storage(Part):
    """Where people keep their files."""

    areas: dict[str, Area] = Field(
        {}, description="home, scratch, project, nearline: where their quotas are measured; the limits come from the hook storage_allocations, GPFS knows its own"
    )
    allocations_file: Path | None = Field(None, description="YAML file of limits that the default hook storage_allocations reads")
    near_share: float = Field(0.9, gt=0, le=1, description="Use from this share of a quota on is near it")
    trend_days: int = Field(7, ge=1, le=90, description="Days to full are told from the pace of so many last days")
    history_days: int = Field(400, ge=0, le=3660, description="The portal keeps what Robinhood counts once a day for so many days, as Robinhood keeps no history; 0: not")
    personal_note: str = Field("", description="What is said beside the quota of a personal group, plain text")


class Host(Part):
    """A node people log in to or move data through."""

    title: str = Field("", description="What people call it; empty: its name")
    network: str = Field("", description="Its network device, such as bond0; empty: the busiest one that is not virtual")


class Overview(Part):
    """What the public pages show."""

    login_nodes: dict[str, Host] = Field({}, description="Login nodes by host name, as node_exporter's host label has it without domain and port")
    transfer_nodes: dict[str, Host] = Field({}, description="Data transfer nodes, likewise")
    notices_file: Path | None = Field(None, description="YAML file of messages that the default hook notices reads")
    software_file: Path | None = Field(None, description="The site's own table of programs; its rules go before those that come with the portal")


class Flavour(Part):
    """A size of virtual machines."""

    cores: int = Field(ge=1, description="Virtual cores")
    memory_gib: float = Field(gt=0, description="Memory, GiB")
    gpus: int = Field(0, ge=0, description="GPUs")


class Cloud(Part):
    """OpenStack's projects and virtual machines."""

    projects_file: Path | None = Field(None, description="YAML file of each project's members that the default hook cloud_projects reads")
    flavours: dict[str, Flavour] = Field({}, description="Flavours by name: for GPUs in use, and for a smaller one to be named")
    recording_rules: bool = Field(False, description="The recording rules of deploy/cloud_rules.yml are installed: for hundreds of machines")
    finding_days: int = Field(14, ge=1, le=90, description="Virtual machines are judged over so many days")
    idle_share: float = Field(0.02, ge=0, le=1, description="CPU use below this share of the cores all that time: idle")
    low_share: float = Field(0.25, ge=0, le=1, description="Nine tenths of the time below this share of the cores: too many cores")
    low_memory: float = Field(0.25, ge=0, le=1, description="Peak memory below this share: too much memory")
