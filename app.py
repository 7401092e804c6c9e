"""Trailblazing Turtle: `python app.py --help`; under gunicorn "app:create_app()" with TURTLE_CONFIG naming the settings file."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import dash
from dash import Dash
from flask_babel import Babel

from analysis.software_table import load_table
from components import compress, gate, page, public, routes, search, section, shell, signin
from components.ask import Registry
from components.links import asset
from components.own_metrics import watch
from components.present import plain_text
from components.viewers import Viewers
from core.errors import SettingsError, TurtleError
from core.settings import Settings
from core.settings_file import load
from datasources.connect import connect
from datasources.sources import Sources
from pages.registry import all_pages

# What a callback's 401 makes the renderer call: the notice that the session has ended (assets/turtle/90-session.js)
SESSION_HOOK = {"request_refresh_jwt": "function(){ window.turtle.sessionEnded(); return new Promise(function(){}); }"}
log = logging.getLogger("turtle")


def _dash(settings: Settings) -> Dash:
    base = settings.server.base_path
    dash.page_registry.clear()  # it is global to the process; a second app (tests) must not inherit the first one's pages
    return Dash(
        __name__,
        use_pages=True,
        pages_folder="",
        assets_folder=str(Path(__file__).parent / "assets"),
        assets_ignore=r"theme-init\.js",
        # off, Dash renders every page as the first visitor and sends the result to everybody; tests check the ids instead
        suppress_callback_exceptions=True,
        update_title="",
        use_async=False,
        routes_pathname_prefix=base,
        requests_pathname_prefix=base,
        health_endpoint="_health",
        hooks=SESSION_HOOK,
        title=settings.site.title,
        index_string=shell.INDEX.format(
            lang="en",
            theme=asset(settings, "theme-init.js"),
            icon=asset(settings, "turtle.svg"),
            font=asset(settings, "base/inter-latin-wght-normal.woff2"),
        ),
    )


def create_app(settings: Settings | None = None, sources: Sources | None = None) -> Dash:
    """The portal, in the order Dash → gate → sign-in → pages → warm-up; reads TURTLE_CONFIG unless settings are given."""
    if settings is None and sources is None:  # gunicorn's workers begin here
        start_logging()
    settings = settings if settings is not None else sources.settings if sources is not None else load()
    sources = sources if sources is not None else connect(settings)
    app = _dash(settings)
    app.server.config["BABEL_TRANSLATION_DIRECTORIES"] = str(Path(__file__).parent / "locales")
    Babel(app.server)
    csp = {"value": "default-src 'self'"}
    signin.install(app, settings)
    if settings.module_on("overview"):
        _tell_of_table(settings)
    method, viewers = signin.method_of(sources), Viewers(sources)
    gate.install(app, settings, lambda: viewers.of(method.profile()), csp)
    compress.install(app, settings)
    watch(app, sources)
    method.register(app)
    registry, turns = Registry(page.existing(all_pages(), settings)), section.Turns()
    page.register(app, sources, registry)
    section.register(app, sources, registry, turns)
    routes.register(app, sources, registry, turns)
    search.register(app, sources, registry, section.Turns())
    shell.register_clientside(app)
    public.register(app, sources, registry)
    app.layout = lambda: shell.layout(registry, settings)
    warm_up(app, settings)
    csp["value"] = gate.policy(app)
    return app


def _tell_of_table(settings: Settings) -> None:
    """A table of programs with a mistake is told in the log now, not by the first visitor; all but the page of programs stays."""
    try:
        load_table(settings.overview.software_file)
    except SettingsError as error:
        log.error("page of software: %s", error.detail)


def warm_up(app: Dash, settings: Settings) -> None:
    """One request now, so that the first visitors do not race through Dash's own start; nothing can be registered after it."""
    answer = app.server.test_client().get(f"{settings.server.base_path}_health")
    if answer.status_code != 200 or not all(app._got_first_request.values()):
        raise RuntimeError(f"warm-up failed: {answer.status_code}")


class _OneLine(logging.Formatter):
    """An event's text stays on its line: what a browser sent must not write lines of its own into the log."""

    converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = plain_text(record.message).replace("\n", "\\n")
        return super().formatMessage(record)


