"""What a run moves: file systems, networks, the local disk and main memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.behaviour_kinds import Style
from demo.model import PlannedRun, Share

OPEN_OPS = {
    "open": 1.0,
    "close": 1.0,
    "getattr": 1.7,
    "mknod": 0.3,
    "unlink": 0.12,
    "setattr": 0.3,
}


@dataclass(kw_only=True)
class Traffic:
    """Rates by bucket: bytes/s and operations/s of one node; disk_used in bytes."""

    lustre_read: dict[str, np.ndarray]
    lustre_write: dict[str, np.ndarray]
    lustre_ops: dict[str, dict[str, np.ndarray]]
    eth_rx: np.ndarray
    eth_tx: np.ndarray
    ib_rx: np.ndarray
    ib_tx: np.ndarray
    disk_read: np.ndarray
    disk_write: np.ndarray
    disk_used: np.ndarray
    memory_read: np.ndarray
    memory_write: np.ndarray


def traffic(style: Style, busy: np.ndarray, share: Share, run: PlannedRun, rng: np.random.Generator) -> Traffic:
    """Everything a share moves, from how busy its cores are (cores by bucket)."""
    buckets = len(busy)
    pace = np.clip(busy / max(0.05, len(share.cores) * style.cpu), 0, 1)
    fs = "project" if run.seed % 5 == 0 else "scratch"
    noise = 0.7 + 0.6 * rng.random((3, buckets))
    read, write = pace * style.read * noise[0], style.write * noise[1]
    if style.dip_every:
        # results are written in spells, about when the cores pause
        spells = (np.arange(buckets) % style.dip_every) < 2
        write = np.where(spells, write * style.dip_every / 2.5, write * 0.15)
    write = write * (pace > 0.01)
    read[: min(3, buckets)] += 6 * style.read
    ib = pace * style.ib * noise[2]
    opens = pace * style.opens * noise[0]
    # what runs for seconds touches no file long enough to be counted
    bulk = {"statfs": np.full(buckets, 0.01)} if style.opens else {}
    return Traffic(
        lustre_read={fs: read},
        lustre_write={fs: write},
        lustre_ops={fs: {name: opens * share_of for name, share_of in OPEN_OPS.items()} | bulk},
        eth_rx=2e4 + 1e4 * noise[0],
        eth_tx=1.5e4 + 1e4 * noise[1],
        ib_rx=ib + read,
        ib_tx=ib * 0.98 + write,
        disk_read=pace * style.disk * 0.4 * noise[1],
        disk_write=pace * style.disk * noise[2],
        disk_used=np.minimum(60 * style.disk * np.cumsum(pace), 90e9) + 4e6,
        memory_read=busy * 2.1e9 * (2.0 - style.l3_hit),
        memory_write=busy * 0.8e9 * (2.0 - style.l3_hit),
    )
