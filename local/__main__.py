"""Command line of the house on a laptop: `python -m local up|aws|demo|try|check-contracts`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

# The libraries take half a second to import. Until then there is nothing to clean up, and Ctrl-C just ends us: Python's
# own handler would show where in which library.
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import EtlError
from chalicelib.help_text import examples
from local import contract_check
from local.command_line import port_by, stop_by_signals
from local.demo import demo
from local.emulator import DEFAULT_PORT, PROJECT
from local.errors import LocalError
from local.pipeline import LOG
from local.progress import Progress
from local.trial import trial
from local.up import empty, up


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 when it was stopped or is done, 1 when it failed."""
    options = parser().parse_args(arguments)
    if options.command == "check-contracts":
        return contract_check.main(options.contracts)

    progress = Progress()
    stop_by_signals()
    try:
        if options.command == "demo":
            return 0 if demo(progress) else 1
        if options.command == "try":
            return 0 if trial(options.file, options.contract, options.keep, progress) else 1
        stays = up if options.command == "up" else empty
        stays(options.port, progress)
    except KeyboardInterrupt:
        progress.say("Stopped.")
        return 130 if options.command in ("demo", "try") else 0
    except LocalError as problem:
        progress.failed(problem)
        return 1
    except (EtlError, ClientError, BotoCoreError) as problem:
        remedy = f"read the log in {LOG.parent.relative_to(PROJECT)}, where the functions' output is"
        progress.failed(LocalError(str(problem), remedy))
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the commands."""
    prog = "python -m local"
    made = argparse.ArgumentParser(prog=prog, description=__doc__, **examples(f"{prog} try my_orders.json"))
    commands = made.add_subparsers(dest="command", required=True)

    def command(name: str, purpose: str, example: str = "", further: str = "") -> argparse.ArgumentParser:
        text = f"{purpose[0].upper()}{purpose[1:]}.{further}"
        return commands.add_parser(name, help=purpose, description=text, **examples(f"{prog} {name}{example}"))

    for stays in (
        command("up", "start the embedded AWS with the app deployed and keep it up", " --port 4567"),
        command("aws", "start the embedded AWS with nothing in it and keep it up, to deploy into", " --port 4567"),
    ):
        default = os.environ.get("LOCAL_PORT") or DEFAULT_PORT
        stays.add_argument(
            "--port", type=port_by("LOCAL_PORT"), default=default, help=f"default: LOCAL_PORT, else {DEFAULT_PORT}"
        )
    command("demo", "run the main job from nothing to checked answers")
    checking = command("check-contracts", "check contracts with their samples and saved queries", " orders")
    checking.add_argument(
        "contracts", metavar="NAME|FILE", nargs="*", help="which (default: all in chalicelib/contracts)"
    )
    purpose = "propose a contract for a file of your own, deploy it, load the file, ask"
    status = " Exit status: 0 where documents were loaded, also where others were rejected, which it says; else 1."
    own = command("try", purpose, " my_orders.json", status)
    own.add_argument("file", metavar="FILE", type=Path, help="documents in any of the input forms")
    own.add_argument("--contract", metavar="NAME|FOLDER", default="", help="try this contract and propose none")
    own.add_argument("--keep", action="store_true", help="write the proposed contract into the project")
    return made


if __name__ == "__main__":
    sys.exit(main())
