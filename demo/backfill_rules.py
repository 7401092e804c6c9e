"""History of the recorded rules, worked out from the jobs' tables: the meaning of deploy/recording_rules.yml, without raw samples."""

from __future__ import annotations

import numpy as np

from demo.model import Gpu, Node
from demo.series import COARSE, STEP, Hum
from demo.series_catalog import Catalog
from demo.series_login import sessions
from demo.series_lustre import BYTES, IDLE, OPERATIONS
from demo.series_share import WATTS, ShareTable, account_seen, cards, idle_beneath

CORE_WINDOW = 120  # seconds of the rules' rate windows
LUSTRE_WINDOW = 180
MEMORY = {"allocated_memory": 2, "rss_memory": 4, "max_memory": 1}  # rows of ShareTable.memory
Key = tuple[tuple[str, str], ...]


class Sums:
    """Sums by label set over one stretch of times, remembering where anything was there at all."""

    def __init__(self, times: np.ndarray, cluster: str) -> None:
        self.times, self.cluster = times, cluster
        self._rows: dict[Key, tuple[np.ndarray, np.ndarray]] = {}

    def add(self, name: str, place: slice, values: np.ndarray | float, there: np.ndarray, **labels: str) -> None:
        """Add values to the series of this rule at the places where they exist."""
        key = (("__name__", name), *labels.items())
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = (np.zeros(len(self.times)), np.zeros(len(self.times), bool))
        row[0][place] += np.where(there, values, 0)
        row[1][place] |= there

    def result(self) -> list[tuple[Key, np.ndarray]]:
        """Labels, the cluster's among them, and values with NaN where the rule has no result."""
        found = []
        for key, (values, there) in self._rows.items():
            if there.any():
                values[~there] = np.nan
                found.append((tuple(sorted((*key, ("cluster", self.cluster)))), values))
        return found


