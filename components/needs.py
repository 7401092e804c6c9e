"""What a section or panel stands on, taken from the batches it reads: so `check` can name what is empty without it."""

from __future__ import annotations

from components.records import Need
from core.settings import Settings
from datasources.prometheus.batch import Batch

PLAIN = Settings()  # batches are the same but for names of labels and hosts


def needs_of(*batches: Batch) -> tuple[Need, ...]:
    """Every metric and recording rule these batches read."""
    metrics = dict.fromkeys(metric for batch in batches for metric in batch.metrics)
    rules = dict.fromkeys(rule for batch in batches for rule in batch.rules)
    return (*(Need(kind="metric", name=name) for name in metrics), *(Need(kind="rule", name=name) for name in rules))


def metrics(*names: str) -> tuple[Need, ...]:
    """These metrics, of a batch whose others serve other panels."""
    return tuple(Need(kind="metric", name=name) for name in names)


def rules(*names: str) -> tuple[Need, ...]:
    """These recording rules."""
    return tuple(Need(kind="rule", name=name) for name in names)
