"""One source from its bytes to finished Parquet files and refused records: what Lambda and command line share."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib import arrow, side_by_side
from chalicelib.contract import ORDERS, Contract
from chalicelib.errors import CountMismatch
from chalicelib.file_names import FileNames
from chalicelib.flatten import Flattener, Lineage, records_of
from chalicelib.memory_file import MemoryFile
from chalicelib.parquet import MonthFile, MonthFiles
from chalicelib.refused import Refused
from chalicelib.sources import ByteStream


@dataclass(frozen=True)
class Limits:
    """How much is taken, in bytes; the settings of the same names say what each does. And on how many cores."""

    max_record_bytes: int
    max_decompressed_bytes: int
    roll_bytes: int
    max_source_bytes: int | None = None
    cores: float = 1.0


@dataclass
class Counts:
    """What became of a source's orders. Always: read = loaded + rejected.

    `near_misses` holds paths of fields that the contract would name but for case or spaces, each with the path that it
    names: a few, and no values.
    """

    orders_read: int = 0
    orders_loaded: int = 0
    orders_rejected: int = 0
    rows: int = 0
    near_misses: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Raise CountMismatch if an order was lost or made up."""
        if self.orders_read != self.orders_loaded + self.orders_rejected:
            raise CountMismatch(self.orders_read, self.orders_loaded, self.orders_rejected)


def convert(
    stream: ByteStream,
    lineage: Lineage,
    directory: Path,
    limits: Limits,
    *,
    closed: Callable[[MonthFile], None],
    refuse: Callable[[Refused], None],
    contract: Contract = ORDERS,
) -> Counts:
    """Read `stream` to its end and write its rows below `directory`.

    `closed` is called with each finished file, from the writing thread, and `refuse` with each refused record, in
    their order. Nothing may be published before this has returned: raises UnreadableFile when the end cannot be
    reached, and CountMismatch when what was read is not what was loaded and refused.
    """
    arrow.prepare()
    contract.check()
    counts = Counts()
    flatteners: list[Flattener] = []

    def flattener() -> Flattener:
        # Alone, a thread reads as fast from an object: it has the interpreter to itself.
        source = MemoryFile().holding if limits.cores >= side_by_side.LEAST_CORES else io.BytesIO
        flatteners.append(Flattener(lineage, contract, source=source))
        return flatteners[-1]

    names = FileNames(lineage.identity or lineage.key, lineage.version, lineage.modified_at)
    batches = records_of(stream, limits.max_record_bytes, limits.max_decompressed_bytes, contract)
    with (
        MonthFiles(directory, names, roll_bytes=limits.roll_bytes, closed=closed, contract=contract) as files,
        closing(side_by_side.flattened(batches, flattener, limits.cores)) as found,
    ):
        for read, parts in found:
            counts.orders_read += read
            for part in parts:
                for refused in part.refused:
                    refuse(refused)
                files.add(part.rows, part.months)
                counts.orders_loaded += part.loaded
                counts.orders_rejected += len(part.refused)
                counts.rows += part.rows.num_rows
        counts.check()
    for each in flatteners:
        counts.near_misses |= each.near_misses
    return counts
