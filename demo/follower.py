"""The accounting database follows the simulated cluster, and what Robinhood finds: `python -m demo.follower --folder FOLDER`.

The database's address is in DEMO_DATABASE, so that its password is in no process list.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from sqlalchemy import create_engine

from demo import accounting, database_robinhood
from demo.accounting_rows import Book
from demo.plan import load_plan
from demo.state import followed, set_followed

EVERY = 10  # seconds


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def follow(folder: Path, address: str) -> None:
    """Write what happened since the last time, again and again, and remember up to when."""
    plan = load_plan(folder / "plan")
    engine, book = create_engine(address, pool_pre_ping=True), Book(plan)
    scanned = int(time.time())
    while True:
        since, now = followed(folder), int(time.time())
        accounting.follow(engine, plan, since, now, book)
        set_followed(folder, now)
        if now - scanned >= database_robinhood.SCANNED_EVERY:
            database_robinhood.write(engine, plan, now)
            scanned = now
        time.sleep(EVERY)


def main() -> None:
    """Run until SIGTERM."""
    signal.signal(signal.SIGTERM, _leave)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    follow(parser.parse_args().folder, os.environ["DEMO_DATABASE"])


if __name__ == "__main__":
    main()
