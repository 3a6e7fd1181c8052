"""What an operator runs on a laptop: `python -m operate COMMAND --stage STAGE`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from chalicelib.help_text import examples
from chalicelib.telemetry.logs import log_to_stderr
from operate import backfill, convert_rejected, promote, redrive, replay

COMMANDS = {
    "replay": (replay.main, "load dropped objects again"),
    "redrive": (redrive.main, "send the events whose load failed again"),
    "backfill": (backfill.main, "load what lies below a prefix and is not loaded, on Step Functions"),
    "promote": (promote.main, "show which fields stand in extra_fields, and the column for each"),
    "convert-rejected": (convert_rejected.main, "bring what version 0.2 kept in the quarantine into orders_rejected"),
}
"""What runs each command, and what it is for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = parser().parse_args(arguments)
    with log_to_stderr():
        run, _ = COMMANDS[options.command]
        return run(options.arguments)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's name; each command has a parser of its own for what follows."""
    made = argparse.ArgumentParser(
        prog="python -m operate",
        description=__doc__,
        **examples("python -m operate replay --stage dev --quarantine --dry-run", "python -m operate replay --help"),
    )
    purposes = "; ".join(f"{name}: {purpose}" for name, (_, purpose) in COMMANDS.items())
    made.add_argument("command", choices=COMMANDS, help=f"{purposes}. Each has a --help of its own")
    made.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return made


if __name__ == "__main__":
    sys.exit(main())
