"""Which months of the tables the catalog is known to have registered: one small object that all processes share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from chalicelib.dataset import Dataset
from chalicelib.loading.models import MONTH, CatalogTable, Registered, VersionedJson
from chalicelib.loading.store import ObjectStore


def catalog_tables(datasets: Iterable[Dataset]) -> tuple[CatalogTable, ...]:
    """Return every table of the datasets."""
    return tuple(
        CatalogTable(dataset.database, table.name, folder, table.partition.name)
        for dataset in datasets
        for table, folder in dataset.folders.items()
    )


class Catalog(Protocol):
    """The catalog's partitions; aws.glue.GlueCatalog says of each method what it does. Raises AwsError."""

    def registered(self, table: CatalogTable) -> Registered: ...
    def register(self, table: CatalogTable, months: Iterable[str]) -> None: ...
    def update(self, table: CatalogTable, months: Iterable[str]) -> None: ...
    def unregister(self, table: CatalogTable, months: Iterable[str]) -> None: ...


class Months(Struct, frozen=True):
    """By table, the months that are `known` to be registered, and those that are `leaving`: registered and found empty,
    each with the time at which it was. A month is never both."""

    known: Mapping[str, frozenset[str]] = field(default_factory=dict)
    leaving: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, stored: Any) -> Months:
        """Read what was stored; of what cannot be read nothing is known, so that it is registered once more."""
        try:
            known = {name: frozenset(map(_month, months)) for name, months in stored["known"].items()}
            leaving = {
                name: {_month(month): _time(time) for month, time in months.items()}
                for name, months in stored["leaving"].items()
            }
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls()
        return cls(known, leaving)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {
            "known": {name: sorted(months) for name, months in sorted(self.known.items()) if months},
            "leaving": {
                name: {month: time.isoformat() for month, time in sorted(months.items())}
                for name, months in sorted(self.leaving.items())
                if months
            },
        }

    def knows(self, table: CatalogTable, month: str) -> bool:
        """Tell whether a month is known to be registered, and not about to leave."""
        return month in self.known.get(table.full_name, ())

    def leaves(self, table: CatalogTable) -> Mapping[str, datetime]:
        """Return the months of a table that are leaving."""
        return self.leaving.get(table.full_name, {})

    def adding(self, table: CatalogTable, months: Iterable[str]) -> Months:
        """Return it with months of a table known, which stay."""
        known = self.known.get(table.full_name, frozenset()) | frozenset(months)
        return self.of(table, known, {m: time for m, time in self.leaves(table).items() if m not in known})

    def of(self, table: CatalogTable, known: Iterable[str], leaving: Mapping[str, datetime]) -> Months:
        """Return it with other months of one table."""
        name = table.full_name
        return replace(self, known={**self.known, name: frozenset(known)}, leaving={**self.leaving, name: leaving})


class MonthsFile:
    """The object of the bucket that holds the months; every change of it is conditional."""

    def __init__(self, store: ObjectStore, state: str) -> None:
        self._store = store
        self._name = f"{state}partitions.json"

    def read(self) -> tuple[Months, VersionedJson | None]:
        """Return the months, and what was read."""
        stored = self._store.read_json(self._name)
        return (Months.from_json(stored.value) if stored else Months()), stored

    def write(self, months: Months, etag: str | None) -> str | None:
        """Write the months over what has this ETag; return the new one, None where another was quicker."""
        return self._store.write_json(self._name, months.as_json(), etag)


def _month(value: Any) -> str:
    if not MONTH.fullmatch(value):
        raise ValueError(f"{value!r} is no month")
    return str(value)


def _time(value: Any) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError(f"{value!r} has no zone")
    return time
