"""What command lines that serve something on this machine have in common: ports, and how they are stopped."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable


def port_by(variable: str) -> Callable[[str], int]:
    """Return what reads a port from an argument, or from the environment's `variable`, which errors name."""

    def port(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 65536:
            raise argparse.ArgumentTypeError(f"{text!r} is not a port: set {variable} to a number from 1024 to 65535")
        return int(text)

    return port


def stop_by_signals() -> None:
    """Have SIGINT and SIGTERM raise KeyboardInterrupt: what was started has to be stopped with us.

    A shell starts what is in its background with SIGINT ignored.
    """
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _interrupt)


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt
