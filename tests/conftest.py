"""For all tests: which contracts the product is asked with, and how pytest-xdist hands tests to its workers."""

from __future__ import annotations

import re
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import botocore.loaders
import pytest
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from chalicelib.contracts import registry
from tests.contracts import lay
from tests.examples import MANY  # noqa: F401  (registers the profile before hypothesis loads it)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name gzip by its length: it has the time within it, by which two workers would not collect the same tests."""
    return f"gzip of {len(val)} bytes" if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None


SHARED = "tests/local/shared/"
LONG = re.compile(r"\bmark\.(thorough|aws)\b")
"""What a file with tests that take a second or more has."""


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Hands out `--dist loadfile`, with the tests below SHARED as if they were one file.

    So a run has one shared embedded AWS, rather than one a worker. Two workers cannot use it at once: its tests take
    away the product's rights, kill Lambda's processes, silence the bucket and deploy anew.
    """

    def _split_scope(self, nodeid: str) -> str:
        return SHARED if nodeid.startswith(SHARED) else str(super()._split_scope(nodeid))

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give a worker the next file: those with long tests first, so that no worker ends long after the others."""
        self.workqueue.move_to_end(min(self.workqueue, key=self._turn), last=False)
        super()._assign_work_unit(node)

    def _turn(self, scope: str) -> int:
        """Return when a file's turn is; of those that have it together, the one of most tests is first."""
        if scope == SHARED:
            return 0
        return 1 if LONG.search((self.config.rootpath / scope).read_text("utf-8")) else 2


botocore.loaders.create_loader = cache(botocore.loaders.create_loader)
"""What AWS's services look like is read once for all clients: each session by itself takes a tenth of a second."""


def pytest_configure(config: pytest.Config) -> None:
    """Have the product in this process read the tests' orders as the contract that is deployed.

    Its own contracts are anybody's: whoever changes, adds or replaces them breaks no test. A process that a test starts
    runs in a copy of the project with contracts of `tests.contracts`, or is given one as an argument. What is about the
    contract that is shipped is in `tests/shipped`.
    """
    folder = Path(tempfile.mkdtemp(prefix="orders-etl-contracts-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    registry.FOLDER = lay(folder, "orders")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Return the scheduling of `--dist loadfile`; None leaves any other to pytest-xdist."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None
