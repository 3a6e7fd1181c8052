"""The sweep's part for the catalog: what is in the bucket is registered, what is empty is not, for good.

A month that is written and not registered is registered at once: a load whose catalog failed, or that ended before it
could ask. One whose columns are not the table's gets the table's.

A month that is registered and empty is unregistered, and a load that writes it at the same time must not find itself in
a month that nobody sees. A load asks for its month after its files have appeared, and believes that a month is
registered for `REMEMBERED_SECONDS` after it read so. Hence in this order:

1. The month is noted as leaving; from then on nobody reads that it is registered. A load that needs it registers it,
   which changes nothing yet, and notes that it is known again.
2. `LEAVES_AFTER` later, which is longer than any process believes what it read before the note, it is unregistered.
3. The bucket is looked at once more. A load that still believed, or that registered the month just before, had its file
   there before step 2, so that it is seen now, and the month registered again.
4. The note is taken away if it still is the one that was read; where a load changed it meanwhile, the month is
   registered again.

A run that ends between these steps leaves the note, by which the next one begins at step 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from msgspec import Struct

from chalicelib.errors import AwsError
from chalicelib.loading.models import CatalogTable
from chalicelib.loading.months import Catalog, Months, MonthsFile
from chalicelib.loading.partitions import REMEMBERED_SECONDS
from chalicelib.loading.store import ObjectStore

LEAVES_AFTER = timedelta(seconds=2 * REMEMBERED_SECONDS)
"""How long a month has to have been empty before it is unregistered."""

RESERVE = 60.0
"""Seconds that are left to the rest of the sweep."""


class PartitionReport(Struct):
    """What one run did, in months; `failures` counts the tables whose months could not be compared or put right."""

    registered: int = 0
    updated: int = 0
    unregistered: int = 0
    failures: int = 0


class PartitionSweep:
    """Compares the catalog's months with the bucket's. `failed` is called with a table's name and the reason."""

    def __init__(
        self,
        store: ObjectStore,
        catalog: Catalog,
        *,
        state: str,
        tables: Sequence[CatalogTable],
        failed: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._file = MonthsFile(store, state)
        self._catalog = catalog
        self._tables = tables
        self._failed = failed
        self._report = PartitionReport()

    def run(self, time_left: Callable[[], float]) -> PartitionReport:
        """Put the months of all tables right, as far as the time allows. Never raises AwsError."""
        self._report = PartitionReport()
        for table in self._tables:
            if time_left() < RESERVE:
                break
            try:
                self._put_right(table)
            except AwsError as error:
                self._report.failures += 1
                self._failed(table.full_name, str(error))
        return self._report

    def _put_right(self, table: CatalogTable) -> None:
        months, stored = self._file.read()
        registered = self._catalog.registered(table)
        folders = self._store.folders(table.folder)
        written = {month for folder in folders.names if (month := table.month_of(folder))}
        self._register(table, written - registered.months)
        outdated = registered.outdated & written
        if outdated:
            self._catalog.update(table, sorted(outdated))
            self._report.updated += len(outdated)
        empty = registered.months - written
        noted = months.leaves(table)
        leaving = {month: noted.get(month, folders.now) for month in empty}
        changed = months.of(table, written, leaving)
        etag = stored.etag if stored else None
        if changed.as_json() != months.as_json():
            etag = self._file.write(changed, etag)
        due = {month for month, since in leaving.items() if month in noted and folders.now - since >= LEAVES_AFTER}
        # Where another has changed the months since they were read, the next run looks again.
        if due and etag is not None:
            self._unregister(table, due, changed, etag)

    def _register(self, table: CatalogTable, months: set[str]) -> None:
        if months:
            self._catalog.register(table, sorted(months))
            self._report.registered += len(months)

    def _unregister(self, table: CatalogTable, due: set[str], months: Months, etag: str) -> None:
        self._catalog.unregister(table, sorted(due))
        written = {month for month in due if self._store.list(table.month_folder(month), limit=1).objects}
        if written:
            self._catalog.register(table, sorted(written))
        leaving = {month: since for month, since in months.leaves(table).items() if month not in due}
        known = months.known.get(table.full_name, frozenset()) | written
        if self._file.write(months.of(table, known, leaving), etag) is None:
            self._catalog.register(table, sorted(due))
        else:
            self._report.unregistered += len(due - written)
