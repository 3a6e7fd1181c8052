"""A lake in memory, for tests and benchmarks of the engine."""

from __future__ import annotations

import hashlib
from typing import Any

from local.athena.lake import StoredObject


class MemoryLake:
    """Tables and objects in dictionaries; everything is allowed."""

    def __init__(self) -> None:
        self.catalog: dict[tuple[str, str], dict[str, Any]] = {}
        self.registered: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.names: list[str] = []
        self.stored: dict[tuple[str, str], bytes] = {}

    def databases(self) -> list[str]:
        return list(self.names)

    def tables(self, database: str) -> list[dict[str, Any]]:
        return [table for (name, _), table in self.catalog.items() if name == database]

    def table(self, database: str, name: str) -> dict[str, Any] | None:
        return self.catalog.get((database, name))

    def partitions(self, database: str, name: str) -> list[dict[str, Any]]:
        return self.registered.get((database, name), [])

    def save_table(self, database: str, table_input: dict[str, Any]) -> None:
        if database not in self.names:
            self.names.append(database)
        self.catalog[database, table_input["Name"]] = {**table_input, "DatabaseName": database}

    def drop_table(self, database: str, name: str) -> None:
        del self.catalog[database, name]

    def create_database(self, name: str) -> None:
        self.names.append(name)

    def objects(self, bucket: str, prefix: str) -> list[StoredObject]:
        return [
            StoredObject(bucket, key, len(content), hashlib.md5(content, usedforsecurity=False).hexdigest())
            for (in_bucket, key), content in sorted(self.stored.items())
            if in_bucket == bucket and key.startswith(prefix)
        ]

    def read(self, stored: StoredObject) -> bytes:
        return self.stored[stored.bucket, stored.key]
