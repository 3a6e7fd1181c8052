"""The file with which other programs reach the embedded AWS: `NAME=value` lines, there only while it runs."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit


def write(path: Path, values: Mapping[str, str]) -> None:
    """Put the file there at once and whole, readable by its owner only: it holds a secret."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    unfinished.replace(path)


def read(path: Path) -> dict[str, str]:
    """Return its values. Raises FileNotFoundError, and ValueError for a file that is none."""
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def remove_stale(path: Path) -> None:
    """Remove the file of an embedded AWS that is gone: nobody listens at its address."""
    try:
        values = read(path)
        address = urlsplit(values["AWS_ENDPOINT_URL"])
        with socket.socket() as probe:
            gone = probe.connect_ex((address.hostname or "", address.port or 0)) != 0
    except FileNotFoundError:
        return
    except (OSError, LookupError, ValueError):
        gone = True
    if gone:
        path.unlink(missing_ok=True)


def remove(path: Path, secret: str) -> None:
    """Remove the file if it holds `secret`; one that another embedded AWS wrote since stays."""
    try:
        if secret in path.read_text():
            path.unlink()
    except OSError:
        return
