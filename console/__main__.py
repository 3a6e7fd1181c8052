"""Command line: `python -m console --stage STAGE`, a page on this machine that signs its calls to a stage's API."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import EtlError
from chalicelib.settings import LOCAL_STAGE
from console.app import serve
from console.connection import Connection, deployed, embedded
from console.errors import ConsoleError
from console.guard import HOST
from console.state import Console
from glue_setup.errors import SetupError
from local import env_file
from local.command_line import port_by, stop_by_signals
from local.emulator import DEFAULT_PORT, PROJECT
from local.errors import LocalError
from local.pipeline import ENV_FILE, pipeline
from local.progress import Progress

PORT = 8080


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the console until it is stopped; return the exit status."""
    options = parser().parse_args(arguments)
    stop_by_signals()
    if _is_taken(options.port):
        print(f"port {options.port} is taken: set CONSOLE_PORT to another", file=sys.stderr)
        return 1
    token = options.token or secrets.token_urlsafe(24)
    try:
        with _connection(options) as connection:
            serve(Console(connection), options.port, token, browser=options.browser)
    except KeyboardInterrupt:
        return 0
    except (ConsoleError, LocalError) as problem:
        print(f"{problem.problem}: {problem.remedy}", file=sys.stderr)
        return 1
    except (EtlError, SetupError, ClientError, BotoCoreError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def _connection(options: argparse.Namespace) -> Iterator[Connection]:
    """Return the way to the stage; for the local one, the embedded AWS that is up, or one of the console's own."""
    if options.stage != LOCAL_STAGE:
        yield deployed(options.project, options.stage)
        return
    env_file.remove_stale(options.env_file)
    if options.env_file.exists():
        print(f"Using the embedded AWS that is up, by {options.env_file}.")
        yield embedded(options.project, options.env_file)
        return
    print("No embedded AWS is up: starting one, which ends with the console.")
    with pipeline(Progress(), options.local_port, options.env_file) as whole:
        env_file.write(options.env_file, whole.environment)
        yield embedded(options.project, options.env_file)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m console",
        description=__doc__,
        epilog="example:\n  python -m console --stage prod --port 8090",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--stage", default=LOCAL_STAGE, help="default: local, the embedded AWS")
    port = os.environ.get("CONSOLE_PORT") or PORT
    made.add_argument("--port", type=port_by("CONSOLE_PORT"), default=port, help=f"default: {PORT}")
    made.add_argument("--no-browser", dest="browser", action="store_false", help="open no page, only print its address")
    made.add_argument("--project", type=Path, default=PROJECT, help=argparse.SUPPRESS)
    made.add_argument("--env-file", type=Path, default=ENV_FILE, help=argparse.SUPPRESS)
    made.add_argument("--token", help=argparse.SUPPRESS)
    local_port = os.environ.get("LOCAL_PORT") or DEFAULT_PORT
    made.add_argument("--local-port", type=port_by("LOCAL_PORT"), default=local_port, help=argparse.SUPPRESS)
    return made


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just left is free
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
