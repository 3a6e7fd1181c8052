"""The command line of flatten: the Lambda's own code on a local file, without AWS."""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from msgspec.structs import asdict

from chalicelib.contracts import registry
from chalicelib.contracts.contract import Contract, Table
from chalicelib.cores import cores
from chalicelib.counts import Counts
from chalicelib.documents.decompress import is_supported
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.errors import ContractError, EtlError, UnreadableFile, shown
from chalicelib.file_names import FileNames, is_of
from chalicelib.flatten.flattener import Lineage
from chalicelib.help_text import examples
from chalicelib.settings import Settings
from chalicelib.writing.convert import Limits, convert
from chalicelib.writing.folder import Folder
from chalicelib.writing.hive import HiveSink

PROGRESS_FROM_BYTES = 64 * 1024 * 1024

FEW_REASONS = 3
"""How many rejected orders are shown with their reasons where none was loaded."""


def main(arguments: list[str] | None = None, contract: Contract | None = None) -> int:
    """Run the command; return its exit status.

    0: the file was read, and something was loaded, or it holds no orders. 1: it could not be read, or nothing of it
    was loaded. 2: wrong usage, or a contract that contradicts itself.
    """
    usage = parser()
    options = usage.parse_args(arguments)
    if not options.input or str(options.output) == ".":
        usage.error("INPUT and OUTDIR are names of a file and of a folder of its own")
    if str(options.rejects) == "-":
        usage.error("--rejects - names no file: standard output has the summary; give a file")
    if options.rejects is not None and _same_file(options.input, options.rejects):
        usage.error("--rejects names INPUT itself, which would be overwritten: give another file")
    try:
        summary = flatten_file(
            options.input, options.output, options.rejects, contract or registry.contract(options.contract)
        )
    except ContractError as problem:
        print(problem, file=sys.stderr)
        return 2
    except (EtlError, OSError) as problem:
        print(f"{options.input}: {_message(problem)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return 130
    try:
        print(json.dumps(summary), flush=True)
    except OSError as problem:
        print(f"the files were written, and this summary of them was not: {_message(problem)}", file=sys.stderr)
        return 1
    return 1 if summary["orders_rejected"] and not summary["orders_loaded"] else 0


def _hint_at_contract(source: str, contract: Contract) -> None:
    folder = "" if contract.folder is None else f" ({shown(os.path.relpath(contract.folder), 200)})"
    proposed = "" if source == "-" else f", and python -m chalicelib.propose {shlex.quote(source)} proposes one"
    print(
        f"they were read by the contract {contract.name}{folder}: --contract NAME|FILE takes another{proposed}",
        file=sys.stderr,
    )


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    made = argparse.ArgumentParser(
        prog="python -m chalicelib.flatten",
        description="Flatten a file of nested JSON documents into the Parquet files of a contract's tables. Exit "
        "status: 0 loaded, 1 not read or nothing loaded, 2 wrong usage or a contract with faults.",
        **examples(
            "python -m chalicelib.flatten sample_data/orders_ugly.ndjson -o out --rejects rejected.ndjson",
            "python -m chalicelib.flatten my_orders.json -o out --contract my_orders/contract.toml",
        ),
    )
    made.add_argument("input", metavar="INPUT", help="a JSON file in any of the input forms, or - for standard input")
    made.add_argument("-o", "--output", metavar="OUTDIR", required=True, type=Path, help="where the files go")
    made.add_argument(
        "--contract",
        metavar="NAME|FILE",
        help=f"the contract: one that is deployed, or a contract.toml (default: the only one, else {registry.DEFAULT})",
    )
    made.add_argument("--rejects", metavar="FILE", type=Path, help="where rejected records go (gzip if it ends in .gz)")
    return made


def flatten_file(source: str, output: Path, rejects: Path | None, contract: Contract) -> dict[str, Any]:
    """Flatten one file; return how many orders were read, loaded and rejected, rows and files written.

    Files appear below `output`, and rejected records in `rejects`, only once the source has been read to its end. What
    an earlier run with the same source put below `output` goes then, once the new files are there; where nothing was
    loaded, it stays. A source is known by its path, made absolute: files of one name in two folders are two sources.

    Raises ContractError, and UnreadableFile or OSError when the source cannot be read.
    """
    if source != "-" and not is_supported(source):
        print(f"{source}: as an S3 key this would be rejected for its name; it is read here anyway", file=sys.stderr)
    reasons: list[str] = []
    with _input(source) as (stream, lineage), _staging(output) as staging:
        rejected_path = Path(staging) / "rejected"
        identity = lineage.identity or lineage.key
        sink = HiveSink(Folder(output), _folders(contract), limits().roll_bytes, cores=cores(os.environ))
        writer = sink.writer(Path(staging) / "files", FileNames(identity, lineage.version, lineage.modified_at))
        with _rejected_file(rejected_path, rejects) as keep:

            def reject(rejected: RejectedRecord) -> None:
                keep(rejected)
                if len(reasons) < FEW_REASONS:
                    where = f"order {rejected.record_number}{', ' * bool(rejected.path)}{shown(rejected.path)}"
                    reasons.append(f"{where}: {rejected.reason}")

            converted = convert(stream, lineage, limits(), writer=writer, reject=reject, contract=contract)
        counts = converted.counts
        if rejects is not None:
            _put_in_place(rejected_path, rejects)
        writer.publish()
        # A crash before this leaves both, for the next run to tidy; nobody is ever left with neither.
        if counts.orders_loaded or not counts.orders_rejected:
            sink.supersede(_earlier_files(output, contract, identity) - set(writer.files))
    for hint in converted.observations.hints(contract):
        print(hint, file=sys.stderr)
    if counts.orders_rejected and not counts.orders_loaded:
        print(f"{source}: none of its orders was loaded, and no file below {output} was changed", file=sys.stderr)
    if reasons:
        print(*(f"  {reason}" for reason in reasons), sep="\n", file=sys.stderr)
    _hint_at_rejects(counts, rejects)
    if counts.orders_rejected and not counts.orders_loaded:
        _hint_at_contract(source, contract)
    main = _folders(contract)[contract.main]
    files = sum(file.startswith(main) for file in writer.files)
    return {**asdict(counts), "files": files, "tables": converted.rows}


def _earlier_files(output: Path, contract: Contract, identity: str) -> set[str]:
    """Return the files of a source below `output`, by their paths in it.

    A table that is the only one has no folder of its own, and gets one once there is a second: both are looked at.
    """
    patterns = [f"{folder}{each.partition.name}=*/*" for each in contract.tables for folder in ("", f"{each.name}/")]
    files = [file for pattern in patterns for file in output.glob(pattern)]
    return {file.relative_to(output).as_posix() for file in files if is_of(file.name, identity)}


def _folders(contract: Contract) -> dict[Table, str]:
    """Return the folder of each table: none of its own where there is but one."""
    return {table: f"{table.name}/" if len(contract.tables) > 1 else "" for table in contract.tables}


def limits() -> Limits:
    """Return the limits in force: the settings of the environment where there are any, else their defaults."""
    settings = Settings.from_environment({"ETL_BUCKET": "local-file", **os.environ})
    return Limits(
        settings.max_record_bytes,
        settings.max_decompressed_bytes,
        settings.roll_bytes,
        cores=cores(os.environ),
        max_rejected_percent=settings.max_rejected_percent,
        judged_from_orders=settings.judged_from_orders,
    )


@contextlib.contextmanager
def _input(source: str) -> Iterator[tuple[BinaryIO, Lineage]]:
    if source == "-":
        if sys.stdin is None:
            raise UnreadableFile("standard input is closed: send the file to it")
        yield sys.stdin.buffer, Lineage("-", "stdin", datetime.now(UTC))
        return
    path = Path(source)
    if path.is_dir():
        raise UnreadableFile("this is a folder: give a file")
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        # A file's version is made of its time and size, as web servers make their ETags.
        version = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        # A file may be older than the orders it is tried with, so that today bounds them, not its own time.
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        latest = max(modified, datetime.now(UTC))
        lineage = Lineage(path.name, version, modified, latest_document_after=latest, identity=os.path.realpath(path))
        with _progress(file, status.st_size) as stream:
            yield stream, lineage


@contextlib.contextmanager
def _staging(output: Path) -> Iterator[str]:
    """Give a folder inside `output`, which is made if need be, and left behind only with something in it."""
    output.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".flatten-", dir=output) as staging:
            yield staging
    except BaseException:
        with contextlib.suppress(OSError):
            output.rmdir()
        raise


