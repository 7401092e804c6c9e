"""States, flags and exit codes of the accounting database, written the way sacct writes them."""

from __future__ import annotations

STATES = (
    "PENDING", "RUNNING", "SUSPENDED", "COMPLETED", "CANCELLED", "FAILED",
    "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY",
)  # fmt: skip
BASE = 0xFF  # the low byte is the state, the rest are flags
# In the order Slurm looks at them when it prints one word
FLAGS = {
    "COMPLETING": 1 << 15,
    "STAGE_OUT": 1 << 23,
    "CONFIGURING": 1 << 14,
    "RESIZING": 1 << 13,
    "REQUEUED": 1 << 10,
    "REQUEUE_FED": 1 << 20,
    "REQUEUE_HOLD": 1 << 11,
    "SPECIAL_EXIT": 1 << 12,
    "STOPPED": 1 << 16,
    "REVOKED": 1 << 19,
    "RESV_DEL_HOLD": 1 << 21,
    "SIGNALING": 1 << 22,
}
SHOWN_FLAGS = sum(FLAGS.values())
PENDING, RUNNING, SUSPENDED, COMPLETED, CANCELLED, TIMEOUT = 0, 1, 2, 3, 4, 6
UNFINISHED = frozenset({"PENDING", "RUNNING", "SUSPENDED"})

SCHEDULING = {1: "SchedNotSet", 2: "SchedSubmit", 4: "SchedMain", 8: "SchedBackfill", 16: "StartReceived"}


def state(number: int) -> tuple[str, tuple[str, ...]]:
    """(state as sacct prints it, all flags set): 1024 is ("REQUEUED", ("REQUEUED",)), 3 is ("COMPLETED", ())."""
    flags = tuple(name for name, bit in FLAGS.items() if number & bit)
    base = number & BASE
    word = flags[0] if flags else STATES[base] if base < len(STATES) else f"STATE_{base}"
    return word, flags


def state_number(word: str) -> tuple[int, bool]:
    """(number, is a flag) of a state's name; raises KeyError for a word Slurm does not know."""
    if word in FLAGS:
        return FLAGS[word], True
    if word not in STATES:
        raise KeyError(word)
    return STATES.index(word), False


def exit_code(status: int | None) -> str:
    """A wait status as `exit:signal`; as in sacct 128 is taken off exit codes a shell made from a signal (139 → 11:0)."""
    if status is None:
        return ""
    status &= 0xFFFF
    signal = status & 0x7F
    code = (status >> 8) & 0xFF
    if signal not in (0, 0x7F):
        return f"0:{signal}"
    return f"{code - 128 if code >= 128 else code}:0"


def scheduling(flags: int) -> tuple[str, ...]:
    """How the job was scheduled: SchedMain, SchedBackfill …"""
    return tuple(name for bit, name in SCHEDULING.items() if flags & bit)
