"""Runs a proposed contract on the file that it was proposed from, as a load does, and says what came of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct, field

from chalicelib.contracts.contract import Contract
from chalicelib.cores import cores
from chalicelib.documents.decompress import ByteStream
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.errors import shown
from chalicelib.flatten.flattener import Lineage
from chalicelib.propose.counting import counted
from chalicelib.settings import Settings
from chalicelib.writing.convert import Converted, Limits, convert

MOST_REASONS = 5
MOST_KINDS = 200
"""How many reasons are counted each by itself."""

_POSITION = re.compile(r"\[\d+\]")
_FOUND = re.compile(r"(, (?:found|but|not|got) |: ).*", re.DOTALL)


class Discard:
    """A writer whose rows go nowhere: they are counted by whoever writes them."""

    files: tuple[str, ...] = ()

    def write(self, table: str, rows: pa.Table, months: npt.NDArray[np.int64]) -> None:
        """Drop the rows."""

    def close(self) -> None:
        """Finish nothing."""

    publish = abort = close


class Rejections(Struct):
    """Why records were rejected: how often each reason was, at which path, and the first of each."""

    count: int = 0
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], RejectedRecord] = field(default_factory=dict)

    def add(self, rejected: RejectedRecord) -> None:
        """Count a record."""
        self.count += 1
        kind = (_POSITION.sub("[]", rejected.path), _FOUND.sub("", rejected.reason))
        if kind in self.kinds or len(self.kinds) < MOST_KINDS:
            self.kinds[kind] += 1
            self.first.setdefault(kind, RejectedRecord(rejected.record_number, rejected.path, rejected.reason, b""))

    def lines(self) -> Iterator[str]:
        """Return the reasons, the most frequent first, a sentence each."""
        for kind, count in self.kinds.most_common(MOST_REASONS):
            first = self.first[kind]
            where = f" at {shown(first.path)}" if first.path else ""
            times = f"{count} rejected, the first" if count > 1 else "1 rejected,"
            yield f"{times} record {first.record_number}{where}: {first.reason}"
        if len(self.kinds) > MOST_REASONS:
            yield counted(len(self.kinds) - MOST_REASONS, "further reason")


class Trial(Struct, frozen=True):
    """What a contract made of a file."""

    contract: Contract
    converted: Converted
    rejections: Rejections

    @property
    def is_complete(self) -> bool:
        """Whether there were documents, and every one was loaded."""
        counts = self.converted.counts
        return 0 < counts.orders_read == counts.orders_loaded

    def lines(self) -> Iterator[str]:
        """Say what was read, loaded and rejected, the rows of each table, and what to change for what is missing."""
        counts = self.converted.counts
        yield f"{counts.orders_read} read, {counts.orders_loaded} loaded, {counts.orders_rejected} rejected"
        for line in self.rejections.lines():
            yield f"  {line}"
        if self.rejections.count:
            yield (
                "  change the column of that path: another type (text and json take anything), null for values that "
                "mean none, or no required; or mend the documents"
            )
        if self.rejections.count and self.contract.records:
            identity = ", ".join(self.contract.identity)
            yield (
                f"  an object around an array that has a value for {identity} itself counts as a document: "
                "send the array alone, or name another identity"
            )
        for table, rows in self.converted.rows.items():
            yield f"  {table}: {counted(rows, 'row')}"
        observations = self.converted.observations
        yield from (f"hint: {hint}" for hint in observations.hints(self.contract))
        if any(observations.unfilled(self.contract)):
            yield "  give a column that stays empty the path that holds its value, or delete its line"


def run(
    stream: ByteStream, contract: Contract, settings: Settings, environment: Mapping[str, str], now: datetime
) -> Trial:
    """Read a file to its end by a contract, as a load at the time `now` does, and write nothing.

    Raises UnreadableFile.
    """
    limits = Limits(
        settings.max_record_bytes,
        settings.max_decompressed_bytes,
        settings.roll_bytes,
        cores=cores(environment),
        max_rejected_percent=100,
    )
    rejections = Rejections()
    lineage = Lineage("sample", "sample", now)
    converted = convert(stream, lineage, limits, writer=Discard(), reject=rejections.add, contract=contract)
    return Trial(contract, converted, rejections)
