"""The layer's ARN is looked up where AWS publishes it, and a broken version is never taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from glue_setup.errors import SetupError
from release import layers

ARN = "arn:aws:lambda:eu-west-1:336392948345:layer:AWSSDKPandas-Python312-Arm64:30"


@pytest.fixture
def ssm() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("ssm", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        yield client, stub


def test_the_arn_is_looked_up_for_version_python_and_processor(ssm: tuple[Any, Stubber]) -> None:
    client, stub = ssm
    name = "/aws/service/aws-sdk-pandas/3.17.1/py3.12/arm64/layer-arn"
    stub.add_response("get_parameter", {"Parameter": {"Value": ARN}}, {"Name": name})
    assert layers.layer_arn(client, "3.17.1", "3.12", "arm64") == ARN


@pytest.mark.parametrize("version", layers.BROKEN)
def test_a_version_that_crashes_is_refused_before_any_call(ssm: tuple[Any, Stubber], version: str) -> None:
    with pytest.raises(SetupError, match=f"layer version {version} cannot be used: .*; take {layers.VERSION}"):
        layers.layer_arn(ssm[0], version, "3.12", "x86_64")


def test_the_version_by_default_is_not_a_broken_one() -> None:
    assert layers.VERSION not in layers.BROKEN


def test_a_python_without_a_layer_is_reported_with_the_ways_out(ssm: tuple[Any, Stubber]) -> None:
    client, stub = ssm
    stub.add_client_error("get_parameter", "ParameterNotFound")
    with pytest.raises(layers.NoLayer, match=r"region eu-west-1 has no layer at .*py3\.99.*another Python.*--layer"):
        layers.layer_arn(client, "3.17.1", "3.99", "x86_64")


def test_a_parameter_that_holds_something_else_is_not_written_into_the_configuration(
    ssm: tuple[Any, Stubber],
) -> None:
    client, stub = ssm
    stub.add_response("get_parameter", {"Parameter": {"Value": "arn:aws:lambda:eu-west-1:1:layer:other:1"}})
    with pytest.raises(SetupError, match="no ARN of the layer"):
        layers.layer_arn(client, "3.17.1", "3.12", "x86_64")


def test_what_aws_refuses_is_not_mistaken_for_a_missing_layer(ssm: tuple[Any, Stubber]) -> None:
    client, stub = ssm
    stub.add_client_error("get_parameter", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        layers.layer_arn(client, "3.17.1", "3.12", "x86_64")
