"""The cloud out of a real Prometheus: values by hand, names exactly, who may see what, gaps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from components.records import Page
from core.errors import BadInput, NoData, NotAllowed, NotFound, NotSignedIn, SourceDown, Why
from core.settings import Cloud, Exporter, Flavour
from core.timerange import TimeRange
from core.viewer import PUBLIC, Viewer
from datasources.cloud import machines, projects
from datasources.prometheus import cloud_batches as batches
from datasources.prometheus.client import recording
from datasources.sources import Sources
from pages import cloud, cloud_instance, cloud_project, cloud_query, cloud_table
from tests.prometheus.cloud_samples import DAY, END, GIB, HOUR, NASTY, STOPPED, A, B, C, D, E, F, G, samples

pytestmark = pytest.mark.services
FLAVOURS = {
    "c1": Flavour(cores=1, memory_gib=2), "c2": Flavour(cores=2, memory_gib=4), "c4": Flavour(cores=4, memory_gib=8),
    "g2": Flavour(cores=2, memory_gib=4, gpus=2),
}  # fmt: skip
ANN, EVE = Viewer(name="ann", cloud_projects=frozenset({"lab"})), Viewer(name="eve", cloud_projects=frozenset({"lab.x"}))
FAY, NOBODY, STAFF = Viewer(name="fay", cloud_projects=frozenset({NASTY})), Viewer(name="zoe"), Viewer(name="ada", is_staff=True)
WHEN = TimeRange(start=END - DAY, end=END, now=END)


@pytest.fixture(scope="session")
def address(prometheus_from: Callable[..., str]) -> str:
    return prometheus_from(samples())


@pytest.fixture
def sources(address: str, sources_of: Callable[..., Sources]) -> Sources:
    made = sources_of(address, clock=lambda: float(END), filter={"cloudstats": 'cluster="one"', "default": 'cluster="two"'})
    metrics = made.settings.metrics.model_copy(update={"exporters": {"libvirtd_exporter": Exporter(scrape_seconds=300)}})
    return replace(made, settings=made.settings.model_copy(update={"cloud": Cloud(flavours=FLAVOURS), "metrics": metrics}))


def without(sources: Sources, exporter: str) -> Sources:
    """The same site, where this exporter is not installed."""
    exporters = {**sources.settings.metrics.exporters, exporter: Exporter(installed=False)}
    metrics = sources.settings.metrics.model_copy(update={"exporters": exporters})
    return replace(sources, settings=sources.settings.model_copy(update={"metrics": metrics}))


def row_of(frame: pd.DataFrame, uuid: str) -> dict:
    return next(row for row in frame.to_dict("records") if row["uuid"] == uuid)


def test_the_machines_of_a_project(sources: Sources) -> None:
    frame = machines.instances(sources, viewer=ANN, project="lab", when=WHEN)
    assert frame["uuid"].tolist() == [G, A, B, C]  # running ones by name, then what stopped
    assert frame["label"].tolist() == ["cards", "web · a0000000", "web · b0000000", "old"]
    web = row_of(frame, A)
    # on two hypervisors in the last hour: once, not twice
    assert (web["cores"], web["memory"], web["capacity"], web["allocation"]) == (4, 8 * GIB, 30 * GIB, 6 * GIB)
    assert web["cores_used"] == pytest.approx(0.75, rel=0.01) and web["memory_used"] == 2 * GIB
    assert web["created"] == pytest.approx(END - 19 * DAY, abs=60) and (web["creator"], web["flavour"]) == ("ann", "c4")
    old = row_of(frame, C)
    assert not old["running"] and math.isnan(old["state"]) and math.isnan(old["cores"])
    assert STOPPED <= old["last"] <= STOPPED + frame.attrs["step"]


def test_what_machines_use_over_a_day(sources: Sources) -> None:
    wanted = (batches.cpu(sources.settings), batches.memory(sources.settings), batches.disk(sources.settings), batches.network(sources.settings))
    found = machines.use(sources, viewer=ANN, project="lab", batches=wanted, when=WHEN)
    cpu, memory, disk, network = (found[batch.key] for batch in wanted)
    # throughout, also while two hypervisors tell of it
    assert cpu[("used", A, "")].dropna().between(0.74, 0.76).all() and (cpu[("running", A, "")] == 4).all()
    assert (memory[("used", A)] == 2 * GIB).all() and (memory[("running", A)] == 8 * GIB).all()
    rates = {"read_bytes": 1500, "write_bytes": 3000, "reads": 3, "writes": 3}
    assert {what: disk[(what, A, "")].mean() for what in rates} == pytest.approx(rates, rel=0.01)
    assert [network[(way, A, "")].mean() for way in ("in", "out")] == pytest.approx([2000, 100], rel=0.01)
    assert set(cpu.columns.get_level_values("uuid")) == {A, B, G}  # what stopped before the range is not in it


def test_the_parts_of_one_machine(sources: Sources) -> None:
    wanted = (batches.cpu(sources.settings, "vcpu"), batches.disk(sources.settings, "device"), batches.network(sources.settings, "interface"))
    found = machines.use(sources, viewer=ANN, project="lab", batches=wanted, when=WHEN, uuid=A)
    cpu, disk, network = (found[batch.key] for batch in wanted)
    assert [cpu[("used", "", str(core))].mean() for core in range(4)] == pytest.approx([0.5, 0.25, 0, 0], rel=0.01)
    assert [disk[("read_bytes", "", name)].mean() for name in ("vda", "vdb")] == pytest.approx([1000, 500], rel=0.01)
    assert [network[("in", "", name)].mean() for name in ("t0", "t1")] == pytest.approx([1500, 500], rel=0.01)


def test_a_restart_is_no_dip_and_no_peak(sources: Sources) -> None:
    around = TimeRange(start=END - 6 * DAY, end=END - 4 * DAY, now=END)
    batch = batches.cpu(sources.settings)
    used = machines.use(sources, viewer=ANN, project="lab", batches=(batch,), when=around)[batch.key][("used", A, "")]
    # the seconds between the last sample before and the first one after are lost, never more
    assert used.max() < 0.76 and used.min() > 0.3


@pytest.mark.parametrize(("viewer", "project"), [(EVE, "lab"), (EVE, "labyx"), (NOBODY, "lab"), (PUBLIC, "lab"), (ANN, "lab.x"), (ANN, "Lab"), (ANN, "lab ")])
def test_strangers_find_nothing(sources: Sources, viewer: Viewer, project: str) -> None:
    calls = (
        lambda: machines.instances(sources, viewer=viewer, project=project, when=WHEN), lambda: machines.judged(sources, viewer=viewer, project=project, when=WHEN),
        lambda: machines.instance(sources, viewer=viewer, project=project, uuid=A, when=WHEN), lambda: projects.granted(sources, viewer=viewer, project=project),
        lambda: machines.use(sources, viewer=viewer, project=project, batches=(batches.cpu(sources.settings),), when=WHEN),
    )  # fmt: skip
    with recording() as sent:
        for call in calls:
            with pytest.raises(NotFound):
                call()
    assert sent == []


def test_a_look_alike_and_a_nasty_name_are_names(sources: Sources) -> None:
    assert machines.instances(sources, viewer=EVE, project="lab.x", when=WHEN)["uuid"].tolist() == [E]
    assert machines.instances(sources, viewer=FAY, project=NASTY, when=WHEN)["uuid"].tolist() == [F]
    own = projects.own(sources, viewer=replace(FAY, cloud_projects=frozenset({NASTY, "lab.x"})))
    assert dict(zip(own["project"], own["instances"], strict=True)) == {NASTY: 1, "lab.x": 1}
    assert own["cores_used"].tolist() == pytest.approx([0.2, 0.3], rel=0.01)


@pytest.mark.parametrize("uuid", [D, E, "99999999-0000-4000-8000-000000000000"])
def test_a_machine_of_another_project_is_not_there(sources: Sources, uuid: str) -> None:
    subject = cloud_query.instance_subject({"project": "lab", "uuid": uuid})
    batch = batches.cpu(sources.settings, "vcpu")
    for viewer in (ANN, STAFF):
        with recording() as sent:
            with pytest.raises(NotFound):
                machines.use(sources, viewer=viewer, project="lab", batches=(batch,), when=WHEN, uuid=uuid)
            for section in cloud_instance.SECTIONS:
                with pytest.raises(NotFound):
                    section.query(sources, viewer, subject, WHEN)
            with pytest.raises(NotFound):
                cloud_instance.head(sources, viewer, subject, WHEN)
        assert not any(uuid in request.expr for request in sent)


@pytest.mark.parametrize("uuid", ["x", A.upper(), A + "0", f'{A}"}} or vector(1)', ".*", "", A[:8]])
def test_what_is_no_uuid_is_bad_input(uuid: str) -> None:
    with pytest.raises(BadInput):
        cloud_query.instance_subject({"project": "lab", "uuid": uuid})


@pytest.mark.parametrize("project", ["lab.", "LAB", "none", ".*", 'lab"} or vector(1) or {a="'])
def test_staff_find_projects_by_the_exact_name_only(sources: Sources, project: str) -> None:
    with recording() as sent, pytest.raises(NotFound):
        machines.instances(sources, viewer=STAFF, project=project, when=WHEN)
    assert not any(project in request.expr for request in sent if project not in ("lab.", ".*"))
    assert [request.expr.count("project_name=") for request in sent] == [0] * len(sent)


def test_staff_see_projects_that_only_have_a_quota_or_machines(sources: Sources) -> None:
    for name in ("only-quota", "labyx", "lab", NASTY):
        assert machines.known_project(sources, viewer=STAFF, project=name) == name
    assert projects.granted(sources, viewer=STAFF, project="only-quota") == {"cores": 10, "memory": math.inf}
    with pytest.raises(NoData):
        machines.instances(sources, viewer=STAFF, project="only-quota", when=WHEN)


def test_all_projects_by_hand(sources: Sources) -> None:
    frame = projects.everything(sources, viewer=STAFF)
    rows = {row["project"]: row for row in frame.to_dict("records")}
    assert sorted(rows) == sorted(["lab", "lab.x", "labyx", NASTY, "only-quota"]) and frame["project"].tolist() == sorted(rows)
    lab = rows["lab"]
    assert (lab["cores_quota"], lab["cores_running"], lab["instances"], lab["gpus_running"]) == (20, 8, 3, 2)
    assert (lab["memory_quota"], lab["memory_running"], lab["block_quota"], lab["block_running"]) == (40 * GIB, 16 * GIB, 100 * GIB, 30 * GIB)
    assert (lab["shared_quota"], lab["shared_used"], lab["object_used"], lab["block_used"]) == (50 * GIB, 20 * GIB, 2e11, 6 * GIB)
    # moments seven hours apart in nine days; the machine that stopped counts until then, and as nothing after
    moments = [at for at in range(0, END + 1, 7 * HOUR) if at >= END - 9 * DAY]
    before = sum(at <= STOPPED for at in moments)
    assert frame.attrs["days"] == pytest.approx(len(moments) * 7 / 24)
    assert lab["memory_used"] == pytest.approx((2 + 0.5 + 1 + before / len(moments)) * GIB, rel=0.01)
    # what the hypervisor does for the machine's disks counts here: 0.05
    rates = 0.8 + 0.002 + 0.1 * before / len(moments)
    assert lab["cores_used"] == pytest.approx(rates, rel=0.04)


def test_a_project_that_a_metric_does_not_know_is_a_gap(sources: Sources) -> None:
    rows = {row["project"]: row for row in projects.everything(sources, viewer=STAFF).to_dict("records")}
    assert math.isnan(rows["labyx"]["cores_quota"]) and rows["labyx"]["cores_running"] == 1
    assert math.isnan(rows["only-quota"]["cores_running"]) and rows["only-quota"]["cores_quota"] == 10
    assert rows["only-quota"]["memory_quota"] == math.inf
    whole = projects.total(projects.everything(sources, viewer=STAFF))
    assert (whole["cores_quota"], whole["cores_running"], whole["memory_quota"], whole["object_used"]) == (30, 11, math.inf, 2e11)
    assert math.isnan(whole["object_quota"])
    file = cloud_table.export(sources, STAFF, None, WHEN)["projects"]
    assert file["project"].tolist()[-1] == "TOTAL" and file["memory_quota (bytes)"].tolist()[-1] == "no limit"


def test_the_hypervisors(sources: Sources) -> None:
    assert projects.physical(sources, viewer=STAFF) == {"known": 2, "hosts": 2, "cores": 6, "memory": 96 * GIB}


def test_all_projects_over_time_by_hand(sources: Sources) -> None:
    """Over the days in which the machine of one core and 4 GiB stops."""
    found = projects.over_time(sources, viewer=STAFF, when=replace(WHEN, start=END - 4 * DAY))
    cores, memory = found["cores"], found["memory"]
    before, after = (lambda one: one[one.index < at(STOPPED)].iloc[1:-1]), (lambda one: one[one.index > at(STOPPED + 3 * HOUR)])
    used = cores[("used", "lab")]
    assert before(used).mean() == pytest.approx(0.902, rel=0.01) and after(used).mean() == pytest.approx(0.802, rel=0.01)
    assert after(cores[("used", NASTY)]).mean() == pytest.approx(0.2, rel=0.01)
    # 4 + 2 + 1 + 2 of lab, one of each other: by flavour what runs of it now, not each virtual core at each point
    assert set(before(cores[("running", "")])) == {12} and set(after(cores[("running", "")])) == {11}
    assert set(before(memory[("used", "lab")])) <= {4.5 * GIB, 5.5 * GIB} and set(after(memory[("used", "lab")])) == {3.5 * GIB}
    assert set(before(memory[("running", "")])) == {32 * GIB} and set(after(memory[("running", "")])) == {28 * GIB}
    assert "only-quota" not in memory.columns.get_level_values("project")


def at(seconds: int) -> pd.Timestamp:
    return pd.Timestamp(seconds, unit="s", tz="UTC")


def test_no_chart_of_all_projects_reads_each_virtual_core_at_each_point(sources: Sources) -> None:
    """They are many times as many series as machines; now they are counted once, for the table too."""
    with recording() as sent:
        projects.everything(sources, viewer=STAFF)
        told = len(sent)
        projects.over_time(sources, viewer=STAFF, when=WHEN)
    assert [batches.VCPU in request.expr for request in sent[told:]] == [False, False]
    assert all(request.step for request in sent[told:])
    # a point of a chart reads: core time and state of each machine; its memory, what is usable of it, and its memory again
    selected = sorted(request.expr.count("libvirtd_domain_") for request in sent[told:])
    assert selected == [2, 3]


@pytest.mark.parametrize(("viewer", "requests"), [(STAFF, 7), (replace(STAFF, cloud_projects=frozenset({"lab"})), 7)])
def test_what_is_there_is_never_asked_whether_it_is(sources: Sources, viewer: Viewer, requests: int) -> None:
    """Why there is nothing is asked only where there is nothing: quota, what runs, the month, two charts, the hypervisors and their size."""
    with recording() as sent:
        for section in cloud.CLOUD.sections:
            section.query(sources, viewer, cloud.CLOUD.subject({}), WHEN)
    assert len(sent) == requests and not any(request.expr.startswith("count(libvirtd") for request in sent)


def test_a_project_without_machines_costs_two_small_questions_more(sources: Sources) -> None:
    """… and none the second time, within a minute."""
    bare = replace(ANN, cloud_projects=frozenset({"only-quota"}))
    for most in (2 + 2, 0):  # quota and what runs; how far back metrics go, and whether any machine is known
        with recording() as sent:
            frame = projects.own(sources, viewer=bare)
        assert len(sent) <= most, [request.expr for request in sent]
        assert frame["cores_quota"].tolist() == [10] and frame["cores_running"].isna().all() and frame.attrs["troubles"] == []


def test_a_project_that_ended_within_the_month_is_found_by_staff(sources: Sources) -> None:
    """Of those that run or have a quota the month is not looked through."""
    later = replace(sources, clock=lambda: float(END + 10 * DAY))
    for name in ("labyx", "lab.x", NASTY):
        assert machines.known_project(later, viewer=STAFF, project=name) == name
    with pytest.raises(NotFound):
        machines.known_project(later, viewer=STAFF, project="Labyx")
    with recording() as sent:
        machines.known_project(sources, viewer=STAFF, project="lab.x")
    assert len(sent) == 1 and "max_over_time" not in sent[0].expr


def test_all_projects_are_for_staff(sources: Sources) -> None:
    for viewer in (ANN, NOBODY, PUBLIC):
        for call in (projects.everything, projects.physical):
            with pytest.raises(NotAllowed):
                call(sources, viewer=viewer)
        with pytest.raises(NotAllowed):
            projects.over_time(sources, viewer=viewer, when=WHEN)
    assert projects.own(sources, viewer=NOBODY).empty and projects.own(sources, viewer=PUBLIC).empty
    with pytest.raises(NotSignedIn):
        cloud_project.PROJECT.access.check(PUBLIC, cloud_query.project_subject({"project": "lab"}))


def test_findings_of_a_project(sources: Sources) -> None:
    judged = cloud_query.judged(sources, ANN, cloud_query.project_subject({"project": "lab"}), WHEN)["judged"]
    found = {row["uuid"]: finding for row, finding in judged["findings"]}
    assert {uuid: finding.id for uuid, finding in found.items()} == {A: "vm_oversized", B: "vm_idle", G: "vm_idle"}
    # 0.75 of 4 cores, a peak of 3 of 8 GiB, a quarter more: 2 cores and 4 GiB
    numbers = found[A].numbers
    assert (numbers["what"], numbers["smaller"], numbers["peak_bytes"]) == ("cores", "c2", 3 * GIB)
    assert numbers["used_cores"] == pytest.approx(0.75, rel=0.01) and numbers["known_seconds"] == pytest.approx(9 * DAY, abs=HOUR)
    assert (found[B].severity, found[G].severity, found[G].confidence) == ("warn", "info", "low")
    assert judged["young"] == [] and judged["running"] == 3


def test_young_machines_are_not_judged(sources: Sources) -> None:
    early = TimeRange(start=END - 9 * DAY, end=END - 3 * DAY, now=END)  # six days are known of fourteen
    judged = cloud_query.judged(sources, ANN, cloud_query.project_subject({"project": "lab"}), early)["judged"]
    assert judged["findings"] == [] and len(judged["young"]) == judged["running"] == 4


@pytest.mark.parametrize(
    ("viewer", "page", "params"),
    [
        (ANN, cloud_project.PROJECT, {"project": "lab"}), (STAFF, cloud_project.PROJECT, {"project": "lab"}),
        (ANN, cloud_instance.INSTANCE, {"project": "lab", "uuid": A}), (STAFF, cloud.CLOUD, {}),
    ],
)  # fmt: skip
def test_no_request_a_machine(sources: Sources, viewer: Viewer, page: Page, params: dict) -> None:
    """As many requests as sections and tiles at most, whoever asks; none the second time."""
    subject = page.subject(params)
    for most in (len(page.sections) + 4, 0):
        with recording() as sent:
            page.head(sources, viewer, subject, WHEN)
            for section in page.sections:
                section.query(sources, viewer, subject, WHEN)
        assert len(sent) <= most, [request.expr[:60] for request in sent]


def test_the_table_has_means_over_the_range(sources: Sources) -> None:
    frame = cloud_query.table(sources, ANN, cloud_query.project_subject({"project": "lab"}), WHEN)["instances"]
    web, old = row_of(frame, A), row_of(frame, C)
    assert (web["cpu"], web["cpu_share"]) == pytest.approx((0.75, 0.1875), rel=0.01)
    assert (web["memory_share"], web["disk_rate"], web["network_rate"]) == pytest.approx((0.25, 4500, 2100), rel=0.01)
    assert math.isnan(old["cpu"]) and math.isnan(old["cpu_share"])


def test_an_exporter_that_is_not_there_leaves_the_rest(sources: Sources) -> None:
    bare = without(sources, "openstack_exporter")
    frame = projects.everything(bare, viewer=STAFF)
    assert frame["cores_quota"].isna().all() and frame["cores_running"].sum() == 11 and len(frame.attrs["troubles"]) == 1
    bare = without(sources, "libvirtd_exporter")
    assert projects.own(bare, viewer=ANN)["cores_quota"].tolist() == [20]
    summary = cloud_query.summary(bare, ANN, cloud_query.project_subject({"project": "lab"}), WHEN)
    assert isinstance(summary["instances"], NoData) and summary["quota"]["cores"] == 20
    subject = cloud_query.instance_subject({"project": "lab", "uuid": A})
    assert isinstance(cloud_query.cpu(bare, ANN, subject, WHEN)["cores"], NoData)
    assert cloud_instance.head(bare, ANN, subject, WHEN)[0] == A


def test_a_machine_that_stopped_opens_on_its_last_day(sources: Sources) -> None:
    start, end = cloud_instance.span(sources, ANN, cloud_query.instance_subject({"project": "lab", "uuid": C}), END)
    assert start < STOPPED < end <= STOPPED + 2 * HOUR and end - start <= DAY + HOUR
    for viewer, uuid in ((ANN, A), (ANN, D), (EVE, C), (PUBLIC, C)):
        assert cloud_instance.span(sources, viewer, cloud_query.instance_subject({"project": "lab", "uuid": uuid}), END) == (END - DAY, END)


def test_a_project_without_machines_has_no_charts(sources: Sources) -> None:
    subject = cloud_query.project_subject({"project": "only-quota"})
    assert cloud_project.head(sources, replace(ANN, cloud_projects=frozenset({"only-quota"})), subject, WHEN)[2] == ("summary", "instances")
    assert cloud_project.head(sources, ANN, cloud_query.project_subject({"project": "lab"}), WHEN)[2] is None


def test_prometheus_down_is_no_empty_project(sources: Sources, sources_of: Callable[..., Sources]) -> None:
    down = sources_of("http://127.0.0.1:9", clock=lambda: float(END))
    with pytest.raises(SourceDown):
        machines.instances(down, viewer=ANN, project="lab", when=WHEN)
    assert cloud_project.head(down, ANN, cloud_query.project_subject({"project": "lab"}), WHEN)[0] == "lab"
    assert all(isinstance(one, SourceDown) for one in projects.own(down, viewer=ANN).attrs["troubles"])


def elsewhere(sources: Sources) -> Sources:
    """The same Prometheus for a site of which it has nothing."""
    settings = sources.settings
    prometheus = settings.prometheus.model_copy(update={"filter": {"cloudstats": 'cluster="three"'}})
    return replace(sources, settings=settings.model_copy(update={"prometheus": prometheus}))


def test_an_exporter_nobody_collects_is_not_a_project_that_is_not_there(sources: Sources) -> None:
    """Staff mend it; who is no member learns nothing of it."""
    bare, subject = elsewhere(sources), cloud_query.project_subject({"project": "lab"})
    with pytest.raises(NoData) as found:
        machines.known_project(bare, viewer=STAFF, project="lab")
    assert found.value.why is Why.METRIC_ABSENT
    for viewer in (STAFF, ANN):
        assert cloud_project.head(bare, viewer, subject, WHEN)[2] is None
        assert cloud_query.cpu(bare, viewer, subject, WHEN)["cores"].why is Why.METRIC_ABSENT
    with pytest.raises(NotFound):
        machines.known_project(bare, viewer=EVE, project="lab")
    own = projects.own(bare, viewer=ANN)
    assert [error.why for error in own.attrs["troubles"]] == [Why.METRIC_ABSENT] * 2


def test_charts_of_a_time_without_machines_say_why(sources: Sources) -> None:
    for when in (replace(WHEN, start=END - 30 * DAY, end=END - 29 * DAY), WHEN):
        found = projects.over_time(sources if when is not WHEN else elsewhere(sources), viewer=STAFF, when=when)
        whys = {kind: frame.why for kind, frame in found.items()}
        assert set(whys) == {"cores", "memory"} and set(whys.values()) == {Why.METRIC_ABSENT if when is WHEN else Why.BEFORE_RETENTION}


def test_a_system_that_does_not_tell_its_memory_is_no_empty_chart(sources: Sources) -> None:
    for params in ({"project": "lab.x"}, {"project": "lab.x", "uuid": E}):
        subject = (cloud_query.instance_subject if "uuid" in params else cloud_query.project_subject)(params)
        assert cloud_query.memory(sources, EVE, subject, WHEN)["memory"].why is Why.NOT_TOLD
    row = row_of(cloud_query.table(sources, EVE, cloud_query.project_subject({"project": "lab.x"}), WHEN)["instances"], E)
    assert row["memory"] == 4 * GIB and math.isnan(row["memory_used"]) and math.isnan(row["memory_mean"]) and math.isnan(row["memory_share"])
    frame = projects.everything(sources, viewer=STAFF).set_index("project")
    assert frame.loc["lab.x", "memory_running"] == 4 * GIB and math.isnan(frame.loc["lab.x", "memory_used"])
