"""Whether a contract's sample.json loads by it, and has everything that the contract reads."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.paths import Each, Index, JsonPath, Key, Step
from chalicelib.contracts.reading import FILE_NAME, SAMPLE_NAME
from chalicelib.contracts.sources import FromDocument, FromRecord
from chalicelib.contracts.toml_lines import Location, line_of, lines
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.errors import UnreadableFile
from chalicelib.flatten.around import AroundDocument
from chalicelib.flatten.flattener import Flattened, Flattener, Lineage, records_of
from chalicelib.flatten.follow import holds
from chalicelib.flatten.json_text import RejectedDocument, parsed
from chalicelib.flatten.observations import Observations
from chalicelib.flatten.schema import file_schema
from chalicelib.settings import MIB


@dataclass(frozen=True)
class Sample:
    """A contract's sample, flattened by the strict way. `documents` counts those that were loaded.

    `faults` are what does not fit. `empty` are columns, and lists of rows, that the sample has and never with a value.
    """

    documents: int
    flattened: list[Flattened]
    faults: list[str]
    empty: list[str]


def check_sample(contract: Contract) -> Sample:
    """Load a contract's sample by both ways of decoding."""
    assert contract.folder is not None, contract.name
    file = contract.folder / SAMPLE_NAME
    if not file.is_file():
        return _nothing(f"{file}: is not there: put a few documents into it that fill every column")
    data, now = file.read_bytes(), datetime.now(UTC)
    try:
        fast, strict = (_flattened(data, contract, now, fast=fast) for fast in (True, False))
        raws = [bytes(raw) for batch in _records(data, contract) for raw in batch.raws]
    except UnreadableFile as error:
        line = "" if error.byte_offset is None else f":{_line(data, error.byte_offset)}"
        return _nothing(f"{file}{line}: {error.reason}")
    parts, seen = strict
    rejected = [each for part in parts for each in part.rejected]
    faults = [
        f"{file}:{_record_line(data, each)}: record {each.record_number} is rejected: "
        f"{each.path}{': ' if each.path else ''}{each.reason}"
        for each in rejected
    ]
    if not raws and not rejected:
        faults.append(f"{file}: has no document: put a few into it that fill every column")
    if _differ(fast[0], parts):
        faults.append(f"{file}: the two ways of decoding give different rows: this is a fault of the product")
    empty: list[str] = []
    for at, paths, what, present in _unfilled(contract, seen, raws):
        if present:
            empty.append(f"{' or '.join(paths)}, {what}")
        else:
            near = next((f"; it has {sent!r}" for sent, meant in seen.near_misses.items() if meant in paths), "")
            remedy = f"correct the path, or give {SAMPLE_NAME} a document that has it{near}"
            faults.append(
                f"{_position(contract, at)}: {' or '.join(paths)}, {what}, is in no document of {SAMPLE_NAME}: {remedy}"
            )
    return Sample(sum(part.loaded for part in parts), parts, faults, empty)


def _nothing(fault: str) -> Sample:
    return Sample(0, [], [fault], [])


def _records(data: bytes, contract: Contract) -> Any:
    return records_of(io.BytesIO(data), 256 * MIB, sys.maxsize, contract)


def _flattened(data: bytes, contract: Contract, now: datetime, *, fast: bool) -> tuple[list[Flattened], Observations]:
    flattener = Flattener(Lineage(SAMPLE_NAME, "sample", now), contract, fast=fast)
    return [part for batch in _records(data, contract) for part in flattener.flatten(batch)], flattener.observations


def _differ(fast: list[Flattened], strict: list[Flattened]) -> bool:
    def rows(parts: list[Flattened]) -> list[pa.Table]:
        tables = zip(*(part.tables for part in parts), strict=True)
        return [pa.concat_tables(each.rows.cast(file_schema(each.table)) for each in parts) for parts in tables]

    def rejected(parts: list[Flattened]) -> list[tuple[int, str, str]]:
        return [(each.record_number, each.path, each.reason) for part in parts for each in part.rejected]

    same = all(one.equals(other) for one, other in zip(rows(fast), rows(strict), strict=True))
    return not same or rejected(fast) != rejected(strict)


def _unfilled(
    contract: Contract, seen: Observations, raws: list[bytes]
) -> Iterator[tuple[Location, list[str], str, bool]]:
    """Yield each list of rows without elements and each column without a value: where it is declared, its paths, what
    they are for, and whether a document has one of them all the same, with nothing there."""
    if not seen.documents:
        return
    documents = list(_documents(contract, raws))

    def is_there(source: FromDocument | FromRecord | JsonPath) -> bool:
        paths = (source,) if isinstance(source, JsonPath) else source.paths
        at = 1 if isinstance(source, FromRecord) else 0
        return any(_has(document[at], path.steps) for document in documents for path in paths)

    for table in seen.without_elements(contract):
        assert table.rows is not None
        steps = JsonPath(table.rows.plain.steps[:-1])
        yield ("tables", table.name, "rows"), [str(table.rows)], f"the rows of {table.name}", is_there(steps)
    for table, column, source in seen.unfilled(contract):
        at = ("tables", table.name, "columns", column.name)
        yield at, [str(path) for path in source.paths], f"for {table.name}.{column.name}", is_there(source)


def _documents(contract: Contract, raws: list[bytes]) -> Iterator[tuple[Any, Any]]:
    """Yield each document and the record that it is in."""
    around = AroundDocument(contract, Observations())
    for raw in raws:
        try:
            record = parsed(raw)
            yield around.document_in(record), record
        except RejectedDocument:
            continue


def _has(value: Any, steps: tuple[Step, ...]) -> bool:
    """Return whether the last step of a path is there to be taken, whatever it leads to."""
    if not steps:
        return True
    step, rest = steps[0], steps[1:]
    if isinstance(step, Key):
        return isinstance(value, dict) and step.name in value and _has(value[step.name], rest)
    if isinstance(step, Each) and isinstance(value, dict):
        return _has(value, rest)
    elements = value if isinstance(value, list) else []
    if isinstance(step, Index):
        return step.position < len(elements) and _has(elements[step.position], rest)
    return any(_has(each, rest) for each in elements if isinstance(step, Each) or holds(each, step))


def _position(contract: Contract, at: Location) -> str:
    assert contract.folder is not None, contract.name
    file = contract.folder / FILE_NAME
    line = line_of(lines(file.read_text("utf-8-sig")), at) if file.is_file() else None
    return f"{file}:{line}" if line else str(file)


def _line(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def _record_line(data: bytes, rejected: RejectedRecord) -> int:
    raw = rejected.raw
    return _line(data, max(0, data.find(raw))) if isinstance(raw, bytes) else 1
