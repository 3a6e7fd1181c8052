"""`python -m local.patches fingerprints`: the present fingerprints of all that the patches touch."""

from __future__ import annotations

import argparse
import sys

from chalicelib.help_text import examples
from local import patches
from local.errors import EmulatorChanged


def main(arguments: list[str] | None = None) -> int:
    """Print the fingerprints, or check them. Returns the exit status."""
    command = parser().parse_args(arguments).command
    if command == "check":
        try:
            patches.check()
        except EmulatorChanged as problem:
            print(problem, file=sys.stderr)
            return 1
        return 0
    for patch in patches.discover():
        print(patch.__name__)
        for name, expected in patch.TOUCHES.items():
            try:
                actual = patches.fingerprint(name)
            except LookupError:
                actual = "missing"
            print(f'    "{name}": "{actual}",' + ("" if actual == expected else f"  # was {expected}"))
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    prog = "python -m local.patches"
    made = argparse.ArgumentParser(prog=prog, description=__doc__, **examples(f"{prog} fingerprints"))
    made.add_argument("command", choices=["fingerprints", "check"], help="print them, or fail where one has changed")
    return made


if __name__ == "__main__":
    sys.exit(main())
