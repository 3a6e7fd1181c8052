"""`python -m local check-contracts`: whether contract, sample and saved queries fit one another, with nothing started.

A contract is read, its sample.json loaded by both ways of decoding, and what that gives put into tables in memory, on
which its views are made and its saved queries run by the embedded Athena's engine.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chalicelib import dataset
from chalicelib.aws.glue import table_input
from chalicelib.contracts import registry
from chalicelib.contracts.contract import Contract, Table
from chalicelib.contracts.reading import FILE_NAME, SAMPLE_NAME
from chalicelib.dataset import Dataset, Prefixes
from chalicelib.errors import ContractError
from chalicelib.flatten.columns import month_name
from chalicelib.flatten.flattener import Flattened
from chalicelib.flatten.schema import file_schema
from chalicelib.queries.views import view_statements
from chalicelib.settings import Settings
from local.athena.ddl import create_view
from local.athena.lake import MalformedQuery, QueryError
from local.athena.memory import MemoryLake
from local.athena.sql import parse
from local.athena.tables import FileCache
from local.query_check import query_faults
from local.sample_check import check_sample

SETTINGS = Settings(bucket="contract-check")


@dataclass
class Report:
    """What was checked of one contract, in a line, all that does not fit, and what the sample has no value for."""

    summary: str = ""
    faults: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def main(names: Sequence[str]) -> int:
    """Print what was checked, and on stderr all that does not fit. Returns 1 where anything does not, else 0."""
    reports = check_contracts(names)
    for report in reports:
        if report.summary:
            print(f"{report.summary}: {'all fit' if not report.faults else _counted('fault', len(report.faults))}")
        for each in report.empty:
            print(f"  no document of {SAMPLE_NAME} has a value at {each}")
    faults = [fault for report in reports for fault in report.faults]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def check_contracts(names: Sequence[str] = (), folder: Path | None = None) -> list[Report]:
    """Check the contracts that are named, by NAME or FILE; without any all of a folder, and these with one another."""
    if not names:
        contracts, faults = registry.readable(folder or registry.FOLDER)
        datasets = [dataset_of(each) for each in contracts]
        return [*map(check_contract, datasets), Report(faults=[*faults, *dataset.clashes(datasets)])]
    reports = []
    for name in names:
        try:
            reports.append(check_contract(dataset_of(registry.contract(name))))
        except ContractError as error:
            reports.append(Report(faults=error.problems))
    return reports


def dataset_of(contract: Contract) -> Dataset:
    """Return the dataset of a contract in a stage that has the default settings."""
    return Dataset(contract, SETTINGS.bucket, SETTINGS.database, Prefixes.of(SETTINGS))


def check_contract(checked: Dataset) -> Report:
    """Check one contract with its sample and its saved queries."""
    sample = check_sample(checked.contract)
    faults = [*sample.faults, *sql_faults(checked, sample.flattened)]
    counted = [("document", sample.documents), ("table", len(checked.tables)), ("view", len(checked.views))]
    counted.append(("saved query", len(checked.query_files)))
    counted += [("check", len(checked.check_files))] if checked.check_files else []
    return Report(f"{checked.name}: {', '.join(_counted(*each) for each in counted)}", faults, sample.empty)


def sql_faults(checked: Dataset, flattened: Sequence[Flattened]) -> list[str]:
    """Return what is wrong with the views and saved queries of a contract, on tables that hold these rows, or none."""
    with tempfile.TemporaryDirectory(prefix="contracts-") as folder:
        cache = FileCache(Path(folder))
        lake = lake_with(checked, flattened)
        faults = list(_view_faults(checked, lake, cache))
        for file in (*checked.query_files, *checked.check_files):
            faults += query_faults(file, checked, lake, cache)
    return faults


def lake_with(checked: Dataset, flattened: Sequence[Flattened]) -> MemoryLake:
    """Return a lake with the dataset's tables, which hold these rows."""
    lake = MemoryLake()
    for table in checked.tables:
        lake.save_table(checked.database, dict(table_input(checked, table, "projection")))
    for number, part in enumerate(flattened):
        for each in part.tables:
            for month in np.unique(each.months):
                rows = each.rows.filter(pa.array(each.months == month)).cast(file_schema(each.table))
                lake.stored[checked.bucket, _key(checked, each.table, int(month), number)] = _parquet(rows)
    return lake


def _key(checked: Dataset, table: Table, month: int, number: int) -> str:
    return f"{checked.folders[table]}{table.partition.name}={month_name(month)}/{number}.parquet"


def _parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    return sink.getvalue()


def _view_faults(checked: Dataset, lake: MemoryLake, cache: FileCache) -> Iterator[str]:
    assert checked.contract.folder is not None, checked.name
    for name, sql in view_statements(checked):
        try:
            create_view(lake, cache, parse(sql, ()), sql, checked.database)
        except (QueryError, MalformedQuery) as error:
            yield f"{checked.contract.folder / FILE_NAME}: the view {name} cannot be made: {error}"


def _counted(what: str, count: int) -> str:
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{count} {what if count == 1 else plural}"
