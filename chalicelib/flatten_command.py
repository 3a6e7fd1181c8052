"""The command line of flatten: the Lambda's own code on a local file, without AWS."""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO, cast

from chalicelib.convert import Counts, Limits, convert
from chalicelib.cores import cores
from chalicelib.errors import EtlError, UnreadableFile, shown
from chalicelib.flatten import Lineage
from chalicelib.parquet import MonthFile
from chalicelib.refused import Refused
from chalicelib.settings import Settings
from chalicelib.sources import is_supported

PROGRESS_FROM_BYTES = 64 * 1024 * 1024


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status: 0 for a file that could be read, 1 for one that could not."""
    parser = argparse.ArgumentParser(
        prog="python -m chalicelib.flatten",
        description="Flatten a file of nested JSON orders into Parquet, one row per order and product.",
    )
    parser.add_argument("input", metavar="INPUT", help="a JSON file in any of the input forms, or - for standard input")
    parser.add_argument("-o", "--output", metavar="OUTDIR", required=True, type=Path, help="where the files go")
    parser.add_argument(
        "--rejects", metavar="FILE", type=Path, help="where refused records go (gzip if it ends in .gz)"
    )
    options = parser.parse_args(arguments)
    if not options.input or str(options.output) == ".":
        parser.error("INPUT and OUTDIR are names of a file and of a folder of its own")
    if str(options.rejects) == "-":
        parser.error("--rejects - names no file: standard output has the summary; give a file")
    if options.rejects is not None and _same_file(options.input, options.rejects):
        parser.error("--rejects names INPUT itself, which would be overwritten: give another file")
    try:
        summary = flatten_file(options.input, options.output, options.rejects)
    except (EtlError, OSError) as problem:
        print(f"{options.input}: {_told(problem)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return 130
    print(json.dumps(summary))
    return 0


def flatten_file(source: str, output: Path, rejects: Path | None) -> dict[str, int]:
    """Flatten one file; return how many orders were read, loaded and rejected, rows and files written.

    Files appear below `output`, and refused records in `rejects`, only once the source has been read to its end.
    Raises UnreadableFile or OSError when it cannot be.
    """
    if source != "-" and not is_supported(source):
        print(f"{source}: as an S3 key this would be refused for its name; it is read here anyway", file=sys.stderr)
    files: list[MonthFile] = []
    with _input(source) as (stream, lineage), _staging(output) as staging:
        refused_path = Path(staging) / "refused"
        with _refused_file(refused_path, rejects) as refuse:
            counts = convert(stream, lineage, Path(staging) / "files", limits(), closed=files.append, refuse=refuse)
        if rejects is not None:
            _put_in_place(refused_path, rejects)
        for file in files:
            target = output / file.place
            target.parent.mkdir(parents=True, exist_ok=True)
            file.path.replace(target)
    _hint_at_rejects(counts, rejects)
    return {**asdict(counts), "files": len(files)}


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
        known = os.fstat(file.fileno())
        # A file's version is told from its time and size, as web servers make their ETags.
        version = f"{known.st_mtime_ns:x}-{known.st_size:x}"
        # A file may be older than the orders it is tried with, so that today bounds them, not its own time.
        modified = datetime.fromtimestamp(known.st_mtime, UTC)
        lineage = Lineage(path.name, version, modified, latest_order_after=max(modified, datetime.now(UTC)))
        with _progress(file, known.st_size) as stream:
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


def _put_in_place(refused: Path, rejects: Path) -> None:
    if rejects.exists() and not rejects.is_file():
        # A device such as /dev/null, or a pipe, is written to and not replaced; a folder is an error.
        with refused.open("rb") as file, rejects.open("wb") as target:
            shutil.copyfileobj(file, target)
        return
    rejects.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(refused, rejects)


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
def _refused_file(path: Path, target: Path | None) -> Iterator[Callable[[Refused], None]]:
    if target is None:
        yield lambda refused: None
        return
    zipped = target.name.endswith(".gz")
    with path.open("wb") as plain:
        file: IO[bytes] = cast(IO[bytes], gzip.GzipFile(fileobj=plain, mode="wb", mtime=0)) if zipped else plain
        yield lambda refused: file.writelines(refused.json_line())
        if zipped:
            file.close()


def _hint_at_rejects(counts: Counts, rejects: Path | None) -> None:
    if counts.orders_rejected and rejects is None:
        count = counts.orders_rejected
        print(f"{count} order{'s' * (count > 1)} refused: --rejects FILE keeps them with the reasons", file=sys.stderr)


def _same_file(source: str, rejects: Path) -> bool:
    return source != "-" and rejects.is_file() and Path(source).exists() and rejects.samefile(source)


def _told(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        return f"{problem.strerror}: {shown(problem.filename, 400)}" if problem.filename else problem.strerror
    return str(problem)
