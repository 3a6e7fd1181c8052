"""What the commands of glue_setup, operate and release have in common: how they end, and the options for the stage."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import EtlError
from glue_setup.errors import explained

FAILED, INTERRUPTED = 1, 130


def run(name: str, command: Callable[[], int | None], hint: str = "run it again to go on") -> int:
    """Run a command; return its exit status: its own or 0, 1 for an error, which is printed, 130 when interrupted."""
    try:
        return command() or 0
    except (EtlError, ClientError, BotoCoreError) as error:
        print(f"{name}: {explained(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted; {hint}", file=sys.stderr)
        return INTERRUPTED
    return FAILED


def add_stage(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command has."""
    parser.add_argument("--stage", required=True, help="a stage of .chalice/config.json")
    parser.add_argument("--project", type=Path, default=Path(), metavar="DIR", help="the project (default: here)")


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)
