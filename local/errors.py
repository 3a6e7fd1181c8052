"""What can go wrong on a laptop, each with what to do about it."""

from __future__ import annotations

from chalicelib.errors import EtlError


class LocalError(EtlError):
    """Something of the embedded AWS failed. `tail` holds the last lines of the tool's output, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str, tail: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        self.tail = tail
        super().__init__(f"{problem}: {remedy}")


class PortInUse(LocalError):
    """Another process listens on the port that was asked for."""

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(
            f"port {port} on 127.0.0.1 is in use",
            "stop what listens there, or choose another port: LOCAL_PORT=4567 make local",
        )


class EmulatorChanged(LocalError):
    """MiniStack is not the version, or not the code, that the patches were written against."""
