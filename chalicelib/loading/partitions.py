"""A load registers in the catalog the months that it wrote: each once, and not one call for the common small drop.

What is registered is remembered for all processes in one object (see months), and from there in each process for
`REMEMBERED_SECONDS`. A month is asked for after its files have appeared and before the ledger says that they are
loaded: what the ledger says is loaded can be queried. A catalog that fails never fails a load; the sweep makes up for
it (see partition_sweep, which also says why a month that is unregistered meanwhile is not forgotten).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from chalicelib.errors import AwsError
from chalicelib.loading.models import CatalogTable
from chalicelib.loading.months import Catalog, Months, MonthsFile
from chalicelib.loading.store import ObjectStore

REMEMBERED_SECONDS = 300.0
"""How long a process believes what it read; the sweep waits longer than that before it unregisters a month."""

PAUSE_SECONDS = 10.0
"""How long a process leaves a catalog alone that did not answer: its loads are not to wait for it one by one. What was
not registered is asked for again with the next load after that."""

RACES = 5
"""How often a lost race for the months' object is run again; beyond, a month is asked for once more, later."""

LEFT = "the catalog failed a moment ago: left to the sweep"

Written = tuple[CatalogTable, str]


class Partitions:
    """Registers months. `seconds` is a clock that goes on from any beginning.

    `failed` is called with the months, as `database.table/month`, and the reason where they could not be registered.
    Safe for several threads.
    """

    def __init__(
        self,
        store: ObjectStore,
        catalog: Catalog,
        *,
        state: str,
        tables: Sequence[CatalogTable],
        seconds: Callable[[], float],
        failed: Callable[[Sequence[str], str], None],
    ) -> None:
        self._file = MonthsFile(store, state)
        self._catalog = catalog
        self._tables = tables
        self._seconds = seconds
        self._failed = failed
        self._lock = threading.Lock()
        self._known: set[Written] = set()
        self._owed: set[Written] = set()
        self._read_at: float | None = None
        self._failed_at: float | None = None

    def register(self, files: Iterable[str]) -> None:
        """Have the months of these files, which have appeared, registered. Never raises AwsError."""
        written = {(table, month) for file in files for table in self._tables if (month := table.month_of(file))}
        with self._lock:
            if not self._is_within(self._read_at, REMEMBERED_SECONDS):
                self._known = set()
            self._owed |= written - self._known
            reason = self._pay()
        if reason is not None and (missing := written & self._owed):
            self._failed(sorted(map(_name, missing)), reason)

    def _pay(self) -> str | None:
        """Register what is owed; return why it is not."""
        if self._owed and self._is_within(self._failed_at, PAUSE_SECONDS):
            return LEFT
        try:
            if self._owed:
                self._register(sorted(self._owed, key=_name))
        except AwsError as error:
            self._failed_at = self._seconds()
            return str(error)
        self._owed = set()
        return None

    def _register(self, written: Sequence[Written]) -> None:
        asked: set[Written] = set()
        for _ in range(RACES):
            began = self._seconds()
            months, stored = self._file.read()
            missing = [each for each in written if not months.knows(*each)]
            if not missing:
                self._remember(months, began)
                return
            for table in {table for table, _ in missing}:
                new = {month for each, month in missing if each == table and (each, month) not in asked}
                if new:
                    self._catalog.register(table, sorted(new))
                asked |= {(table, month) for month in new}
                months = months.adding(table, (month for each, month in missing if each == table))
            if self._file.write(months, stored.etag if stored else None):
                self._remember(months, began)
                return

    def _remember(self, months: Months, read_at: float) -> None:
        self._read_at = read_at
        self._known = {
            (table, month) for table in self._tables for month in months.known.get(table.full_name, frozenset())
        }

    def _is_within(self, time: float | None, seconds: float) -> bool:
        # A clock that was set back tells nothing.
        return time is not None and 0 <= self._seconds() - time < seconds


def _name(written: Written) -> str:
    return f"{written[0].full_name}/{written[1]}"
