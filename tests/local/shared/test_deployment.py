"""Chalice deploys, deploys again and deletes, as it does on AWS."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from chalicelib.settings import LOCAL_STAGE
from local.deploy import Deployment, chalice, deploy
from local.emulator import Emulator
from local.errors import LocalError
from tests.local.calls import call

pytestmark = pytest.mark.aws

APP = """
from chalice.app import Chalice, CORSConfig

app = Chalice(app_name="routes")


@app.route("/{name}", cors=CORSConfig(allow_origin="https://shop.example", max_age=600))
def answer() -> str:
    return "{name}"
"""
CONFIG = {"version": "2.0", "app_name": "routes", "stages": {LOCAL_STAGE: {"api_gateway_stage": "api"}}}


def write_app(folder: Path, *routes: str) -> Path:
    """Write a project with these routes."""
    (folder / ".chalice").mkdir(parents=True, exist_ok=True)
    (folder / ".chalice" / "config.json").write_text(json.dumps(CONFIG))
    body = "".join(APP.format(name=name).replace("def answer", f"def {name}") for name in routes[:1])
    for name in routes[1:]:
        body += f'\n\n@app.route("/{name}")\ndef {name}() -> str:\n    return "{name}"\n'
    (folder / "app.py").write_text(body)
    return folder


def no_foundations(emulator: Emulator, workspace: Path) -> None:
    """This app stands on nothing."""


def test_a_redeployment_keeps_the_api_id_and_changes_routes(aws: Emulator, tmp_path: Path) -> None:
    project, workspace = tmp_path / "project", tmp_path / "workspace"
    first = deploy(aws, workspace, write_app(project, "one", "two"), foundations=no_foundations)
    assert call(f"{first.api_url}/one") == (200, b"one")
    assert call(f"{first.api_url}/two") == (200, b"two")

    second = deploy(aws, workspace, write_app(project, "one", "three"), foundations=no_foundations)
    assert second.api_id == first.api_id
    assert call(f"{second.api_url}/three") == (200, b"three")
    assert call(f"{second.api_url}/two")[0] == 403  # as API Gateway answers for a path it does not have
    assert call(f"{second.api_url}/one") == (200, b"one")
    assert [api["name"] for api in aws.client("apigateway").get_rest_apis()["items"]].count("routes") == 1

    with urllib.request.urlopen(
        urllib.request.Request(f"{second.api_url}/one", method="OPTIONS"), timeout=30
    ) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert answer.headers["Access-Control-Max-Age"] == "600"

    chalice(aws, workspace, "delete")
    assert call(f"{second.api_url}/one")[0] == 404
    assert "routes" not in [api["name"] for api in aws.client("apigateway").get_rest_apis()["items"]]
    names = [each["FunctionName"] for each in aws.client("lambda").list_functions()["Functions"]]
    assert not [name for name in names if name.startswith("routes")]


def test_the_working_tree_stays_clean(aws: Emulator, tmp_path: Path) -> None:
    project = write_app(tmp_path / "project", "one")
    before = sorted(project.rglob("*"))
    deployed = deploy(aws, tmp_path / "workspace", project, foundations=no_foundations)
    assert sorted(project.rglob("*")) == before
    chalice(aws, deployed.workspace, "delete")


def test_a_failed_step_is_an_error_with_its_output_and_without_a_trace(aws: Emulator, tmp_path: Path) -> None:
    project = write_app(tmp_path / "project", "one")
    (project / ".chalice" / "config.json").write_text("{")
    with pytest.raises(LocalError, match=r"chalice deploy failed \(exit status") as failed:
        deploy(aws, tmp_path / "workspace", project, foundations=no_foundations)
    assert "Unable to load the project config file" in failed.value.tail
    assert "Traceback" not in failed.value.tail
    assert "site-packages" not in failed.value.tail


def test_a_deployed_function_is_ready_at_once(aws: Emulator, probe: Deployment) -> None:
    functions = aws.client("lambda")
    changed = functions.update_function_configuration(FunctionName=probe.functions["sweep"], Timeout=30)
    assert (changed["State"], changed["LastUpdateStatus"]) == ("Active", "Successful")  # no waiter's five seconds
