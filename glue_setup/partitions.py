"""The months of a table in the catalog, where loads register them: what apply finds to put right, and does."""

from __future__ import annotations

from typing import Any

from chalicelib.aws.glue import GlueCatalog
from chalicelib.aws.s3 import Storage
from chalicelib.errors import AwsError
from chalicelib.loading.models import CatalogTable
from glue_setup.clients import Clients
from glue_setup.resource import State

UNREGISTERED, OUTDATED = "months not registered", "months with other columns"


class TableMonths:
    """The months of a table whose files are in `bucket`; `declared` is the TableInput that the table is made of.

    Months that are empty are the sweep's to unregister: it knows whether a load may be at work in one.
    """

    def __init__(self, clients: Clients, bucket: str, table: CatalogTable, declared: Any) -> None:
        self._store = Storage(clients.s3, bucket)
        self._catalog = GlueCatalog(lambda: clients.glue)
        self._table = table
        self._declared = declared

    def state(self) -> State:
        """Return what is to be put right; nothing where all is well. Only read calls."""
        unregistered, outdated = self._wrong()
        found = {UNREGISTERED: unregistered, OUTDATED: outdated}
        return {field: ", ".join(months) for field, months in found.items() if months}

    def put_right(self) -> None:
        """Register the months that are written, and describe those that are registered as the table is."""
        unregistered, outdated = self._wrong()
        if unregistered:
            self._catalog.register(self._table, unregistered)
        if outdated:
            self._catalog.update(self._table, outdated)

    def _wrong(self) -> tuple[list[str], list[str]]:
        registered = self._catalog.registered(self._table, self._declared)
        return sorted(self._written() - registered.months), sorted(registered.outdated)

    def _written(self) -> set[str]:
        try:
            folders = self._store.folders(self._table.folder)
        except AwsError as error:
            if error.kind == "NoSuchBucket":
                return set()
            raise
        return {month for folder in folders.names if (month := self._table.month_of(folder))}
