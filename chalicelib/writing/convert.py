"""One source from its bytes to finished Parquet files and rejected records: what Lambda and command line share."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.contracts.model import Contract
from chalicelib.documents.decompress import ByteStream
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.errors import CountMismatch, UnreadableFile
from chalicelib.file_names import FileNames
from chalicelib.flatten import arrow, parallel
from chalicelib.flatten.flattener import Flattener, Lineage, records_of
from chalicelib.flatten.memory_file import MemoryFile
from chalicelib.writing.parquet import MonthFile, MonthFiles

MAX_EXPANSION = 100
"""How many times the bytes of the source its rows may take: an order of many lines repeats its own texts on each."""

FREE_ROWS_BYTES = 64 * 1024 * 1024
"""What rows may take in any case: a small file with an order of thousands of lines is no danger."""


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


@dataclass(frozen=True)
class Limits:
    """How much is taken, in bytes; the settings of the same names say what each does. And on how many cores.

    `max_rejected_percent` is of the orders read, and counts once `judged_from_orders` of them were.
    """

    max_record_bytes: int
    max_decompressed_bytes: int
    roll_bytes: int
    max_source_bytes: int | None = None
    cores: float = 1.0
    max_rejected_percent: int = 80
    judged_from_orders: int = 40_000

    def check_share(self, counts: Counts, first: RejectedRecord | None) -> None:
        """Raise UnreadableFile if so many orders were rejected that the file is not one of orders.

        Rejecting costs ten times what loading does: a megabyte can hold half a million of documents to reject.
        """
        read, rejected = counts.orders_read, counts.orders_rejected
        if first is None or read < self.judged_from_orders or rejected * 100 <= read * self.max_rejected_percent:
            return
        at = f" at {first.path}" if first.path else ""
        raise UnreadableFile(
            f"{rejected} of the first {read} orders were rejected, more than {self.max_rejected_percent} percent "
            f"(ETL_MAX_REJECTED_PERCENT, which counts from {self.judged_from_orders} orders on, "
            f"ETL_REJECTED_PERCENT_FROM_ORDERS); the first is record {first.record_number}{at}: {first.reason}"
        )


def check_expansion(rows_bytes: int, read: int) -> None:
    """Raise UnreadableFile if rows take so much more than the bytes they were read from that work is out of bounds."""
    if rows_bytes > FREE_ROWS_BYTES + MAX_EXPANSION * read:
        raise UnreadableFile(
            f"the rows take more than {MAX_EXPANSION} times the {read} bytes that they are made of, since each repeats "
            "the texts of its order: send orders with shorter texts, or with fewer elements in their lists"
        )


def convert(
    stream: ByteStream,
    lineage: Lineage,
    directory: Path,
    limits: Limits,
    *,
    closed: Callable[[MonthFile], None],
    reject: Callable[[RejectedRecord], None],
    contract: Contract,
) -> Counts:
    """Read `stream` to its end and write its rows below `directory`.

    `closed` is called with each finished file, from the writing thread, and `reject` with each rejected record, in
    their order. Nothing may be published before this has returned: raises UnreadableFile when the end cannot be
    reached, too large a share of the orders is rejected, or rows take far more than their source, and CountMismatch
    when what was read is not what was loaded and rejected.
    """
    arrow.prepare()
    contract.check()
    counts = Counts()
    flatteners: list[Flattener] = []

    def flattener() -> Flattener:
        # Alone, a thread reads as fast from an object: it has the interpreter to itself.
        source = MemoryFile().holding if limits.cores >= parallel.LEAST_CORES else io.BytesIO
        flatteners.append(Flattener(lineage, contract, source=source))
        return flatteners[-1]

    names = FileNames(lineage.identity or lineage.key, lineage.version, lineage.modified_at)
    batches = records_of(stream, limits.max_record_bytes, limits.max_decompressed_bytes, contract)
    with (
        MonthFiles(directory, names, roll_bytes=limits.roll_bytes, closed=closed, contract=contract) as files,
        closing(parallel.flattened(batches, flattener, limits.cores)) as found,
    ):
        first: RejectedRecord | None = None
        rows_bytes = 0
        for batch, parts in found:
            counts.orders_read += batch.read
            for part in parts:
                for rejected in part.rejected:
                    reject(rejected)
                first = first or next(iter(part.rejected), None)
                files.add(part.rows, part.months)
                counts.orders_loaded += part.loaded
                counts.orders_rejected += len(part.rejected)
                counts.rows += part.rows.num_rows
                rows_bytes += part.rows.nbytes
                check_expansion(rows_bytes, batch.end)
            limits.check_share(counts, first)
        counts.check()
    for each in flatteners:
        counts.near_misses |= each.near_misses
    return counts
