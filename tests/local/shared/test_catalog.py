"""The catalog of the embedded AWS: tables are read and written as in Glue, and a crawler makes one under its role."""

from __future__ import annotations

import contextlib
import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local.crawl import glue_type
from local.emulator import ACCOUNT, Emulator
from local.pipeline import wait_for

pytestmark = pytest.mark.aws

BUCKET = "crawled-bucket"
DATABASE = "crawled"
LOG_ONLY = {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
MANAGED = "arn:aws:iam::aws:policy/service-role/AWSGlueServiceRole"


@pytest.fixture(scope="module")
def lake(aws: Emulator) -> None:
    """Two months of Parquet, a database, and two roles of which one may not read the files."""
    s3, iam = aws.client("s3"), aws.client("iam")
    s3.create_bucket(Bucket=BUCKET)
    table = pa.table(
        {
            "Order_Id": pa.array(["7"]).dictionary_encode(),
            "amount": pa.array([Decimal("1.5000")], pa.decimal128(18, 4)),
            "at": pa.array([0], pa.timestamp("ms")),
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file)
    for month in ("2024-01", "2024-02"):
        s3.put_object(Bucket=BUCKET, Key=f"My-Orders/order_month={month}/a.parquet", Body=file.getvalue())
    s3.put_object(Bucket=BUCKET, Key="My-Orders/_hidden", Body=b"not Parquet")
    aws.client("glue").create_database(DatabaseInput={"Name": DATABASE})
    for role in ("crawler-able", "crawler-unable"):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
        iam.attach_role_policy(RoleName=role, PolicyArn=MANAGED)
    reading = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/My-Orders/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [reading]})
    iam.put_role_policy(RoleName="crawler-able", PolicyName="read", PolicyDocument=document)


def crawl(aws: Emulator, name: str, role: str = "crawler-able") -> dict[str, Any]:
    """Make a crawler, run it once to its end and return what it says of the run."""
    glue = aws.client("glue")
    glue.create_crawler(
        Name=name,
        Role=f"arn:aws:iam::{ACCOUNT}:role/{role}",
        DatabaseName=DATABASE,
        Targets={"S3Targets": [{"Path": f"s3://{BUCKET}/My-Orders/"}]},
        SchemaChangePolicy=LOG_ONLY,
    )
    glue.start_crawler(Name=name)
    # On a busy machine a short crawl may have ended by now, and starting it again is then no error.
    with contextlib.suppress(glue.exceptions.CrawlerRunningException):
        glue.start_crawler(Name=name)
    wait_for(lambda: glue.get_crawler(Name=name)["Crawler"]["State"] == "READY")
    last: dict[str, Any] = glue.get_crawler(Name=name)["Crawler"]["LastCrawl"]
    return last


def test_a_run_makes_the_table_from_the_files_and_leaves_an_existing_one(aws: Emulator, lake: None) -> None:
    glue = aws.client("glue")
    assert crawl(aws, "first")["Status"] == "SUCCEEDED"
    table = glue.get_table(DatabaseName=DATABASE, Name="my_orders")["Table"]
    assert {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]} == {
        "order_id": "string",
        "amount": "decimal(18,4)",
        "at": "timestamp",
    }
    assert table["PartitionKeys"] == [{"Name": "order_month", "Type": "string"}]
    assert table["StorageDescriptor"]["Location"] == f"s3://{BUCKET}/My-Orders/"
    partitions = glue.get_partitions(DatabaseName=DATABASE, TableName="my_orders")["Partitions"]
    assert [partition["Values"] for partition in partitions] == [["2024-01"], ["2024-02"]]
    assert partitions[0]["StorageDescriptor"]["Location"] == f"s3://{BUCKET}/My-Orders/order_month=2024-01/"

    ours = {"Name": "my_orders", "Parameters": {"projection.enabled": "true"}}
    glue.update_table(DatabaseName=DATABASE, TableInput=ours)
    assert crawl(aws, "second")["Status"] == "SUCCEEDED"
    kept = glue.get_table(DatabaseName=DATABASE, Name="my_orders")["Table"]
    assert kept["Parameters"] == {"projection.enabled": "true"}


def test_a_role_that_may_not_read_the_files_fails_the_run(aws: Emulator, lake: None) -> None:
    last = crawl(aws, "unable", role="crawler-unable")
    assert last["Status"] == "FAILED"
    assert "s3:GetObject" in last["ErrorMessage"]


def test_a_table_can_be_read_changed_and_written_back(aws: Emulator, lake: None) -> None:
    glue = aws.client("glue")
    glue.create_table(DatabaseName=DATABASE, TableInput={"Name": "plain", "Parameters": {"a": "1"}})
    table = glue.get_table(DatabaseName=DATABASE, Name="plain")["Table"]
    not_input = {"DatabaseName", "CreateTime", "UpdateTime", "CatalogId", "VersionId", "IsRegisteredWithLakeFormation"}
    back = {name: value for name, value in table.items() if name not in not_input}
    glue.update_table(DatabaseName=DATABASE, TableInput=back | {"Parameters": {"b": "2"}})
    assert glue.get_table(DatabaseName=DATABASE, Name="plain")["Table"]["Parameters"] == {"b": "2"}


@pytest.mark.parametrize(
    ("arrow", "glue"),
    [
        (pa.list_(pa.int32()), "array<int>"),
        (pa.struct({"A": pa.date32(), "b": pa.list_(pa.string())}), "struct<a:date,b:array<string>>"),
        (pa.dictionary(pa.int32(), pa.large_string()), "string"),
    ],
)
def test_nested_types_are_written_as_glue_writes_them(arrow: pa.DataType, glue: str) -> None:
    assert glue_type(arrow) == glue


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="no Glue type for month_day_nano_interval"):
        glue_type(pa.month_day_nano_interval())