def rules_between(catalog: Catalog, begin: int, end: int) -> tuple[np.ndarray, list[tuple[Key, np.ndarray]]]:
    """Times (every COARSE seconds of [begin, end)) and the recorded series at them."""
    times = np.arange(-(-begin // COARSE) * COARSE, end, COARSE, dtype=float)
    sums = Sums(times, catalog.plan.cluster)
    if not len(times):
        return times, []
    tables, power = catalog.tables, Power(times)
    for number in tables.between(times[0] - CORE_WINDOW, times[-1] + 1):
        # a job that no evaluation sees needs no tables
        place = _place(times, tables.starts[number], tables.ends[number] + CORE_WINDOW)
        if place.stop > place.start:
            _add_share(sums, place, tables.table(int(number)), power)
    power.add_to(sums)
    _add_lustre(catalog, sums)
    return times, sums.result()


def _place(times: np.ndarray, begin: float, end: float) -> slice:
    return slice(int(np.searchsorted(times, begin)), int(np.searchsorted(times, end)))


def _add_share(sums: Sums, place: slice, table: ShareTable, power: Power) -> None:
    times = sums.times[place]
    alive, cores = table.alive(times), len(table.share.cores)
    who = {"user": table.run.person, "account": account_seen(table.run)}
    late = np.minimum(times, table.end)
    early = np.clip(times - CORE_WINDOW, table.start, table.end)
    seen = late - early >= STEP  # rate() wants two samples
    total = table.cores.sums.sum(axis=0)
    used = (_read(total, table.start, late) - _read(total, table.start, early)) / CORE_WINDOW
    for labels, ending in (({}, ""), (who, "_user_account")):
        sums.add(f"slurm_job:allocated_core:count{ending}", place, cores, alive, **labels)
        sums.add(f"slurm_job:used_core:sum{ending}", place, used, seen, **labels)
    memory = table.memory.at(times)
    for name, row in MEMORY.items():
        sums.add(f"slurm_job:{name}:sum_user_account", place, memory[row], alive, **who)
        if name != "max_memory":
            sums.add(f"slurm_job:{name}:sum", place, memory[row], alive)
    if table.exes is not None:
        late_exe, early_exe = table.exes.at(late), table.exes.at(early)
        for exe, now, then in zip(table.exe_names, late_exe, early_exe, strict=True):
            labels = {"account": who["account"], "bin": exe.rsplit("/", 1)[-1]}
            grown = (now - then) / np.maximum(late - early, 1)
            sums.add(
                "slurm_job:process_usage:sum_account", place, grown, seen & alive & (then > 60) & (grown > 0), **labels
            )
    if table.gpus:
        _add_gpus(sums, place, table, alive, power)


def _read(sums: np.ndarray, start: int, times: np.ndarray) -> np.ndarray:
    return np.interp((times - start) / 60, np.arange(len(sums)), sums)


def _add_gpus(sums: Sums, place: slice, table: ShareTable, alive: np.ndarray, power: Power) -> None:
    times, gpus = sums.times[place], {gpu.index: gpu for gpu in table.node.gpus}
    who = {"user": table.run.person, "account": account_seen(table.run)}
    for index, levels in table.gpus.items():
        rows, kind = levels.at(times), {"gpu_type": gpus[index].gpu_type}
        util = np.round(rows[0], 3)
        sums.add("slurm_job:allocated_gpu:count", place, 1, alive)
        sums.add("slurm_job:allocated_gpu:count_user_account", place, 1, alive, **who)
        sums.add("slurm_job:used_gpu:sum", place, util / 100, alive)
        sums.add("slurm_job:used_gpu:sum_user_account", place, util / 100, alive, **kind, **who)
        sums.add("slurm_job:non_idle_gpu:sum_user_account", place, 1, alive & (util > 0), **kind, **who)
        power.add(table.node, gpus[index], place, np.where(alive, rows[WATTS], 0), alive, {**kind, **who})


class Power:
    """Milliwatts as the exporter shows them: a slice shows its whole card's, so all of a card must be known first."""

    def __init__(self, times: np.ndarray) -> None:
        self.times = times
        self._cards: dict[str, np.ndarray] = {}
        self._shown: list[tuple[str, slice, np.ndarray, dict[str, str]]] = []

    def add(
        self, node: Node, gpu: Gpu, place: slice, watts: np.ndarray, alive: np.ndarray, labels: dict[str, str]
    ) -> None:
        """A GPU's own watts where a run holds it, and the labels of that run."""
        card = next(card for card in cards(node) if gpu in card)
        whole = self._cards.setdefault(card[0].uuid, np.full(len(self.times), idle_beneath(card)))
        whole[place] += watts
        self._shown.append((card[0].uuid, place, alive, labels))

    def add_to(self, sums: Sums) -> None:
        """Add the rules of all that was held."""
        for card, place, alive, labels in self._shown:
            milliwatts = np.rint(self._cards[card][place] * 1000)
            sums.add("slurm_job:power_gpu:sum", place, milliwatts, alive, gpu_type=labels["gpu_type"])
            sums.add("slurm_job:power_gpu:sum_user_account", place, milliwatts, alive, **labels)


def _add_lustre(catalog: Catalog, sums: Sums) -> None:
    times, everywhere = sums.times, slice(0, len(sums.times))
    always = np.ones(len(times), bool)
    for load in catalog.file_systems:
        for name in BYTES:
            rate = sum(_mean(hum, times) for hum in load.hums[name])
            sums.add(f"lustre:{name}:rate3m", everywhere, rate, always, fs=load.fs)
        for name in OPERATIONS:
            rate = _mean(load.meta[name], times) if name in load.meta else 0.0
            sums.add("lustre:metadata:rate3m", everywhere, rate, always, fs=load.fs, operation=name)
    for session in sessions(catalog.plan):
        who, shown = {"user": session.labels["user"], "fs": session.fs}, session.shown(times)
        for name in session.rates:
            rule = f"lustre:{name}:rate3m_user" if name in BYTES else "lustre:metadata:rate3m_user"
            grown = session.counted(name, times) - session.counted(name, times, LUSTRE_WINDOW)
            sums.add(rule, everywhere, grown / LUSTRE_WINDOW, shown, **who)
    tables, seen = catalog.tables, set()
    for number in tables.between(times[0] - IDLE, times[-1] + 1):
        run, _ = tables.entries[number]
        place = _place(times, tables.starts[number], tables.ends[number] + IDLE)
        if id(run) in seen or place.stop <= place.start:
            continue
        seen.add(id(run))
        for io in catalog.ios.of(run):
            _add_io(sums, place, io)


def _mean(hum: Hum, times: np.ndarray) -> np.ndarray:
    return hum.total(times, times - LUSTRE_WINDOW) / LUSTRE_WINDOW


def _add_io(sums: Sums, place: slice, io) -> None:  # noqa: ANN001 - demo.series_lustre.RunIo
    times = sums.times[place]
    who = {"user": io.run.person, "account": io.run.account, "fs": io.fs}
    for spells, names in ((io.bytes, BYTES), (io.meta, io.operations)):
        if spells is None:
            continue
        shown = ~np.isnan(spells.at(times)[0])
        rates = (spells.total(times) - spells.total(times - LUSTRE_WINDOW)) / LUSTRE_WINDOW
        for name, rate in zip(names, rates, strict=True):
            if name in BYTES:
                sums.add(f"lustre:{name}:rate3m_user", place, rate, shown, **who)
                sums.add(f"lustre:{name}:rate3m", place, rate, shown, fs=io.fs)
            else:
                sums.add("lustre:metadata:rate3m_user", place, rate, shown, **who)
                sums.add("lustre:metadata:rate3m", place, rate, shown, fs=io.fs, operation=name)
