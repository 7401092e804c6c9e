"""What findings about virtual machines say: a headline, the evidence and the advice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.text import N_
from components.text_findings_records import Text


def _size(numbers: Mapping[str, Any]) -> str:
    return {
        "both": N_("It needs fewer cores and less memory."), "cores": N_("It needs fewer cores."), "memory": N_("It needs less memory."),
    }[numbers["what"]]  # fmt: skip


def _used(numbers: Mapping[str, Any]) -> str:
    if numbers["peak_bytes"] != numbers["peak_bytes"]:
        return N_(
            "%(used_cores)s of %(cores)s cores were enough for 95 %% of the time; its memory is not measured. "
            "%(known_seconds)s of the last %(days)s days are known."
        )
    return N_(
        "%(used_cores)s of %(cores)s cores were enough for 95 %% of the time, the peak of memory was %(peak_bytes)s of %(memory_bytes)s. "
        "%(known_seconds)s of the last %(days)s days are known."
    )


TEXTS = {
    "vm_idle": Text(
        headline=lambda n: N_("Its cores do next to nothing.") if n["gpus"] else N_("It does next to nothing."),
        evidence=N_(
            "CPU use of %(mean_share)s of %(cores)s cores on average, and hardly ever above %(limit_share)s. "
            "%(known_seconds)s of the last %(days)s days are known."
        ),
        advice=lambda n: (
            N_("What its GPU does is not seen from outside: look at nvidia-smi inside it. If it is not needed, delete it: a GPU is held even by an idle machine.")
            if n["gpus"]
            else N_("If nobody needs it, delete it (keep its volume if the data matter): a machine holds its cores and memory as long as it exists.")
        ),
    ),
    "vm_oversized": Text(
        headline=_size,
        evidence=_used,
        advice=lambda n: (
            N_("%(smaller)s would hold it: %(smaller_cores)s cores and %(smaller_bytes)s, a quarter more than it used. Resize it when it may be restarted.")
            if n["smaller"]
            else N_("Choose a smaller flavour when it may be restarted; leave a quarter more than it used.")
        ),
    ),
}  # fmt: skip
