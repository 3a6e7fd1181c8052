"""Months in the catalog, with real processes and IAM enforced: what is registered can be queried, by every engine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

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


def test_an_engine_that_knows_no_projection_reads_the_table_by_its_registered_months(
    product: Product, tmp_path: Path
) -> None:
    keys = [product.drop(f"months/engine{i}.json", [order(i, f"2011-0{i}-07")]) for i in (7, 8)]
    for key in keys:
        product.finished(key)
    glue, s3 = product.aws.client("glue"), product.s3
    # As docs/queries.md has it; DuckDB reads s3:// by itself on AWS, and is given the files here.
    pages = glue.get_paginator("get_partitions").paginate(
        DatabaseName=product.settings.database, TableName=TABLE, Expression="order_month >= '2011-07'"
    )
    months = [each for page in pages for each in page["Partitions"] if each["Values"][0] in ("2011-07", "2011-08")]
    files = []
    for month in months:
        bucket, prefix = month["StorageDescriptor"]["Location"].removeprefix("s3://").split("/", 1)
        for each in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
            path = tmp_path / each["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read())
            files.append(str(path))
    read = duckdb.connect().execute(
        "SELECT order_month, COUNT(*) FROM read_parquet(?, hive_partitioning = true, hive_types_autocast = false, "
        "union_by_name = true) GROUP BY 1 ORDER BY 1",
        [files],
    )
    assert read.fetchall() == [("2011-07", 1), ("2011-08", 1)]
