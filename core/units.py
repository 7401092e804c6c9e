"""Multiples and plain conversions; how a number is written for people is components/text's business."""

KIB, MIB, GIB, TIB = 1024, 1024**2, 1024**3, 1024**4
MINUTE, HOUR, DAY = 60, 3600, 86400
NS = 1e-9


def share(part: float | None, whole: float | None) -> float | None:
    """part / whole, or None where either is missing or whole is not positive."""
    if part is None or whole is None or part != part or whole != whole or whole <= 0:
        return None
    return part / whole
