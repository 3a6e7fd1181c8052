"""Shows which unnamed fields a table's newest files have, and the line of contract.toml that gives each a column."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from chalicelib.assembly import datasets
from chalicelib.contracts.contract import Table
from chalicelib.contracts.sources import Origin
from chalicelib.dataset import Dataset
from chalicelib.errors import ContractError, shown
from chalicelib.help_text import examples
from chalicelib.loading.models import ObjectSummary
from chalicelib.loading.store import ObjectStore
from chalicelib.settings import MIB, Settings
from chalicelib.stage import read_stage
from glue_setup import command_line
from glue_setup.command_line import say
from operate.bucket import bucket_of
from operate.selection import listing
from operate.unnamed import UnnamedField, UnnamedFields

MIB_TO_READ = 64
MOST_SHOWN = 50
"""How many fields of a table are shown, the most frequent."""
MAX_KEY = 400
"""How much of a key is shown."""

Say = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 1 failed, 2 wrong usage."""
    options = parser().parse_args(arguments)

    def command() -> int:
        dataset = _dataset(read_stage(options.project, options.stage).settings, options.contract)
        _, store = bucket_of(options)
        promote(store, dataset, options.mib * MIB, options.stage, say)
        return 0

    return command_line.run("promote", command, "nothing was touched")


def promote(store: ObjectStore, dataset: Dataset, max_bytes: int, stage: str, say: Say) -> None:
    """Say which fields of a dataset's tables have no column, reading at most `max_bytes` of each table's newest files.

    Nothing is changed. No value is shown: fields may hold personal data. Raises AwsError.
    """
    for table in dataset.tables:
        _promote(store, table, dataset.folders[table], max_bytes, say)
    count, size = 0, 0
    for each in listing(store, dataset.incoming):
        count, size = count + 1, size + each.size
    say("")
    say("A line that is put into contract.toml and deployed fills its column from then on. For what is loaded already:")
    say(f"  python -m operate replay --stage {stage} --prefix {dataset.incoming}")
    say(
        f"reads {count} objects of {_size(size)} on this machine and writes their rows anew; --dry-run names them, "
        "--since takes fewer."
    )


def _promote(store: ObjectStore, table: Table, folder: str, max_bytes: int, say: Say) -> None:
    files = [each for each in listing(store, folder) if each.key.endswith(".parquet")]
    files.sort(key=lambda each: each.modified_at, reverse=True)
    unnamed, read = _unnamed(store, table, files, max_bytes)
    say(
        f"{table.name}: read {read.files} of {len(files)} files, the newest, {_size(read.bytes)}: "
        f"{unnamed.documents} documents in {unnamed.rows} rows"
    )
    for key in read.unreadable:
        say(f"  left out: {shown(key, MAX_KEY)} is no Parquet file that can be read")
    fields = unnamed.of(table)
    if not fields:
        say("  no unnamed fields")
    for each in fields[:MOST_SHOWN]:
        say(f"  {_described(each)}")
        say(f"    {each.line}")
        if each.look:
            say(f"    # look: {each.look}")
    if len(fields) > MOST_SHOWN:
        say(f"  and {len(fields) - MOST_SHOWN} fields that are less frequent")
    if unnamed.left_out:
        say(f"  and {unnamed.left_out} values under keys that no path can write, or beyond those that are counted")


def _described(each: UnnamedField) -> str:
    share = f"{each.count / each.total:.1%}"
    return f"{share:>6}  {each.count} of {each.total}  {shown(each.path, 80)}: {' or '.join(each.types)}"


@dataclass
class _Read:
    """How much was read, and which files could not be."""

    files: int = 0
    bytes: int = 0
    unreadable: list[str] = field(default_factory=list)


def _unnamed(
    store: ObjectStore, table: Table, files: Sequence[ObjectSummary], max_bytes: int
) -> tuple[UnnamedFields, _Read]:
    """Read the unnamed fields of the first of `files` that fit together in `max_bytes`, of one at least."""
    unnamed, read = UnnamedFields(), _Read()
    origins = (Origin.SOURCE_KEY, Origin.SOURCE_VERSION, Origin.RECORD_NUMBER, Origin.EXTRA_FIELDS)
    names = [table.of(origin).name for origin in origins]
    for each in files:
        if read.files and read.bytes + each.size > max_bytes:
            break
        arrival = store.current(each.key)
        opened = store.open(arrival) if arrival is not None else None
        if opened is None:
            continue  # It was superseded since the listing.
        data = bytearray()
        while piece := opened.stream.read(MIB):
            data += piece
        try:
            _add(unnamed, bytes(data), names)
        except (pa.ArrowException, OSError):
            read.unreadable.append(each.key)
        else:
            read.files, read.bytes = read.files + 1, read.bytes + len(data)
    return unnamed, read


def _add(unnamed: UnnamedFields, content: bytes, names: Sequence[str]) -> None:
    """Add the rows of a Parquet file, if it has the columns: else it was written before the table had them."""
    with pq.ParquetFile(io.BytesIO(content)) as file:
        if not set(names) <= set(file.schema_arrow.names):
            return
        for batch in file.iter_batches(columns=names):
            *lineage, extra_fields = (batch.column(name).to_pylist() for name in names)
            for document, fields in zip(zip(*lineage, strict=True), extra_fields, strict=True):
                unnamed.add(document, fields)


def _dataset(settings: Settings, name: str) -> Dataset:
    by_name = {each.name: each for each in datasets(settings)}
    if name not in by_name:
        raise ContractError([f"no contract {shown(name)!r} is deployed: use one of {', '.join(by_name)}"])
    return by_name[name]


def _size(size: int) -> str:
    return f"{size / MIB:.1f} MiB" if size >= MIB // 10 else f"{size} bytes"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    made = argparse.ArgumentParser(
        prog="python -m operate promote",
        **examples("python -m operate promote --stage dev --contract orders"),
        description="Show which fields stand in extra_fields, how often, and the column of contract.toml for each. "
        "Reads the newest files of the tables, not all: no query is run, and nothing is changed.",
    )
    command_line.add_stage(made)
    made.add_argument("--contract", default="orders", help="whose tables (default: orders)")
    made.add_argument(
        "--mib", type=_positive, default=MIB_TO_READ, help=f"how much of each table to read (default: {MIB_TO_READ})"
    )
    return made


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: give a whole number of MiB from 1 to 10000")
    return int(text)
