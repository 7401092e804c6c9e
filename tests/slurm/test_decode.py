"""Stored values and what they mean; expected answers are the real sacct's, or Slurm's manual pages."""

from __future__ import annotations

import json
import math

import pytest

from datasources.slurm.decode import (
    array_text,
    exit_code,
    folded,
    gpus,
    hosts,
    job_id,
    licenses,
    memory,
    memory_request,
    node_list,
    pending_tasks,
    reason,
    scheduling,
    state,
    state_number,
    time_limit,
    tres,
)
from datasources.slurm.row import suspended_seconds
from tests.slurm.golden import DATA

ENUMS = json.loads((DATA / "enums.json").read_text())
GIB = 1024**3


@pytest.mark.parametrize(("number", "word"), [(int(number), word) for number, word in ENUMS["state"].items()])
def test_states_are_named_as_sacct_names_them(number: int, word: str) -> None:
    """All states and flags the real sacct was asked for."""
    assert state(number)[0] == word


def test_state_keeps_every_flag() -> None:
    """1027 is a completed job that was requeued."""
    assert state(1027) == ("REQUEUED", ("REQUEUED",))
    assert state(8192 | 1024)[1] == ("RESIZING", "REQUEUED")
    assert state(77)[0] == "STATE_77", "an unknown number is shown, not an error"


def test_state_numbers_go_both_ways() -> None:
    """Filters use the same words."""
    assert state_number("OUT_OF_MEMORY") == (11, False)
    assert state_number("RESIZING") == (8192, True)
    with pytest.raises(KeyError):
        state_number("OOM")


@pytest.mark.parametrize(("number", "word"), [(int(number), word) for number, word in ENUMS["state_reason_prev"].items()])
def test_reasons_are_named_as_sacct_names_them(number: int, word: str) -> None:
    """All 200 numbers the real sacct was asked for."""
    assert reason(number) == word


@pytest.mark.parametrize(("status", "text"), [(int(status), text) for status, text in ENUMS["exit_code"].items()])
def test_exit_codes_are_written_as_sacct_writes_them(status: int, text: str) -> None:
    """139 from a shell is 11:0, out of memory is 0:125."""
    assert exit_code(status) == text


@pytest.mark.parametrize(("number", "text"), [(int(number), text) for number, text in ENUMS["flags"].items()])
def test_scheduling_flags(number: int, text: str) -> None:
    """As sacct lists them; the real one misspells Received."""
    assert ",".join(scheduling(number)) == text.replace("Recieved", "Received")


def test_tres_uses_the_sites_numbers() -> None:
    """Numbers from 1001 differ from site to site, and unknown energy (2^64-2) is left out."""
    names = {1: "cpu", 2: "mem", 3: "energy", 1001: "gres/gpu", 1002: "gres/gpu:a100", 11001: "gres/shard", 1004: "license/matlab"}
    counts = tres("1=24,2=24576,3=18446744073709551614,4=3,1001=2,1002=2,11001=9,1004=1", names)
    assert counts == {"cpu": 24, "mem": 24576, "node": 3, "gres/gpu": 2, "gres/gpu:a100": 2, "gres/shard": 9, "license/matlab": 1}
    assert gpus(counts) == (2, {"a100": 2})
    assert licenses(counts) == {"matlab": 1}
    assert memory(counts) == 24 * GIB
    assert tres("", names) == {} == tres(None, names) == tres("rubbish,1=x", names)


def test_gpus_of_several_types() -> None:
    """The untyped entry is the sum; without it the typed ones are added."""
    assert gpus({"gres/gpu": 3, "gres/gpu:a100": 1, "gres/gpu:h100": 2}) == (3, {"a100": 1, "h100": 2})
    assert gpus({"gres/gpu:a100": 1, "gres/gpu:h100": 2}) == (3, {"a100": 1, "h100": 2})
    assert gpus({"gres/gpu": 1}) == (1, {})


def test_memory_request_knows_bit_63() -> None:
    """0x8000000000000200 is 512 MB for each core; 8192 is 8 GB for each node; 0 says nothing."""
    assert memory_request(0x8000000000000200, cores=4, nodes=1) == (2 * GIB, "cpu")
    assert memory_request(8192, cores=24, nodes=3) == (24 * GIB, "node")
    assert memory_request(0, cores=4, nodes=1) == (None, "job")


@pytest.mark.parametrize(
    ("stored", "at_once", "text"),
    [
        ("0x" + f"{(1 << 501) - 2:X}", 10, "1-500%10"),
        ("0x1FE", 0, "1-8"),
        ("0xF1", 0, "0,4-7"),
        ("0x155", 0, "0-8:2"),
        ("0x3", 0, "0-1"),
        ("1-500%10", 10, "1-500%10"),
        ("3,5,9-11", 0, "3,5,9-11"),
        ("", 5, ""),
        (None, 0, ""),
    ],
)
def test_array_bitmaps_are_written_as_people_type_them(stored: str | None, at_once: int, text: str) -> None:
    """Bit n is task n."""
    assert array_text(stored, at_once) == text


def test_pending_tasks() -> None:
    """Both ways of writing."""
    assert pending_tasks("0x1A") == (1, 3, 4)
    assert pending_tasks("1-9:4%2") == (1, 5, 9)
    assert pending_tasks("rubbish") == ()


def test_job_ids() -> None:
    """Plain, task, pending array, component."""
    none = 0xFFFFFFFE
    assert job_id(7, 0, none, "", 0, none) == "7"
    assert job_id(14, 8, 0, "", 0, none) == "8_0"
    assert job_id(47, 47, none, "1-500%10", 0, none) == "47_[1-500%10]"
    assert job_id(11, 0, none, "", 10, 1) == "10+1"


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("c[1-3],g1", ("c1", "c2", "c3", "g1")),
        ("c[01-02,10]-ib", ("c01-ib", "c02-ib", "c10-ib")),
        ("r[1-2]n[1-2]", ("r1n1", "r1n2", "r2n1", "r2n2")),
        ("login", ("login",)),
        ("None assigned", ()),
        ("(null)", ()),
        ("", ()),
        (None, ()),
        ("c[1-", ()),
    ],
)
def test_host_lists(text: str | None, nodes: tuple[str, ...]) -> None:
    """Several items, padding, suffixes, several brackets; the words for no node are no node."""
    assert hosts(text) == nodes


def test_host_lists_as_text() -> None:
    """Folded again, and emptied where nothing was assigned."""
    assert folded(("c1", "c2", "c3")) == "c[1-3]"
    assert (node_list("None assigned"), node_list("c[1-2]")) == ("", "c[1-2]")


def test_time_limits() -> None:
    """Minutes; 2^32-1 is UNLIMITED, 0 was not recorded."""
    assert (time_limit(5), time_limit(0)) == (300.0, None)
    assert math.isinf(time_limit(4294967295) or 0)


def test_suspension_that_goes_on() -> None:
    """While suspended Slurm stores the moment less what went before: at 1000 000 100 after 40 s before, it holds 1000 000 060."""
    assert suspended_seconds(1_000_000_060, base=2, until=1_000_000_160) == 100
    assert suspended_seconds(4, base=3, until=1_000_000_160) == 4
