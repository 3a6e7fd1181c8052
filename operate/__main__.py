"""What an operator runs on a laptop: `python -m operate replay|redrive|backfill|promote --stage STAGE`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from chalicelib.telemetry.logs import log_to_stderr
from operate import backfill, promote, redrive, replay

COMMANDS = {"replay": replay.main, "redrive": redrive.main, "backfill": backfill.main, "promote": promote.main}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in COMMANDS:
        print(f"usage: python -m operate {'|'.join(COMMANDS)} --stage STAGE ...", file=sys.stderr)
        return 0 if words[:1] in (["-h"], ["--help"]) else 2
    with log_to_stderr():
        return COMMANDS[words[0]](words[1:])


if __name__ == "__main__":
    sys.exit(main())
