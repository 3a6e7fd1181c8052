"""Where the console finds a stage, and what it says when it does not."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from console.__main__ import main
from console.api import query_string
from console.connection import deployed, embedded
from console.errors import ConsoleError

URL = "https://abc123.execute-api.eu-central-1.amazonaws.com/api/"
LAYER = "arn:aws:lambda:eu-central-1:336392948345:layer:AWSSDKPandas-Python311:1"


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave out what AWS configuration the machine has."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


def project(folder: Path, *, is_deployed: bool = True, layers: tuple[str, ...] = (LAYER,), **variables: str) -> Path:
    stage: dict[str, Any] = {
        "environment_variables": {"ETL_STAGE": "prod", "ETL_BUCKET": "orders-prod"} | variables,
        "lambda_functions": {"load": {"layers": list(layers), "lambda_memory_size": 1769}},
    }
    (folder / ".chalice" / "deployed").mkdir(parents=True)
    local = stage | {"environment_variables": {"ETL_STAGE": "local", "ETL_BUCKET": "orders-local"}}
    config = {"app_name": "orders-etl", "stages": {"prod": stage, "local": local}}
    (folder / ".chalice" / "config.json").write_text(json.dumps(config))
    record = {"resources": [{"resource_type": "rest_api", "rest_api_id": "abc123", "rest_api_url": URL}]}
    for name in ("prod", "local") if is_deployed else ():
        (folder / ".chalice" / "deployed" / f"{name}.json").write_text(json.dumps(record))
    return folder


def test_a_stage_is_found_by_its_record_and_in_the_region_it_was_configured_for(tmp_path: Path) -> None:
    connection = deployed(project(tmp_path), "prod", {})
    assert connection.api_url == URL.rstrip("/")
    assert connection.region == connection.session().region_name == "eu-central-1"
    assert connection.api_key is None
    assert connection.stage.memory("load") == 1769


def test_the_region_of_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert deployed(project(tmp_path), "prod", {}).region == "eu-west-1"


def test_a_stage_without_a_region_or_a_key_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match="no region is set: set AWS_DEFAULT_REGION"):
        deployed(project(tmp_path / "a", layers=()), "prod", {})
    keyed = project(tmp_path / "b", API_AUTH="api_key")
    with pytest.raises(ConsoleError, match="takes an API key and not signatures: set API_KEY"):
        deployed(keyed, "prod", {})
    assert deployed(keyed, "prod", {"API_KEY": "mine"}).api_key == "mine"


def test_the_embedded_aws_is_found_by_its_env_file_or_by_the_record_of_a_deployment_into_it(tmp_path: Path) -> None:
    path = tmp_path / "env"
    keys = "AWS_ACCESS_KEY_ID=1\nAWS_SECRET_ACCESS_KEY=2\nAWS_DEFAULT_REGION=us-east-1\n"
    path.write_text(f"AWS_ENDPOINT_URL=http://127.0.0.1:4566\n{keys}API_URL=http://127.0.0.1:4566/x\n")
    assert embedded(project(tmp_path / "a"), path).api_url == "http://127.0.0.1:4566/x"
    path.write_text(f"AWS_ENDPOINT_URL=http://127.0.0.1:4566\n{keys}")
    assert embedded(tmp_path / "a", path).api_url == "http://127.0.0.1:4566/_aws/execute-api/abc123/api"
    with pytest.raises(ConsoleError, match="make deploy STAGE=local"):
        embedded(project(tmp_path / "b", is_deployed=False), path)
    path.write_text("nonsense")
    with pytest.raises(ConsoleError, match="make local"):
        embedded(tmp_path / "a", path)


def test_a_port_that_is_taken_and_a_stage_that_is_not_there_end_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["--port", str(taken.getsockname()[1])]) == 1
    assert "is taken: set CONSOLE_PORT to another" in capsys.readouterr().err
    assert main(["--stage", "nowhere", "--project", str(project(tmp_path))]) == 1
    assert "stage 'nowhere' is not in" in capsys.readouterr().err


def test_a_query_is_written_as_it_is_signed() -> None:
    assert query_string({"to": "a b", "from": "ü/+&", "n": 1}) == "?from=%C3%BC%2F%2B%26&n=1&to=a%20b"
    assert query_string({}) == ""


@pytest.mark.parametrize("variable", ["LOCAL_PORT", "CONSOLE_PORT"])
def test_a_port_of_the_environment_that_is_none_is_named_with_its_variable(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "abc")
    with pytest.raises(SystemExit) as ended:
        main(["--no-browser"])
    assert ended.value.code == 2
    assert f"'abc' is not a port: set {variable} to a number" in capsys.readouterr().err
