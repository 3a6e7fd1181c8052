"""The deployed product as the tests of this folder use it: drop, wait, ask."""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from chalicelib.contracts import registry
from chalicelib.dataset import Dataset
from chalicelib.loading.entry import Entry
from chalicelib.settings import LOCAL_STAGE
from local.deploy import NOT_COPIED, copy_project, deploy, run_module
from local.emulator import PROJECT, running
from local.expected import table_rows
from local.pipeline import Pipeline, wait_for
from tests.contracts import ORDERS, datasets_of, lay

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


def order(order_id: object, date: str = "2024-07-05", lines: int = 1, **more: Any) -> dict[str, Any]:
    """Return an order with so many lines."""
    products = [{"product_id": i, "name": "Cup", "price": 2, "quantity": 3} for i in range(1, lines + 1)]
    return {"order_id": order_id, "order_date": date, "products": products, **more}


@contextlib.contextmanager
def without_events(product: Product) -> Iterator[None]:
    """Have S3 announce nothing that is dropped within the `with` block."""
    bucket, s3 = product.settings.bucket, product.s3
    configuration = s3.get_bucket_notification_configuration(Bucket=bucket)
    configuration.pop("ResponseMetadata", None)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)


@contextlib.contextmanager
def without_schedule(product: Product) -> Iterator[None]:
    """Have no sweep run by itself within the `with` block; one that was under way has ended before."""
    events = product.aws.client("events")
    rules = [rule["Name"] for rule in events.list_rules()["Rules"]]
    for rule in rules:
        events.disable_rule(Name=rule)
    try:
        _await_sweeps(product)
        yield
    finally:
        for rule in rules:
            events.enable_rule(Name=rule)


def _await_sweeps(product: Product) -> None:
    """Wait until no sweep is under way: one that may only run alone has run."""
    functions, name = product.aws.client("lambda"), product.deployment.functions["sweep"]
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)

    def is_alone() -> bool:
        try:
            sweep(product)
        except functions.exceptions.TooManyRequestsException:
            return False
        return True

    try:
        wait_for(is_alone)
    finally:
        functions.delete_function_concurrency(FunctionName=name)


def sweep(product: Product) -> dict[str, Any]:
    """Run the sweep as its schedule does; return its report."""
    functions = product.aws.client("lambda")
    answer = functions.invoke(FunctionName=product.deployment.functions["sweep"], Payload=b"{}")
    report: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, report
    return report


def workers(product: Product) -> list[int]:
    """Return the processes that the embedded Lambda runs functions in."""
    server = product.aws.process.pid
    pids = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == server:
                pids.append(int(status.parent.name))
    return pids


def copied(folder: Path) -> Path:
    """Copy into `folder` what is deployed of the project; return it."""
    copy_project(PROJECT, folder)
    return folder


def with_contracts(project: Path, *names: str) -> Path:
    """Give a copy of the project the tests' contracts of these names in place of its own, which anybody may change."""
    lay(project / "chalicelib" / "contracts", *names)
    return project


def project_with(folder: Path, variables: Mapping[str, str] = NO_VARIABLES) -> Path:
    """Copy the project into `folder`, with the tests' orders as its contract and its stage set up with these variables
    besides its own; return `folder`."""
    with_contracts(copied(folder), "orders")
    path = folder / ".chalice" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    config["stages"][LOCAL_STAGE]["environment_variables"] |= variables
    path.write_text(json.dumps(config), "utf-8")
    return folder


def clone(folder: Path) -> Path:
    """Copy into `folder` what `make local` and `make demo` need of a fresh clone; return it. Its contract is the tests'
    orders."""
    with_contracts(copied(folder), "orders")
    for name in ("local", "release", "sample_data"):
        shutil.copytree(PROJECT / name, folder / name, ignore=NOT_COPIED)
    return folder


@contextlib.contextmanager
def product_with(folders: pytest.TempPathFactory, variables: Mapping[str, str]) -> Iterator[Product]:
    """Deploy the product with these variables besides its own, on an embedded AWS of its own."""
    project = project_with(folders.mktemp("project"), variables)
    with running() as aws:
        yield Product(aws, deploy(aws, folders.mktemp("workspace"), project))


class Product(Pipeline):
    """The pipeline on an embedded AWS, with what tests do to it. Its contracts are those of its workspace."""

    @cached_property
    def datasets(self) -> tuple[Dataset, ...]:
        contracts, faults = registry.readable(self.deployment.workspace / "chalicelib" / "contracts")
        assert not faults
        return datasets_of(self.settings, *contracts)

    @property
    def orders(self) -> Dataset:
        """The dataset of the tests' orders."""
        return next(each for each in self.datasets if each.name == ORDERS.name)

    def command(self, module: str, command: str, *arguments: str) -> list[str]:
        """Run a command of a module as an operator does; return the lines it printed, but log lines."""
        output = run_module(self.aws, self.deployment.workspace, module, command, *arguments)
        return [line for line in output.splitlines() if not line.startswith('{"level": ')]

    def drop(self, name: str, body: bytes | str | list[Any]) -> str:
        """Put a file into the incoming prefix; return its key."""
        return self.put(f"{self.orders.incoming}{name}", json.dumps(body) if isinstance(body, list) else body)

    def finished(self, key: str, version: str | None = None) -> Entry:
        """Wait until the load of a key, or of this version of it, has ended; return its ledger entry."""

        def poll() -> Entry | None:
            entry = self.finished_entry(key)
            return entry if entry and version in (None, entry.version) else None

        return wait_for(poll)

    def rows(self, key: str, *columns: str) -> list[list[Any]]:
        """Return the rows of the table that came from a key, read by pyarrow."""
        rows = table_rows(self.s3, self.orders, columns)
        return sorted((row[1:] for row in rows if row[0] == key), key=str)

    def rejected(self, entry: Entry) -> list[dict[str, Any]]:
        """Return the rejected records of an entry, or the one line of a file that was refused whole."""
        assert entry.quarantine is not None
        stored = self.s3.get_object(Bucket=self.settings.bucket, Key=entry.quarantine)["Body"].read()
        return [json.loads(line) for line in gzip.decompress(stored).splitlines()]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return list(self.athena.rows(self.athena.wait(self.athena.start(sql), 120)))