LOG_LINE = _OneLine("%(asctime)sZ %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")

def start_logging(level: str = "INFO") -> None:
    """Log to stderr, one line an event, time stamps in UTC; nothing changes where logging was set up before."""
    handler = logging.StreamHandler()
    handler.setFormatter(LOG_LINE)
    logging.basicConfig(level=level, handlers=[handler])
    # it tells of each of its plugins
    logging.getLogger("alembic").setLevel(logging.WARNING)


def serve(settings: Settings, options: argparse.Namespace) -> int:
    """Become gunicorn with threads: it never returns. Settings that can never work are told before, in one line."""
    with closing(connect(settings)) as sources:
        signin.method_of(sources)
    if options.config:
        os.environ["TURTLE_CONFIG"] = str(options.config)
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "app:create_app()",
        "--chdir",
        str(Path(__file__).parent),
        "--bind",
        options.bind,
        "--workers",
        str(options.workers),
        "--threads",
        str(options.threads),
        "--worker-class",
        "gthread",
        "--timeout",
        "60",
        "--no-control-socket",
        # a tab asks every 30 s: a connection that is closed just as a question arrives on it costs the answer
        "--keep-alive",
        "75",
        "--graceful-timeout",
        "20",
        "--access-logfile",
        "-" if options.access_log else os.devnull,
    ]
    os.execv(sys.executable, command)


def check(settings: Settings, options: argparse.Namespace) -> int:
    """Connect to every source and say what works, what is missing and what that empties; 0 if all is well."""
    from components.check import run
    from datasources.prometheus.all_batches import all_batches

    with closing(connect(settings)) as sources:
        signin.method_of(sources)
        return run(settings, sources, all_pages(), all_batches(settings))


def summarise(settings: Settings, options: argparse.Namespace) -> int:
    """Keep the portal's readings of storage and its summaries of finished jobs up to date; SIGINT and SIGTERM end it after the present batch."""
    from analysis.storage_history import keep_storage
    from analysis.summarise import interruptible
    from analysis.summarise import summarise as keep_up

    sources = connect(settings)
    try:
        with interruptible() as stop:
            # first: it is short, and does not wait for what the jobs need
            keep_storage(sources, stop=stop)
            done = keep_up(sources, limit=options.limit or None, stop=stop)
    finally:
        sources.close()
    print(f"{done} job{'' if done == 1 else 's'} summarised")
    return 0


def demo(settings: None, options: argparse.Namespace) -> int:
    """A simulated cluster and the portal on it."""
    from demo.main import main

    return main(options.rest)


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="app.py", description="A web portal for people who use, run and pay for an HPC cluster."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, help="settings file (default: TURTLE_CONFIG)")
    one = commands.add_parser("serve", parents=[common], help="serve the portal (gunicorn)")
    one.add_argument("--bind", default="127.0.0.1:8050", help="address:port or unix:/path (default: %(default)s)")
    one.add_argument("--workers", type=int, default=2)
    one.add_argument("--threads", type=int, default=16)
    one.add_argument("--access-log", action="store_true", help="log every request to stdout")
    one.set_defaults(run=serve)
    commands.add_parser("check", parents=[common], help="say what of the configured sources works").set_defaults(
        run=check
    )
    one = commands.add_parser("summarise", parents=[common], help="store summaries of finished jobs; for a timer")
    one.add_argument("--limit", type=int, default=0, help="stop after so many jobs; 0: all")
    one.set_defaults(run=summarise)
    one = commands.add_parser("demo", add_help=False, help="a simulated cluster and the portal on it")
    one.set_defaults(run=demo)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; a wrong setting is one line on stderr and exit status 2."""
    options, rest = arguments().parse_known_args(argv)
    options.rest = rest
    if rest and options.command != "demo":
        arguments().error(f"unknown argument {rest[0]}")
    start_logging()
    try:
        return options.run(None if options.command == "demo" else load(options.config), options)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except TurtleError as error:
        print(f"{type(error).__name__}: {error.detail}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
