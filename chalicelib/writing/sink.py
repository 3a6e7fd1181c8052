"""The seam between rows and a table format: what a load asks of wherever the rows of its tables go."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chalicelib.file_names import FileNames


class SinkWriter(Protocol):
    """The rows of one load on their way: `write` them, `close`, then `publish` or `abort`.

    Nobody sees a row before `publish`.
    """

    @property
    def files(self) -> tuple[str, ...]:
        """What `publish` lets appear, by the names that the ledger keeps; complete once closed."""

    def write(self, table: str, rows: pa.Table, months: npt.NDArray[np.int64]) -> None:
        """Take rows of a table, each of the month (since 1970) that `months` says."""

    def close(self) -> None:
        """Finish what was written."""

    def publish(self) -> None:
        """Let the rows of all tables appear. Done again, it changes nothing."""

    def abort(self) -> None:
        """Drop what has not been published. May be called at any time, and more than once."""


class Sink(Protocol):
    """Where the rows of a dataset's tables go."""

    def writer(self, directory: Path, names: FileNames, generation: int = 0) -> SinkWriter:
        """Return the writer of one load, which may keep unfinished files in `directory`.

        `names` are made of the source object; `generation` is the ledger's (see Entry.generation_of).
        """

    def supersede(self, files: Iterable[str]) -> None:
        """Remove files that the ledger says were replaced; those that are not there are no error."""
