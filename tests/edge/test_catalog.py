"""Starting the crawler: whatever Glue answers, the load goes on."""

from __future__ import annotations

from typing import Any, NoReturn

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber
from moto import mock_aws
from mypy_boto3_glue import GlueClient

from chalicelib.aws.glue import find_table, start_crawler


@pytest.fixture
def glue() -> GlueClient:
    # Once: what is tested is what becomes of a failure, not how long boto3 waits before it tries again.
    return boto3.client(
        "glue",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_a_crawler_that_starts_is_told_as_started(glue: GlueClient) -> None:
    with Stubber(glue) as stub:
        stub.add_response("start_crawler", {}, {"Name": "orders"})
        assert start_crawler(glue, "orders") == "started"


def test_a_crawler_that_runs_already_is_no_failure(glue: GlueClient) -> None:
    with Stubber(glue) as stub:
        stub.add_client_error("start_crawler", "CrawlerRunningException", "Crawler orders has already started")
        assert start_crawler(glue, "orders") == "already running"


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "AccessDeniedException", "EntityNotFoundException", "OperationTimeoutException"]
)
def test_any_refusal_is_returned_with_its_reason_and_not_raised(glue: GlueClient, code: str) -> None:
    with Stubber(glue) as stub:
        stub.add_client_error("start_crawler", code, "the reason")
        assert start_crawler(glue, "orders") == f"failed: {code}: the reason"


def test_a_network_that_is_down_is_returned_and_not_raised(glue: GlueClient) -> None:
    def fail(**_: Any) -> NoReturn:
        raise ConnectTimeoutError(endpoint_url="https://glue")

    glue.meta.events.register("before-send.glue.StartCrawler", fail)
    assert start_crawler(glue, "orders").startswith("failed: ConnectTimeoutError: ")


def test_a_name_that_no_crawler_can_have_is_returned_and_not_raised(glue: GlueClient) -> None:
    assert start_crawler(glue, "").startswith("failed: ParamValidationError: ")


def test_a_table_that_is_not_there_is_none_and_so_is_one_of_a_database_that_is_not() -> None:
    with mock_aws():
        glue = boto3.client("glue", region_name="eu-west-1")
        assert find_table(glue, "nowhere", "nothing") is None
        glue.create_database(DatabaseInput={"Name": "here"})
        assert find_table(glue, "here", "nothing") is None
