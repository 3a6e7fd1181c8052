"""One source from its bytes to the rows of a sink and rejected records: what Lambda and command line share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from msgspec import Struct

from chalicelib.contracts.contract import Contract
from chalicelib.counts import Counts
from chalicelib.documents.decompress import ByteStream
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.errors import UnreadableFile
from chalicelib.flatten import arrow, parallel
from chalicelib.flatten.flattener import Flattener, Lineage, records_of
from chalicelib.flatten.heap import Heap
from chalicelib.flatten.observations import Observations
from chalicelib.settings import MIB
from chalicelib.writing.sink import SinkWriter

MAX_EXPANSION = 100
"""How many times the bytes of the source its rows may take: an order of many lines repeats its own texts on each."""

FREE_ROWS_BYTES = 64 * MIB
"""What rows may take in any case: a small file with an order of thousands of lines is no danger."""


class Converted(NamedTuple):
    """What became of a source: `rows` are those of each table, `observations` what its documents had beside them."""

    counts: Counts
    rows: dict[str, int]
    observations: Observations


class Limits(Struct, frozen=True):
    """How much is accepted, in bytes, as the settings of the same names say; and how many cores there are.

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
    limits: Limits,
    *,
    writer: SinkWriter,
    reject: Callable[[RejectedRecord], None],
    contract: Contract,
) -> Converted:
    """Read `stream` to its end, write its rows to `writer` and close that; it is aborted where anything is raised.

    `reject` is called with each rejected record, in their order. Nothing may be published before this has returned:
    raises UnreadableFile when the end cannot be reached, too large a share of the orders is rejected, or rows take far
    more than their source, and CountMismatch when what was read is not what was loaded and rejected.
    """
    arrow.prepare()
    heap = Heap()
    flatteners: list[Flattener] = []

    def flattener() -> Flattener:
        flatteners.append(Flattener(lineage, contract))
        return flatteners[-1]

    batches = records_of(stream, limits.max_record_bytes, limits.max_decompressed_bytes, contract)
    counts = Counts()
    first: RejectedRecord | None = None
    rows_bytes = 0
    rows = {table.name: 0 for table in contract.tables}
    try:
        with closing(parallel.flattened(batches, flattener, limits.cores)) as flattened:
            for batch, parts in flattened:
                counts += Counts(batch.read)
                for part in parts:
                    for rejected in part.rejected:
                        reject(rejected)
                    first = first or next(iter(part.rejected), None)
                    for each in part.tables:
                        writer.write(each.table.name, each.rows, each.months)
                        rows[each.table.name] += each.rows.num_rows
                        rows_bytes += each.rows.get_total_buffer_size()
                    counts += Counts(0, part.loaded, len(part.rejected), part.tables[0].rows.num_rows)
                    check_expansion(rows_bytes, batch.end)
                limits.check_share(counts, first)
                heap.relieve()
        counts.check()
        writer.close()
    except BaseException:
        writer.abort()
        raise
    observations = Observations(beside=batches.beside)
    for one in flatteners:
        observations += one.observations
    return Converted(counts, rows, observations)
