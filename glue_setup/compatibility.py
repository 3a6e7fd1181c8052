"""What a contract changes of a table that exists, by the rules of `chalicelib.contracts.changes`."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.contracts.changes import Effect, catalog_changes
from chalicelib.contracts.contract import Table


def incompatible(columns: Mapping[str, str], partition: Mapping[str, str], table: Table) -> list[str]:
    """Return why a table of a contract does not fit one that exists, one reason a column; nothing when it fits.

    `columns` and `partition` map names to Glue types as the catalog has them.
    """
    return [each.message for each in catalog_changes(columns, partition, table) if each.effect is Effect.REFUSED]


def remarks(columns: Mapping[str, str], partition: Mapping[str, str], table: Table) -> list[str]:
    """Return what readers see of the changes that are not refused."""
    return [each.message for each in catalog_changes(columns, partition, table) if each.effect is not Effect.REFUSED]