def _put_in_place(rejected: Path, rejects: Path) -> None:
    if rejects.exists() and not rejects.is_file():
        # A device such as /dev/null, or a pipe, is written to and not replaced; a folder is an error.
        with rejected.open("rb") as file, rejects.open("wb") as target:
            shutil.copyfileobj(file, target)
        return
    rejects.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(rejected, rejects)


@contextlib.contextmanager
def _progress(file: BinaryIO, size: int) -> Iterator[BinaryIO]:
    """Show a progress bar on a terminal for a long input, where the library that draws it is installed."""
    if size < PROGRESS_FROM_BYTES or not sys.stderr.isatty():
        yield file
        return
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield file
        return
    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield progress.wrap_file(file, total=size, description="flattening")


@contextlib.contextmanager
def _rejected_file(path: Path, target: Path | None) -> Iterator[Callable[[RejectedRecord], None]]:
    if target is None:
        yield lambda rejected: None
        return
    zipped = target.name.endswith(".gz")
    with path.open("wb") as plain:
        file: IO[bytes] = cast(IO[bytes], gzip.GzipFile(fileobj=plain, mode="wb", mtime=0)) if zipped else plain
        yield lambda rejected: file.writelines(rejected.json_line())
        if zipped:
            file.close()


def _hint_at_rejects(counts: Counts, rejects: Path | None) -> None:
    if counts.orders_rejected and rejects is None:
        count = counts.orders_rejected
        print(f"{count} order{'s' * (count > 1)} rejected: --rejects FILE keeps them with the reasons", file=sys.stderr)


def _same_file(source: str, rejects: Path) -> bool:
    return source != "-" and rejects.is_file() and Path(source).exists() and rejects.samefile(source)


def _message(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        return f"{problem.strerror}: {shown(problem.filename, 400)}" if problem.filename else problem.strerror
    return str(problem)
