"""Spark reads every table as the Glue catalog describes it: the same cells as the embedded Athena.

It runs where pyspark and Java are: `pip install pyspark==3.5.5`, the Spark of Glue 5 and EMR 7. Spark's own catalog, a
Hive metastore, is given what Glue answers, as AWS's client of the Glue catalog does; projection is nothing it knows.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.deploy import deploy
from local.emulator import running
from tests.contracts import FOLDER
from tests.local.product import Product, copied, with_contracts

pytestmark = [pytest.mark.aws, pytest.mark.slow]

CONTRACTS = ("orders", "baskets", "woocommerce", "amazon_items", "mongodb_relaxed")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with several contracts, each of which has loaded its sample."""
    project = with_contracts(copied(tmp_path_factory.mktemp("project")), *CONTRACTS)
    with running() as aws:
        product = Product(aws, deploy(aws, tmp_path_factory.mktemp("workspace"), project))
        for dataset in product.datasets:
            body = (FOLDER / dataset.name / "sample.json").read_bytes()
            product.finished(product.put(f"{dataset.incoming}sample.json", body))
        yield product


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session of Spark with a metastore in memory, on two cores of this machine."""
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed: what Spark reads was not asked")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed: what Spark reads was not asked")
    options = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.sql.session.timeZone": "UTC",
        # Derby, which keeps the metastore, writes its log where it is told to.
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={tmp_path_factory.mktemp('derby')}",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:catalog;create=true",
        "spark.hadoop.datanucleus.schema.autoCreateAll": "true",
        "spark.hadoop.hive.metastore.schema.verification": "false",
    }
    builder = sql.SparkSession.builder.master("local[2]").enableHiveSupport()
    for name, value in options.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def declare(spark: Any, product: Product, name: str, folder: Path) -> list[tuple[str, str]]:
    """Give Spark a table with its partitions as Glue has them, and their files; return its columns with their types."""
    glue = product.aws.client("glue")
    table = glue.get_table(DatabaseName=product.settings.database, Name=name)["Table"]
    assert table["StorageDescriptor"]["InputFormat"].endswith("MapredParquetInputFormat")
    columns = [(each["Name"], each["Type"]) for each in table["StorageDescriptor"]["Columns"]]
    ((key, kind),) = [(each["Name"], each["Type"]) for each in table["PartitionKeys"]]
    declared = ", ".join(f"`{column}` {type_}" for column, type_ in columns)
    spark.sql(
        f"CREATE EXTERNAL TABLE {name} ({declared}) PARTITIONED BY (`{key}` {kind}) STORED AS PARQUET "
        f"LOCATION '{folder / 'nothing'}'"
    )
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName=product.settings.database, TableName=name)
    for partition in (partition for page in pages for partition in page["Partitions"]):
        (month,) = partition["Values"]
        location = partition["StorageDescriptor"]["Location"]
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        for each in product.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
            path = folder / each["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(product.s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read())
        spark.sql(f"ALTER TABLE {name} ADD PARTITION (`{key}`='{month}') LOCATION '{folder / prefix}'")
    return [*columns, (key, kind)]


def cells(rows: Any, columns: list[tuple[str, str]]) -> Counter[tuple[str | None, ...]]:
    """Return rows of texts in one spelling: Spark leaves out a fraction of a second that is nothing."""

    def spelled(value: str | None, kind: str) -> str | None:
        if value is None:
            return None
        if kind == "timestamp":
            return value.replace("T", " ").rstrip("0").rstrip(".") if "." in value else value
        return repr(float(value)) if kind == "double" else value

    return Counter(tuple(spelled(value, kind) for value, (_, kind) in zip(row, columns, strict=True)) for row in rows)


@pytest.mark.parametrize("vectorized", ["true", "false"])
def test_spark_reads_by_the_catalog_what_athena_reads(
    spark: Any, loaded: Product, vectorized: str, tmp_path: Path
) -> None:
    spark.conf.set("spark.sql.parquet.enableVectorizedReader", vectorized)
    read = 0
    for name in (table.name for dataset in loaded.datasets for table in dataset.tables):
        columns = declare(spark, loaded, name, tmp_path)
        asked = [
            f"SELECT {', '.join(f'CAST({column} AS {text})' for column, _ in columns)} FROM {name}"
            for text in ("STRING", "VARCHAR")
        ]
        of_spark, of_athena = cells(spark.sql(asked[0]).collect(), columns), cells(loaded.ask(asked[1]), columns)
        assert of_spark == of_athena, name
        read += of_spark.total()
        spark.sql(f"DROP TABLE {name}")
    assert read > 30
