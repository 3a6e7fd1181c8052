"""Months in the catalog, with real processes and IAM enforced: what is registered can be queried, by every engine."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from local.emulator import PROJECT
from local.pipeline import wait_for
from tests.local.calls import user
from tests.local.product import Product, order, sweep, without_schedule, workers

pytestmark = pytest.mark.aws

TABLE = "orders_parquet_datalake"


def registered(product: Product) -> list[str]:
    """Return the months that the catalog has."""
    pages = product.aws.client("glue").get_paginator("get_partitions")
    found = pages.paginate(DatabaseName=product.settings.database, TableName=TABLE)
    return sorted(each["Values"][0] for page in found for each in page["Partitions"])


def unregister(product: Product, *months: str) -> None:
    answer = product.aws.client("glue").batch_delete_partition(
        DatabaseName=product.settings.database,
        TableName=TABLE,
        PartitionsToDelete=[{"Values": [month]} for month in months],
    )
    assert answer["Errors"] == []


def rows_of(product: Product, key: str) -> int:
    """Return how many rows of a source key the embedded Athena sees."""
    return int(product.ask(f"SELECT COUNT(*) FROM {TABLE} WHERE source_key = '{key}'")[0][0])


@contextlib.contextmanager
def denied(product: Product, function: str, sid: str) -> Iterator[None]:
    """Take a statement from a function's policy within the `with` block."""
    iam, functions = product.aws.client("iam"), product.aws.client("lambda")
    name = product.deployment.functions[function]
    role = functions.get_function_configuration(FunctionName=name)["Role"].rsplit("/", 1)[1]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    whole: Any = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    less = [statement for statement in whole["Statement"] if statement["Sid"] != sid]
    assert len(less) == len(whole["Statement"]) - 1
    put = {"RoleName": role, "PolicyName": policy}
    iam.put_role_policy(**put, PolicyDocument=json.dumps(whole | {"Statement": less}))
    try:
        yield
    finally:
        iam.put_role_policy(**put, PolicyDocument=json.dumps(whole))


def test_a_load_registers_its_months_before_it_says_that_it_has_loaded(product: Product) -> None:
    key = product.drop("months/a.json", [order(1, "2011-01-05"), order(2, "2011-02-05")])
    product.finished(key)
    assert {"2011-01", "2011-02"} <= set(registered(product))
    assert rows_of(product, key) == 2


def test_a_month_that_is_not_registered_is_seen_by_no_query_and_by_the_next_sweep_again(product: Product) -> None:
    key = product.drop("months/unregistered.json", [order(1, "2011-03-05"), order(2, "2011-04-05")])
    product.finished(key)
    with without_schedule(product):
        unregister(product, "2011-03")
        assert rows_of(product, key) == 1
        sweep(product)
        assert rows_of(product, key) == 2


def test_a_catalog_that_refuses_the_loader_fails_no_load_is_logged_and_made_up_for_by_the_sweep(
    product: Product,
) -> None:
    with without_schedule(product):
        with denied(product, "load", "RegisterMonths"):
            key = product.drop("months/refused.json", [order(1, "2011-05-05")])
            assert product.finished(key).state == "loaded"
            assert rows_of(product, key) == 0
            log = product.aws.log
            wait_for(lambda: '"event": "months not registered"' in log.read_text("utf-8", "replace") or None)
            with denied(product, "sweep", "KeepMonths"):
                sweep(product)
            assert rows_of(product, key) == 0
        sweep(product)
        assert rows_of(product, key) == 1
    # A process to which the catalog failed leaves it alone for a while.
    for worker in workers(product):
        os.kill(worker, signal.SIGKILL)


def test_a_function_may_register_months_of_the_stages_tables_alone(product: Product) -> None:
    glue = product.aws.client("glue")
    table = glue.get_table(DatabaseName=product.settings.database, Name=TABLE)["Table"]
    other = {"Name": "somebody_elses", "StorageDescriptor": table["StorageDescriptor"]}
    glue.create_table(DatabaseName=product.settings.database, TableInput=other)
    policy = json.loads((product.deployment.workspace / ".chalice" / "policy-local-load.json").read_text("utf-8"))
    (months,) = [each for each in policy["Statement"] if each["Sid"] == "RegisterMonths"]
    key, secret = user(product.aws, "months", (months["Action"], months["Resource"]))
    limited = product.aws.client("glue", {"aws_access_key_id": key, "aws_secret_access_key": secret})
    partition = {"Values": ["2011-06"], "StorageDescriptor": table["StorageDescriptor"]}
    asked = {"DatabaseName": product.settings.database, "PartitionInputList": [partition]}
    with pytest.raises(limited.exceptions.ClientError, match="AccessDenied"):
        limited.batch_create_partition(TableName="somebody_elses", **asked)
    assert limited.batch_create_partition(TableName=TABLE, **asked)["Errors"] == []
    glue.delete_table(DatabaseName=product.settings.database, Name="somebody_elses")
    unregister(product, "2011-06")


class DuckDb:
    """DuckDB as the documentation has it, given the files of the embedded S3, which it cannot reach by itself."""

    def __init__(self, product: Product, folder: Path) -> None:
        self._s3 = product.s3
        self._folder = folder
        self._connection = duckdb.connect()

    def connect(self) -> DuckDb:
        return self

    def execute(self, sql: str, parameters: list[list[str]] | None = None) -> Any:
        if parameters is None:
            assert sql.startswith("CREATE SECRET (TYPE s3")
            return None
        (patterns,) = parameters
        return self._connection.execute(sql, [[str(file) for pattern in patterns for file in self._fetched(pattern)]])

    def _fetched(self, pattern: str) -> Iterator[Path]:
        bucket, _, prefix = pattern.removeprefix("s3://").removesuffix("*.parquet").partition("/")
        for each in self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ()):
            path = self._folder / each["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read())
            yield path


def test_an_engine_that_knows_no_projection_reads_the_table_as_the_documentation_has_it(
    product: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for month in (7, 8):
        product.finished(product.drop(f"months/engine{month}.json", [order(month, f"2011-0{month}-07")]))
    texts = re.findall(r"```python\n(.*?)```", (PROJECT / "docs" / "queries.md").read_text("utf-8"), re.DOTALL)
    (text,) = (text for text in texts if "import boto3, duckdb" in text)
    exec(
        text.replace("import boto3, duckdb", ""),
        {"boto3": SimpleNamespace(client=product.aws.client), "duckdb": DuckDb(product, tmp_path)},
    )
    # The embedded Glue gives every partition, whatever the expression.
    rows = ast.literal_eval(capsys.readouterr().out)
    assert {("2011-07", 1), ("2011-08", 1)} <= set(rows)
    assert {month for month, _ in rows} <= set(registered(product))
