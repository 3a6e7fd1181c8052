"""A dataset: one kind of document in one stage. Everything that loads, asks, declares or watches is given one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from chalicelib.contracts.contract import Contract, Table
from chalicelib.errors import ContractError
from chalicelib.settings import Settings

REJECTED_TABLE = "orders_rejected"
"""The table of everything that was rejected in a stage, whatever its contract."""


PIPELINE_QUERIES = tuple(sorted(file.stem for file in (Path(__file__).parent / "queries" / "pipeline").glob("*.sql")))
"""The saved queries that every stage has, whatever its contracts."""


class Prefixes(Struct, frozen=True):
    """The prefixes of a stage's bucket that are not a contract's table's, each ending with a slash."""

    incoming: str
    quarantine: str
    ledger: str
    results: str
    state: str
    receipts: str

    @classmethod
    def of(cls, settings: Settings) -> Prefixes:
        """Return the prefixes that a stage's settings give."""
        return cls(
            settings.incoming_prefix,
            settings.quarantine_prefix,
            settings.ledger_prefix,
            settings.results_prefix,
            settings.state_prefix,
            settings.receipts_prefix,
        )

    @property
    def rejected(self) -> str:
        """The folder that has the files of the table of rejected records, and nothing else."""
        return f"{self.quarantine}rejected/"

    @property
    def long_rejected(self) -> str:
        """The folder of rejected records that are too long for a row of that table."""
        return f"{self.quarantine}long/"

    @property
    def all(self) -> tuple[str, ...]:
        """Every prefix."""
        return (self.incoming, self.quarantine, self.ledger, self.results, self.state, self.receipts)


class Dataset(Struct, frozen=True):
    """A contract, and where a stage keeps what is loaded by it: `bucket`, `prefixes`, and the Glue `database`."""

    contract: Contract
    bucket: str
    database: str
    prefixes: Prefixes

    @property
    def name(self) -> str:
        """The contract's name."""
        return self.contract.name

    @property
    def incoming(self) -> str:
        """The prefix of the bucket that its documents are dropped below, ending with a slash."""
        return f"{self.prefixes.incoming}{self.contract.incoming}"

    @property
    def tables(self) -> tuple[Table, ...]:
        """The contract's tables, the main one first."""
        return self.contract.tables

    @property
    def folders(self) -> dict[Table, str]:
        """The folder of the bucket that has a table's files and nothing else, ending with a slash, of each table."""
        return {table: f"{table.name}/" for table in self.tables}

    def location(self, table: Table) -> str:
        """Return a table's location as an S3 URI, ending with a slash."""
        return f"s3://{self.bucket}/{table.name}/"

    @property
    def views(self) -> tuple[str, ...]:
        """The views on the tables, in the order in which they have to be made."""
        return self.contract.views

    @property
    def query_files(self) -> tuple[Path, ...]:
        """The files of the contract's saved queries, each named like its query."""
        folder = self.contract.folder
        return () if folder is None else tuple(sorted(folder.glob("queries/*.sql")))

    @property
    def check_files(self) -> tuple[Path, ...]:
        """The files of the contract's checks: saved queries that are to return no row."""
        folder = self.contract.folder
        return () if folder is None else tuple(sorted(folder.glob("checks/*.sql")))


def dataset_of(key: str, datasets: Iterable[Dataset]) -> Dataset | None:
    """Return the dataset that a source key belongs to: the one with the longest incoming prefix that the key is below.

    None where the key is below no dataset's.
    """
    return max(
        (each for each in datasets if key.startswith(each.incoming)), key=lambda each: len(each.incoming), default=None
    )


def loaded_by(key: str, datasets: Sequence[Dataset]) -> Dataset:
    """Return the dataset that loads a source key: what is in no contract's folder is quarantined by the first."""
    return dataset_of(key, datasets) or datasets[0]


def check(datasets: Iterable[Dataset]) -> tuple[Dataset, ...]:
    """Return the datasets of a stage. Raises ContractError with all their `clashes`."""
    checked = tuple(datasets)
    problems = clashes(checked)
    if problems:
        raise ContractError(problems)
    return checked


def clashes(datasets: Iterable[Dataset]) -> list[str]:
    """Return everything that two datasets of a stage, or a table and a prefix of the bucket, cannot both have."""
    owners: dict[tuple[str, str], str] = {}
    pipelines = {("table or view", REJECTED_TABLE), *(("saved query", name) for name in PIPELINE_QUERIES)}
    problems = []
    for each in datasets:
        named = [
            ("incoming folder", each.incoming),
            *(("table or view", name) for name in (*(table.name for table in each.tables), *each.views)),
            *(("saved query", file.stem) for file in each.query_files),
        ]
        for key in named:
            if key in pipelines:
                problems.append(
                    f"{key[0]} {key[1]!r} of contract {each.name} has the name of one that every stage has: give it "
                    "another name"
                )
            if key in owners:
                both = f"contract {owners[key]} and of contract {each.name}"
                problems.append(f"{key[0]} {key[1]!r} is that of {both}: give one of them another name")
            owners.setdefault(key, each.name)
        problems += [
            f"table {table.name!r} of contract {each.name} lies in the folder {folder}, which a setting gives to "
            f"something else ({prefix}): change the setting"
            for table, folder in each.folders.items()
            for prefix in each.prefixes.all
            if prefix.startswith(folder) or folder.startswith(prefix)
        ]
    return problems
