"""What is done to answers before they are drawn: names, ratios, edges of a run, core numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.settings import Settings
from datasources.prometheus import job_frames
from tests.pages.job_runs import START, wide

SETTINGS = Settings.model_validate({"metrics": {"host_domain": ".cluster.ca"}})


def test_hosts_lose_port_domain_and_bmc_suffix() -> None:
    raw = wide(("__name__", "slurmjobid", "instance"), [("m", "7", "g1.cluster.ca:9798"), ("m", "7", "g2-oob.cluster.ca")])
    found = job_frames.named(raw, SETTINGS)
    assert found.columns.names == ["metric", "job", "node"]
    assert list(found.columns.get_level_values("node")) == ["g1", "g2"]


def test_a_ratio_of_nothing_is_a_gap() -> None:
    top, bottom = wide(("core",), [("0",), ("1",)], [3, 0]), wide(("core",), [("1",), ("0",)], [0, 4])
    found = job_frames.ratio(top, bottom)
    assert found[("0",)].iloc[0] == 0.75
    assert found[("1",)].isna().all()


def test_nothing_is_shown_after_the_end() -> None:
    frame = wide(("node",), [("c1",)], points=10, step=60)
    assert len(job_frames.within(frame, START + 60, START + 240)) == 4


def test_the_first_window_of_a_rate_is_mended() -> None:
    # a job that uses one core all the time, seen through a window of 240 s: rate() says t / 240 until the window is full
    times = 60 * np.arange(10)
    frame = wide(("node",), [("c1",)], np.minimum(times / 240, 1)[:, None], points=10, step=60)
    found = job_frames.first_window(frame, START, 240, 30)
    assert found.iloc[0].isna().all()
    assert np.allclose(found.iloc[1:], 1)


def test_hardware_threads_are_found_through_their_system_numbers() -> None:
    tidy = pd.DataFrame(
        {"instance": ["c1:9738"] * 3, "socket": ["0", "0", "1"], "core": ["0", "1", "0"], "thread": ["0"] * 3, "value": [0.0, 2.0, 1.0]}
    )
    numbers = job_frames.os_cores(tidy, SETTINGS)
    frame = wide(("what", "node", "socket", "core", "thread"), [("hit", "c1", "0", "0", "0"), ("hit", "c1", "0", "1", "0"), ("hit", "c1", "9", "9", "0")])
    found = job_frames.by_os_core(frame, numbers, {("c1", "2")})
    assert list(found.columns) == [("hit", "c1", "2")]
    assert found.attrs["unmapped"] == 1


def test_equal_columns_are_added_and_gaps_stay_gaps() -> None:
    frame = wide(("a", "b"), [("x", "1"), ("x", "2"), ("y", "1")], [1, 2, np.nan])
    found = job_frames.summed(frame, "a")
    assert found[("x",)].iloc[0] == 3
    assert found[("y",)].isna().all()
