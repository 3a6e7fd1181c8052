"""Reads bytes as ingestion does, and lays records out in every input form: for tests."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chalicelib.documents.decompress import Source
from chalicelib.documents.path_tree import KeyPath
from chalicelib.documents.records import CHUNK_BYTES, Records
from chalicelib.documents.rejected import RejectedRecord, SpooledRaw


@dataclass
class Read:
    """What a file was read to: `records` by number, rejected records, and the numbers of those that are `unchecked`."""

    records: dict[int, bytes] = field(default_factory=dict)
    rejected: list[RejectedRecord] = field(default_factory=list)
    unchecked: set[int] = field(default_factory=set)
    beside: dict[str, str] = field(default_factory=dict)

    @property
    def raws(self) -> list[bytes]:
        return list(self.records.values())

    @property
    def reasons(self) -> list[str]:
        return [each.reason for each in self.rejected]

    @property
    def numbers(self) -> list[int]:
        return sorted([*self.records, *(each.record_number for each in self.rejected)])


def read(
    data: bytes,
    chunk_bytes: int = CHUNK_BYTES,
    *,
    max_record_bytes: int = 1 << 20,
    max_decompressed_bytes: int = 1 << 30,
    stream: Callable[[bytes], object] = io.BytesIO,
    records: Sequence[KeyPath] = (("orders",),),
    identity: Sequence[Sequence[KeyPath]] = ((("order_id",),),),
) -> Read:
    """Read a file to its end; numbers must run from 1 without a gap."""
    result = Read()
    source = Source(stream(data), max_decompressed_bytes)  # type: ignore[arg-type]
    batches = Records(
        source, max_record_bytes=max_record_bytes, records=records, identity=identity, chunk_bytes=chunk_bytes
    )
    for batch in batches:
        assert batch.read == len(batch.raws) + len(batch.rejected)
        result.unchecked |= {batch.numbers[i] for i in batch.unchecked}
        result.records |= dict(zip(batch.numbers, map(bytes, batch.raws), strict=True))
        result.rejected += batch.rejected
    result.beside = batches.beside
    assert result.numbers == list(range(1, len(result.records) + len(result.rejected) + 1))
    return result


def raw_of(rejected: RejectedRecord) -> bytes:
    """Return the bytes of a rejected record, wherever they are kept."""
    return b"".join(rejected.raw.pieces()) if isinstance(rejected.raw, SpooledRaw) else rejected.raw


class Trickle(io.BytesIO):
    """A stream that gives a few bytes at a time, as a network may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size, 3) if size is not None and size >= 0 else 3)


def pretty(record: bytes) -> bytes:
    """Spread an object over lines."""
    return json.dumps(json.loads(record), indent=2).encode()


FORMS: dict[str, Callable[[list[bytes]], bytes]] = {
    "array": lambda records: b"[" + b",".join(records) + b"]",
    "spaced array": lambda records: b" \r\n[ " + b" , ".join(records) + b"\t]\n\n",
    "array with an element a line": lambda records: b"[\n" + b",\n".join(records) + b"\n]\n",
    "envelope": lambda records: b'{"orders":[' + b",".join(records) + b"]}",
    "envelope among other keys": lambda records: (
        b'{ "meta" : {"orders": [1], "n": [{}]},\n"orders" : [ ' + b",\n".join(records) + b' ], "next": "x,y" }\n'
    ),
    "newline-delimited": lambda records: b"\n".join(records) + b"\n",
    "without a last newline": lambda records: b"\n".join(records),
    "CRLF": lambda records: b"\r\n".join(records) + b"\r\n",
    "with blank lines": lambda records: b"\n\n" + b"\n \r\n\n".join(records) + b"\n\n\n",
    "concatenated": lambda records: b"".join(records),
    "concatenated with spaces": lambda records: b"  ".join(records),
    "two on a line": lambda records: (
        b"\n".join(b" ".join(records[i : i + 2]) for i in range(0, len(records), 2)) + b"\n"
    ),
}
WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "BOM": lambda data: b"\xef\xbb\xbf" + data,
    "gzip": lambda data: gzip.compress(data),
    "gzip with BOM": lambda data: gzip.compress(b"\xef\xbb\xbf" + data),
    "gzip of many members": lambda data: (
        gzip.compress(data[: len(data) // 3]) + gzip.compress(b"") + gzip.compress(data[len(data) // 3 :])
    ),
    "gzip with padding": lambda data: gzip.compress(data) + b"\0" * 100,
}
