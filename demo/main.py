"""The demo, from nothing to a portal on loopback: plan, MariaDB, Prometheus, exporters, follower, gunicorn, in that order."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import time
import urllib.request
from pathlib import Path
from types import FrameType
from typing import NoReturn

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from demo import accounting, backfill, database, database_robinhood, servers, site
from demo.mark import personas, put_mark
from demo.model import Plan
from demo.plan import load_plan, make_plan, save_plan
from demo.processes import Child, ChildEnded, Children, end_leftovers
from demo.prometheus_config import write_config
from demo.state import (
    ROOT,
    SEED,
    DemoError,
    State,
    check_port,
    check_room,
    clear,
    followed,
    free_port,
    read_state,
    set_followed,
    take_lock,
    version,
    why_rebuild,
    write_state,
)
from demo.unpack import UnpackError

CACHE = ROOT / ".cache"
RULES = ROOT / "deploy" / "recording_rules.yml"
SUMMARISE_EVERY = 600  # seconds; deploy/turtle-summarise.timer does it as often


class Stop(BaseException):
    """Somebody asked the demo to end."""


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    # further signals must not disturb the orderly end
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    raise Stop


class Demo:
    """One run of the demo: its folder, its processes and when it began."""

    def __init__(self, folder: Path, port: int) -> None:
        """Prepare; nothing is started."""
        self.folder, self.port = folder, port
        self.children = Children(folder)
        self.begun, self.fifths = time.monotonic(), 0
        self.ports = {name: free_port() for name in ("mariadb", "prometheus", "exporters")}

    def say(self, text: str) -> None:
        """A line of progress, with the seconds since the start."""
        print(f"{time.monotonic() - self.begun:5.0f} s  {text}", flush=True)

    def progress(self, done: float) -> None:
        """A changing line within a long step, `done` from 0 to 1; without a terminal a line for each fifth."""
        if sys.stdout.isatty():
            print(f"\r         {done:4.0%} ", end="\r" if done >= 1 else "", flush=True)
        elif int(done * 5) > self.fifths:
            print(f"         {done:4.0%}", flush=True)
        self.fifths = int(done * 5)

    def start_mariadb(self, programs: servers.Programs, password: str) -> None:
        """Start MariaDB and wait until its owner gets in."""
        place, port = self.folder / "mariadb", self.ports["mariadb"]
        command = servers.mariadb_command(programs, place, port, database.OWNER, password)
        self.children.start("mariadb", command, programs.env).log = place / "error.log"
        self.children.wait_until(lambda: _lets_in(port, password), "MariaDB")

    def start_prometheus(self, programs: servers.Programs) -> Child:
        """Start Prometheus without targets and rules: history must be in before they write newer samples."""
        place = self.folder / "prometheus"
        place.mkdir(exist_ok=True)
        config = place / "prometheus.yml"
        config.write_text("global: {}\n")
        command = servers.prometheus_command(programs, place, config, self.ports["prometheus"])
        child = self.children.start("prometheus", command, programs.env)
        self.children.wait_until(lambda: _answers(f"{self.prometheus}/-/ready"), "Prometheus")
        return child

    @property
    def prometheus(self) -> str:
        """Prometheus's address."""
        return f"http://127.0.0.1:{self.ports['prometheus']}"

    def build(self, programs: servers.Programs) -> tuple[Plan, Engine, Child]:
        """Make everything anew; the state says complete only at the end."""
        clear(self.folder)
        self.children = Children(self.folder)
        state = State(version(), SEED, int(time.time()), False, servers.new_password())
        write_state(self.folder, state)
        self.say("Planning 30 days of a cluster's life")
        plan = make_plan(SEED, state.made_at)
        save_plan(plan, self.folder / "plan")
        self.say(f"Writing {len(plan.runs)} jobs into the accounting database")
        servers.make_mariadb(programs, self.folder / "mariadb")
        self.start_mariadb(programs, state.password)
        engine = database.make_database(self.ports["mariadb"], state.password)
        accounting.write_all(engine, plan, state.made_at)
        put_mark(engine, plan)
        database.let_reader_in(engine, plan.cluster, site.write_secret(self.folder / "reader_password"))
        database_robinhood.make(engine, site.write_secret(self.folder / "robinhood_password"))
        prometheus = self.start_prometheus(programs)
        self.say("Filling Prometheus with the history of the metrics (about a minute)")
        backfill.fill(self.prometheus, plan, progress=self.progress, totals=self.folder / "totals")
        set_followed(self.folder, state.made_at)
        self.start_exporters()
        self.catch_up(plan, engine)
        state.complete = True
        write_state(self.folder, state)
        return plan, engine, prometheus

    def resume(self, programs: servers.Programs) -> tuple[Plan, Engine, Child]:
        """Start from what is kept, brought up to now; what cannot be used is built anew."""
        try:
            # they take longest to get ready, so they do it beside everything else
            self.start_exporters()
            plan, password = load_plan(self.folder / "plan"), read_state(self.folder).password
            self.start_mariadb(programs, password)
            engine, prometheus = (
                database.open_database(self.ports["mariadb"], password),
                self.start_prometheus(programs),
            )
            self.catch_up(plan, engine)
        except (ChildEnded, DemoError, SQLAlchemyError, OSError, EOFError) as error:
            self.children.stop()
            self.say(f"What was kept cannot be used, the demo cluster is built anew. ({str(error)[:300]})")
            return self.build(programs)
        return plan, engine, prometheus

    def catch_up(self, plan: Plan, engine: Engine) -> None:
        """Bring accounting, metrics and what Robinhood found up to now."""
        since, now = followed(self.folder), int(time.time())
        if now - since > 60:
            self.say(f"Simulating the {(now - since) / 3600:.1f} hours since the last run")
        accounting.follow(engine, plan, since, now)
        database_robinhood.write(engine, plan, now)
        # Prometheus refuses samples older than those it has of the same series
        since = max(since, _newest_sample(self.prometheus))
        backfill.catch_up(self.prometheus, plan, since, now, self.progress, totals=self.folder / "totals")
        set_followed(self.folder, now)

    def start_exporters(self) -> None:
        """Start the live exporters; they listen when they have added up the past."""
        options = ["--plan", str(self.folder / "plan"), "--port", str(self.ports["exporters"])]
        options += ["--totals", str(self.folder / "totals")]
        self.children.start("exporters", [sys.executable, "-m", "demo.exporters", *options])

    def go_live(self, plan: Plan, engine: Engine, prometheus: Child) -> None:
        """Start the follower, then let Prometheus scrape and evaluate its rules."""
        # a failed first scrape would end every series the history has just brought here
        self.children.wait_until(lambda: _listens(self.ports["exporters"]), "The exporters")
        address = engine.url.render_as_string(hide_password=False)
        engine.dispose()
        follower = [sys.executable, "-m", "demo.follower", "--folder", str(self.folder)]
        self.children.start("follower", follower, {"DEMO_DATABASE": address})
        write_config(self.folder / "prometheus" / "prometheus.yml", plan, self.ports["exporters"], RULES)
        prometheus.process.send_signal(signal.SIGHUP)

    def start_portal(self, plan: Plan) -> None:
        """Run the portal under gunicorn, as in production, and wait until it answers."""
        settings = site.write_settings(self.folder, plan, self.ports["prometheus"], self.ports["mariadb"])
        command = [sys.executable, "-m", "gunicorn", "app:create_app()", "--bind", f"127.0.0.1:{self.port}"]
        command += ["--worker-class", "gthread", "--workers", "2", "--threads", "16", "--timeout", "60"]
        command += ["--keep-alive", "75", "--graceful-timeout", "5", "--chdir", str(ROOT), "--no-control-socket"]
        self.children.start("portal", command, {"TURTLE_CONFIG": str(settings)})
        self.children.wait_until(lambda: _answers(f"http://127.0.0.1:{self.port}/healthz"), "The portal")

    def summarise(self) -> None:
        """Store summaries of finished jobs, as a site's timer does; it gives way to whoever looks at pages."""
        if self.children.runs("summarise"):
            return
        command = ["nice", "-n", "15", sys.executable, "app.py", "summarise"]
        self.children.start("summarise", command, {"TURTLE_CONFIG": str(self.folder / "turtle.toml")}, passing=True)

    def run(self) -> NoReturn:
        """Bring everything up, say where it is, and watch over it until a signal comes."""
        programs = servers.find_programs(CACHE / "servers", self.say)
        reason = why_rebuild(self.folder, int(time.time()))
        if reason:
            self.say(reason)
        plan, engine, prometheus = self.build(programs) if reason else self.resume(programs)
        self.go_live(plan, engine, prometheus)
        self.say("Starting the portal")
        self.start_portal(plan)
        self.say("Ready")
        print(welcome(plan, self.port), flush=True)
        while True:
            self.summarise()
            pause = time.monotonic() + SUMMARISE_EVERY
            while time.monotonic() < pause:
                time.sleep(1)
                self.children.check()


