"""The embedded AWS as a process of its own: MiniStack, checked, patched, and gone when its parent is gone.

Started by local.emulator, which holds the other end of standard input. When that closes, for whatever reason, a kill
of the parent included, this process ends its Lambda workers, removes its files and ends.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

from local import env_file, patches
from local.errors import EmulatorChanged

CHANGED_EXIT = 3
"""Exit status when MiniStack is not what the patches were written for; the last line printed says why."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until the parent ends. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.serve", description=__doc__)
    parser.add_argument("private", type=Path, help="the directory to remove at the end")
    parser.add_argument("--env-file", type=Path, help="the file to remove at the end if it is this process's")
    options = parser.parse_args(arguments)
    if os.getpgrp() != os.getpid():
        print("local.serve is started by local.emulator, in a process group of its own: use `make local`")
        return 2
    threading.Thread(target=end_with_parent, args=(options.private, options.env_file), daemon=True).start()
    try:
        patches.apply()
    except EmulatorChanged as problem:
        print(f"{problem.problem}\t{problem.remedy}", flush=True)
        return CHANGED_EXIT
    from ministack.app import main as serve

    sys.argv = ["ministack"]
    serve()
    return 0


def end_with_parent(private: Path, announced: Path | None) -> None:
    """Wait until standard input closes, then leave nothing behind: no worker, no file, not this process."""
    while sys.stdin.buffer.read(1):
        pass
    if announced is not None:
        env_file.remove(announced, os.environ["AWS_SECRET_ACCESS_KEY"])
    runtime = sys.modules.get("ministack.core.lambda_runtime")
    if runtime is not None:
        runtime.reset()  # ends the workers and collects them
    shutil.rmtree(private, ignore_errors=True)
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
