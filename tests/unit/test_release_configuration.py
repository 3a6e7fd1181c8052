"""What `release configure` writes into .chalice/config.json."""

from __future__ import annotations

import json
from typing import Any

import pytest

from glue_setup.errors import SetupError
from local.emulator import PROJECT
from release import configuration
from release.configuration import configured

TEXT = (PROJECT / ".chalice" / "config.json").read_text("utf-8")
ARN = "arn:aws:lambda:eu-west-1:336392948345:layer:AWSSDKPandas-Python312:30"
OWN = "arn:aws:lambda:eu-west-1:123456789012:layer:ours:1"


def functions(text: str, stage: str = "dev") -> dict[str, Any]:
    functions: dict[str, Any] = json.loads(text)["stages"][stage]["lambda_functions"]
    return functions


def test_bucket_layer_and_tag_of_the_stage_are_filled_in_and_nothing_else_changes() -> None:
    text = configured(TEXT, "dev", "my-orders", ARN)
    before, after = json.loads(TEXT), json.loads(text)
    assert after["stages"]["dev"]["environment_variables"]["ETL_BUCKET"] == "my-orders"
    layered = [name for name, function in functions(TEXT).items() if "layers" in function]
    assert "load" in layered
    assert "api_handler" not in layered
    for name in layered:
        assert after["stages"]["dev"]["lambda_functions"][name].pop("layers") == [ARN]
        before["stages"]["dev"]["lambda_functions"][name].pop("layers")
    before["stages"]["dev"]["environment_variables"]["ETL_BUCKET"] = "my-orders"
    before["stages"]["dev"]["tags"] = {"orders-etl:stage": "orders-etl/dev/my-orders"}
    assert after == before


def test_tags_of_ones_own_stay_beside_the_stages() -> None:
    config = json.loads(TEXT)
    config["stages"]["dev"]["tags"] = {"team": "data", "orders-etl:stage": "somebody/elses/bucket"}
    tags = json.loads(configured(json.dumps(config), "dev", "my-orders", ARN))["stages"]["dev"]["tags"]
    assert tags == {"team": "data", "orders-etl:stage": "orders-etl/dev/my-orders"}


def test_a_second_time_the_text_stays_as_it_is_to_the_last_space() -> None:
    text = configured(TEXT, "dev", "my-orders", ARN).replace("\n", "\n\n", 1)
    assert configured(text, "dev", "my-orders", ARN) == text
    assert configured(text, "dev", None, ARN) == text
    assert configured(text, "dev", None, None) == text


def test_the_file_in_the_repository_is_written_as_configure_would() -> None:
    assert json.dumps(json.loads(TEXT), indent=2, ensure_ascii=False) + "\n" == TEXT


def test_a_newer_layer_replaces_the_older_and_a_layer_of_ones_own_stays() -> None:
    older = json.loads(configured(TEXT, "dev", "my-orders", ARN.replace(":30", ":29")))
    older["stages"]["dev"]["lambda_functions"]["load"]["layers"].insert(0, OWN)
    newer = configured(json.dumps(older), "dev", None, ARN)
    assert functions(newer)["load"]["layers"] == [OWN, ARN]


def test_the_rest_api_is_regional_unless_somebody_chose_another_endpoint() -> None:
    config = json.loads(TEXT)
    assert config.pop("api_gateway_endpoint_type") == "REGIONAL"
    assert json.loads(configured(json.dumps(config), "dev", "my-orders", ARN)) == json.loads(
        configured(TEXT, "dev", "my-orders", ARN)
    )
    for chosen in (config, config["stages"]["dev"]):
        chosen["api_gateway_endpoint_type"] = "EDGE"
        written = json.loads(configured(json.dumps(config), "dev", "my-orders", ARN))
        del chosen["api_gateway_endpoint_type"]
        assert "REGIONAL" not in (written.get("api_gateway_endpoint_type"), *written["stages"]["dev"].values())


def test_a_stage_without_a_bucket_is_shown_how_to_get_one() -> None:
    with pytest.raises(SetupError, match=r"stage dev has no bucket yet: .* make deploy STAGE=dev BUCKET=my-orders"):
        configured(TEXT, "dev", None, ARN)


def test_another_bucket_than_the_one_with_the_data_is_rejected() -> None:
    text = configured(TEXT, "dev", "my-orders", ARN)
    with pytest.raises(SetupError, match="stage dev has its data in bucket my-orders: leave out BUCKET=other-orders"):
        configured(text, "dev", "other-orders", ARN)


def test_an_unknown_stage_is_rejected_with_those_that_there_are() -> None:
    with pytest.raises(SetupError, match=r"stage 'qa' is not in \.chalice/config\.json: it has local, dev, prod"):
        configured(TEXT, "qa", "my-orders", ARN)


def test_a_stage_has_a_region_once_its_layer_is() -> None:
    assert configuration.region_of(json.loads(TEXT), "dev") is None
    assert configuration.region_of(json.loads(TEXT), "local") is None
    assert configuration.region_of(json.loads(configured(TEXT, "dev", "my-orders", ARN)), "dev") == "eu-west-1"


def test_the_processor_is_the_stages_then_the_apps_then_chalices_default() -> None:
    config = json.loads(TEXT)
    assert configuration.architecture_of(config, "dev") == "x86_64"
    config["lambda_architecture"] = "arm64"
    assert configuration.architecture_of(config, "dev") == "arm64"
    config["stages"]["dev"]["lambda_architecture"] = "x86_64"
    assert configuration.architecture_of(config, "dev") == "x86_64"
