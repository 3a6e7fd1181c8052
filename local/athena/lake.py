"""What the embedded Athena stands on: a catalog of Glue tables, objects in S3, and the errors it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class QueryError(Exception):
    """A query fails, in Athena's words: `TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.db.t' does not exist`."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(f"{kind}: {message}")


class QueryCancelled(Exception):
    """A query was stopped: by its caller, or by the workgroup's limit on scanned bytes."""


class MalformedQuery(Exception):
    """The text is not SQL. Athena refuses it when it is submitted; no execution comes to be."""


@dataclass(frozen=True)
class StoredObject:
    """One object below a table's location. `size` is in bytes."""

    bucket: str
    key: str
    size: int
    etag: str

    @property
    def uri(self) -> str:
        """The object's s3:// address."""
        return f"s3://{self.bucket}/{self.key}"


class Lake(Protocol):
    """The catalog and the objects, with the permissions of whoever asks.

    Every method raises QueryError (PERMISSION_DENIED) for what the caller of Athena may not do itself.
    Tables and partitions are as Glue's GetTable and GetPartitions return them.
    """

    def databases(self) -> list[str]:
        """Return the names of all databases."""

    def tables(self, database: str) -> list[dict[str, Any]]:
        """Return the tables and views of a database."""

    def table(self, database: str, name: str) -> dict[str, Any] | None:
        """Return a table or view, or None."""

    def partitions(self, database: str, name: str) -> list[dict[str, Any]]:
        """Return the registered partitions of a table."""

    def save_table(self, database: str, table_input: dict[str, Any]) -> None:
        """Make the table, or replace the one of its name."""

    def drop_table(self, database: str, name: str) -> None:
        """Remove a table or view."""

    def create_database(self, name: str) -> None:
        """Make a database."""

    def objects(self, bucket: str, prefix: str) -> list[StoredObject]:
        """Return the objects whose key begins with `prefix`, in order of their keys."""

    def read(self, stored: StoredObject) -> bytes:
        """Return an object's bytes."""
