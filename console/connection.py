"""Where the console finds its stage: address, region and credentials, of the embedded AWS or of AWS itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3

from chalicelib.settings import LOCAL_STAGE
from chalicelib.stage import Stage, read_stage
from console.errors import ConsoleError
from local import env_file
from local.emulator import session_of
from release import configuration, record


@dataclass(frozen=True)
class Connection:
    """A stage and the way to it. `session` makes a session anew, with what credentials there are now.

    `endpoint_url` is an embedded AWS's, else None; `api_key` is sent where the stage takes keys and not signatures.
    """

    stage: Stage
    api_url: str
    region: str
    session: Callable[[], boto3.Session]
    endpoint_url: str | None = None
    api_key: str | None = None


def embedded(project: Path, path: Path) -> Connection:
    """Return the connection to the embedded AWS that wrote the env file at `path`. Raises ConsoleError."""
    try:
        values = env_file.read(path)
        endpoint, region = values["AWS_ENDPOINT_URL"], values["AWS_DEFAULT_REGION"]
    except (OSError, ValueError, KeyError) as problem:
        raise ConsoleError(f"{path} cannot be read ({problem})", "start the embedded AWS with make local") from None
    api_url = values.get("API_URL") or _recorded(project, LOCAL_STAGE, endpoint)
    if not api_url:
        raise ConsoleError("nothing is deployed into the embedded AWS", "deploy into it: make deploy STAGE=local")
    return Connection(read_stage(project, LOCAL_STAGE), api_url, region, lambda: session_of(values), endpoint)


def deployed(project: Path, name: str, environment: Mapping[str, str] = os.environ) -> Connection:
    """Return the connection to a stage on AWS, with the credentials that AWS's own tools would take.

    Raises ConsoleError, StageError, SettingError and SetupError, each with the remedy.
    """
    stage = read_stage(project, name)
    region = boto3.Session().region_name or configuration.region_of(json.loads(configuration.read(project)), name)
    if not region:
        raise ConsoleError(
            "no region is set", "set AWS_DEFAULT_REGION to the stage's, or choose a profile that has one"
        )

    def session() -> boto3.Session:
        return boto3.Session(region_name=region)

    api_url = _recorded(project, name)
    if not api_url:
        # Deployed from elsewhere: the record is in the bucket as well.
        record.fetch(session().client("s3"), stage.settings.bucket, project, name)
        api_url = _recorded(project, name)
    if not api_url:
        raise ConsoleError(f"stage {name} is not deployed", f"deploy it: make deploy STAGE={name}")
    key = environment.get("API_KEY") if stage.settings.api_auth == "api_key" else None
    if stage.settings.api_auth == "api_key" and not key:
        raise ConsoleError(f"stage {name} takes an API key and not signatures", "set API_KEY to yours")
    return Connection(stage, api_url, region, session, api_key=key)


def _recorded(project: Path, stage: str, endpoint: str | None = None) -> str | None:
    deployment = record.read(project, stage, endpoint)
    return deployment.api_url if deployment else None
