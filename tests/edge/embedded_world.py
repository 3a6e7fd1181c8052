"""A stage on the embedded AWS, for the tests of its foundations and of its policies."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from chalicelib.flatten.schema import file_schema
from chalicelib.settings import Settings
from chalicelib.stage import Stage
from glue_setup import foundations
from glue_setup.clients import Clients
from glue_setup.target import Target
from local.emulator import Emulator
from tests.contracts import ORDERS, datasets_of

BUCKET = "orders-etl-embedded"


SETTINGS = Settings(bucket=BUCKET, catalog_mode="crawler", crawler="orders-crawler")


STAGE = Stage("embedded", "orders-etl", SETTINGS)


class Embedded:
    """One stage on the embedded AWS."""

    def __init__(self, aws: Emulator) -> None:
        self.aws = aws
        services = (
            *("s3", "glue", "iam", "athena", "sqs", "cloudwatch", "lambda", "logs"),
            *("stepfunctions", "events", "sns", "budgets"),
        )
        self.clients = replace(Clients(*map(aws.client, services)), tls=False)
        self.account = aws.client("sts").get_caller_identity()["Account"]

    def target(self, settings: Any = SETTINGS) -> Any:
        stage = Stage("embedded", "orders-etl", settings)
        return Target(stage, datasets_of(settings), self.account, self.aws.region)

    def resources(self, settings: Any) -> Any:
        return foundations.foundations(self.target(settings), self.clients)

    def switched_off(self, settings: Any) -> Any:
        return foundations.switched_off(self.target(settings), self.clients)

    def apply(self, settings: Any = SETTINGS) -> Any:
        lines: list[str] = []
        foundations.apply(self.resources(settings), lines.append, self.switched_off(settings))
        return lines

    def plan(self, settings: Any = SETTINGS) -> Any:
        lines: list[str] = []
        foundations.plan(self.resources(settings), lines.append, self.switched_off(settings))
        return lines

    def destroy(self, settings: Any = SETTINGS) -> Any:
        lines: list[str] = []
        foundations.destroy(self.target(settings), self.clients, lines.append, delete_data=True)
        return lines


def parquet() -> Any:
    """Make a file of the table with one order without lines, in the contract's schema."""
    schema = file_schema(ORDERS.main)
    row = {"order_id": "1", "order_date": datetime(2024, 7, 5), "source_key": "k", "source_version": "v"}
    row |= {"source_modified_at": datetime(2024, 7, 6), "record_number": 1, "total_amount": Decimal("1.5000")}
    made = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row], schema=schema), made)
    return made.getvalue()


def crawled(glue: Any, seconds: Any = 60) -> Any:
    """Run the crawler and wait until it is ready again."""
    glue.start_crawler(Name="orders-crawler")
    deadline = time.monotonic() + seconds
    while (crawler := glue.get_crawler(Name="orders-crawler")["Crawler"])["State"] != "READY":
        assert time.monotonic() < deadline, "the crawler is still running"
        time.sleep(0.2)
    return crawler["LastCrawl"]["Status"]


def upload(client: Any, key: str) -> Any:
    upload_id = client("s3").create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    client("s3").upload_part(Bucket=BUCKET, Key=key, UploadId=upload_id, PartNumber=1, Body=b"x")
    client("s3").abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload_id)