def welcome(plan: Plan, port: int) -> str:
    """The address, the personas and how to stop."""
    lines = [f"{one.name:12} {one.full_name:24} {one.role}" for one in personas(plan)]
    people = "\n".join("    " + line for line in lines)
    return f"\nThe portal is at http://127.0.0.1:{port}/\n\nSign in as one of:\n{people}\n\nCtrl-C stops everything.\n"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _newest_sample(url: str) -> int:
    """The time of Prometheus's newest sample in UTC seconds, or 0 when what it holds in memory is empty."""
    with urllib.request.urlopen(f"{url}/api/v1/status/tsdb", timeout=10) as response:
        newest = json.load(response)["data"]["headStats"]["maxTime"]
    return max(0, -(-newest // 1000))


def _lets_in(port: int, password: str) -> bool:
    engine = create_engine(database.address(port, database.OWNER, password))
    try:
        engine.connect().close()
    except OperationalError:
        return False
    finally:
        engine.dispose()
    return True


def _run(port: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with take_lock(folder):
        left = end_leftovers(folder)
        if left:
            print(f"Ended {left} processes an earlier demo had left running.", flush=True)
        check_port(port)
        check_room(folder)
        demo = Demo(folder, port)
        try:
            demo.run()
        finally:
            # whatever ended the run, the children end in order
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            demo.children.stop()


def main(argv: list[str] | None = None) -> int:
    """The demo command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="app.py demo", description="A simulated cluster with the portal on loopback.")
    parser.add_argument("--port", type=int, default=8050, help="the portal's port (default: 8050)")
    kept = "where its data is kept (default: .cache/demo); what else lies there is lost when it is built anew"
    parser.add_argument("--folder", type=Path, default=CACHE / "demo", help=kept)
    options = parser.parse_args(argv)
    folder = options.folder.resolve()
    os.chdir(ROOT)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        _run(options.port, folder)
    except Stop:
        print("\nEverything the demo started has ended.", flush=True)
        return 0
    except (DemoError, UnpackError, ChildEnded) as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    return 0
