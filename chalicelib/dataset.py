"""A dataset: one kind of document in one stage. Everything that loads, asks, declares or watches is given one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.contracts.model import Contract
from chalicelib.errors import ContractError


@dataclass(frozen=True)
class Prefixes:
    """The prefixes of a stage's bucket that are not a table's, each ending with a slash."""

    incoming: str
    quarantine: str
    ledger: str
    results: str
    state: str

    @property
    def all(self) -> tuple[str, ...]:
        """Every prefix."""
        return (self.incoming, self.quarantine, self.ledger, self.results, self.state)


@dataclass(frozen=True)
class Dataset:
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
    def table(self) -> str:
        """The table's name in Glue."""
        return self.contract.table

    @property
    def table_prefix(self) -> str:
        """The folder of the bucket that has the table's files and nothing else, ending with a slash."""
        return f"{self.table}/"

    @property
    def table_location(self) -> str:
        """The table's location as an S3 URI, ending with a slash."""
        return f"s3://{self.bucket}/{self.table_prefix}"

    @property
    def views(self) -> tuple[str, ...]:
        """The views on the table, in the order in which they have to be made: the second stands on the first."""
        return (self.contract.latest, self.contract.documents)


def dataset_of(key: str, datasets: Iterable[Dataset]) -> Dataset | None:
    """Return the dataset that a source key belongs to: the one with the longest incoming prefix that the key is below.

    None where the key is below no dataset's.
    """
    return max(
        (each for each in datasets if key.startswith(each.incoming)), key=lambda each: len(each.incoming), default=None
    )


def check(datasets: Iterable[Dataset]) -> tuple[Dataset, ...]:
    """Return the datasets of a stage. Raises ContractError, which names everything that two of them, or a table and a
    prefix of the bucket, cannot both have."""
    checked = tuple(datasets)
    owners: dict[tuple[str, str], str] = {}
    problems = []
    for each in checked:
        named = [("incoming folder", each.incoming), *(("table or view", name) for name in (each.table, *each.views))]
        for key in named:
            if key in owners:
                both = f"contract {owners[key]} and of contract {each.name}"
                problems.append(f"{key[0]} {key[1]!r} is that of {both}: give one of them another name")
            owners.setdefault(key, each.name)
        problems += [
            f"table {each.table!r} of contract {each.name} lies in the folder {each.table_prefix}, which a setting "
            f"gives to something else ({prefix}): change the setting"
            for prefix in each.prefixes.all
            if prefix.startswith(each.table_prefix) or each.table_prefix.startswith(prefix)
        ]
    if problems:
        raise ContractError(problems)
    return checked
