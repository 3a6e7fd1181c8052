"""How pytest-xdist hands tests to its workers: file by file, but all on the shared embedded AWS to one of them."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

SHARED = "tests/local/shared/"


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Hands out `--dist loadfile`, with the tests below SHARED as if they were one file.

    So a run has one shared embedded AWS, rather than one a worker. Two workers cannot use it at once: its tests take
    away the product's rights, kill Lambda's processes, silence the bucket and deploy anew.
    """

    def _split_scope(self, nodeid: str) -> str:
        return SHARED if nodeid.startswith(SHARED) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Return the scheduling of `--dist loadfile`; None leaves any other to pytest-xdist."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None
