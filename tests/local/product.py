"""The deployed product as the tests of this folder use it: drop, wait, ask."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.aws.athena import Athena
from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import FINISHED
from chalicelib.settings import Settings
from local.deploy import STAGE, Deployment, copy_project
from local.emulator import PROJECT, Emulator
from local.expected import table_rows
from tests.local.calls import wait_for


def order(order_id: object, date: str = "2024-07-05", **more: Any) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "order_date": date,
        "products": [{"product_id": 1, "price": 2, "quantity": 3}],
        **more,
    }


@contextlib.contextmanager
def without_events(product: Product) -> Iterator[None]:
    """Let nobody be told of what is dropped meanwhile."""
    bucket, s3 = product.settings.bucket, product.s3
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    told.pop("ResponseMetadata", None)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told)


def sweep(product: Product) -> dict[str, Any]:
    """Run the sweep as its schedule does; return what it did."""
    functions = product.aws.client("lambda")
    answer = functions.invoke(FunctionName=product.deployment.functions["sweep_orders"], Payload=b"{}")
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    return told


def project_with(folder: Path, variables: Mapping[str, str]) -> Path:
    """Copy the project into `folder`, its stage set up with these variables besides its own; return `folder`."""
    copy_project(PROJECT, folder)
    path = folder / ".chalice" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    config["stages"][STAGE]["environment_variables"] |= variables
    path.write_text(json.dumps(config), "utf-8")
    return folder


@dataclass(frozen=True)
class Product:
    """The product on an embedded AWS."""

    aws: Emulator
    deployment: Deployment

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.deployment.variables)

    @property
    def s3(self) -> Any:
        return self.aws.client("s3")

    def drop(self, name: str, body: bytes | str | list[Any]) -> str:
        """Put a file into the incoming prefix; return its key."""
        content = json.dumps(body).encode() if isinstance(body, list) else body
        key = f"{self.settings.incoming_prefix}{name}"
        self.s3.put_object(Bucket=self.settings.bucket, Key=key, Body=content)
        return key

    def entry(self, key: str) -> Entry | None:
        """Return what the ledger says of a key."""
        place = f"{self.settings.ledger_prefix}{ledger_name(key)}"
        s3 = self.s3
        try:
            stored = s3.get_object(Bucket=self.settings.bucket, Key=place)
        except s3.exceptions.NoSuchKey:
            return None
        return Entry.from_json(json.loads(stored["Body"].read()))

    def finished(self, key: str, version: str | None = None) -> Entry:
        """Wait until a key, or this version of it, is loaded or refused."""

        def look() -> Entry | None:
            found = self.entry(key)
            done = found is not None and found.state in FINISHED and not found.superseded
            return found if done and found and version in (None, found.version) else None

        return wait_for(look)

    def rows(self, key: str, *columns: str) -> list[list[Any]]:
        """Return the rows of the table that came from a key, read by pyarrow."""
        found = table_rows(self.s3, self.settings, columns)
        return sorted((row[1:] for row in found if row[0] == key), key=str)

    def rejected(self, entry: Entry) -> list[dict[str, Any]]:
        """Return the refused records of an entry."""
        assert entry.quarantine is not None
        stored = self.s3.get_object(Bucket=self.settings.bucket, Key=entry.quarantine)["Body"].read()
        if entry.quarantine.endswith(".report.json"):
            return [json.loads(stored)]
        return [json.loads(line) for line in gzip.decompress(stored).splitlines()]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        athena = Athena(self.aws.client("athena"), self.settings)
        return list(athena.rows(athena.wait(athena.start(sql), 30)))
