"""A stage's entry in .chalice/config.json: its bucket and its layer, filled in and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chalicelib.stage import PLACEHOLDER
from glue_setup.errors import SetupError
from glue_setup.resource import TAG
from release.layers import LAYER

BUCKET = "ETL_BUCKET"
ENDPOINT = "api_gateway_endpoint_type"
"""Chalice's setting of where the REST API is. Its default EDGE is missing in GovCloud and China, and of no use here."""


def configured(text: str, stage: str, bucket: str | None, layer: str | None) -> str:
    """Return the text of config.json with the stage's bucket, the layer and the tag of its functions filled in. Pure.

    The REST API becomes REGIONAL unless somebody has chosen another endpoint. None leaves what is there; a text in
    which nothing changes comes back as it was, whatever its spaces. Raises SetupError where that is not possible or
    would lead away from a bucket that holds data.
    """
    config = json.loads(text)
    entry = stage_of(config, stage)
    variables = entry.setdefault("environment_variables", {})
    variables[BUCKET] = _bucket(stage, variables.get(BUCKET, ""), bucket)
    # Chalice puts the tags of a stage on its functions.
    entry.setdefault("tags", {})[TAG] = f"{config.get('app_name', '')}/{stage}/{variables[BUCKET]}"
    if ENDPOINT not in entry:
        config.setdefault(ENDPOINT, "REGIONAL")
    if layer is not None:
        for function in entry.get("lambda_functions", {}).values():
            if "layers" in function:
                function["layers"] = [layer if _managed(arn) else arn for arn in function["layers"]]
    return text if config == json.loads(text) else json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def managed_layers(config: dict[str, Any], stage: str) -> list[str]:
    """Return the ARNs of AWS's managed layer that the stage's functions name, filled in or not."""
    functions = stage_of(config, stage).get("lambda_functions", {}).values()
    return [arn for function in functions for arn in function.get("layers", []) if _managed(arn)]


def region_of(config: dict[str, Any], stage: str) -> str | None:
    """Return the region that the stage was configured for: its layer's. None before that, or without a layer."""
    regions = {arn.split(":")[3] for arn in managed_layers(config, stage)}
    return next((region for region in regions if not region.startswith(PLACEHOLDER)), None)


def architecture_of(config: dict[str, Any], stage: str) -> str:
    """Return the processor that the stage's functions run on."""
    return str(stage_of(config, stage).get("lambda_architecture") or config.get("lambda_architecture") or "x86_64")


def stage_of(config: dict[str, Any], stage: str) -> dict[str, Any]:
    """Return the stage's entry. Raises SetupError when there is none."""
    stages = config.get("stages", {})
    if stage not in stages:
        raise SetupError(f"stage {stage!r} is not in .chalice/config.json: it has {', '.join(stages) or 'none'}")
    entry: dict[str, Any] = stages[stage]
    return entry


def read(project: Path) -> str:
    """Return the text of config.json. Raises SetupError when it is not there or no JSON object."""
    path = project / ".chalice" / "config.json"
    try:
        text = path.read_text(encoding="utf-8")
        if not isinstance(json.loads(text), dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError) as problem:
        raise SetupError(f"{path} cannot be read: {problem}") from None
    return text


def write(project: Path, text: str) -> None:
    """Replace config.json at once and whole."""
    path = project / ".chalice" / "config.json"
    unfinished = path.with_suffix(".json.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _bucket(stage: str, current: str, requested: str | None) -> str:
    unset = not current or current.startswith(PLACEHOLDER)
    if unset and not requested:
        raise SetupError(
            f"stage {stage} has no bucket yet: name one that need not exist, make deploy STAGE={stage} BUCKET=my-orders"
        )
    if not unset and requested and requested != current:
        raise SetupError(
            f"stage {stage} has its data in bucket {current}: leave out BUCKET={requested}, or, to begin anew without "
            f"those data, change {BUCKET} in .chalice/config.json"
        )
    return requested or current


def _managed(arn: str) -> bool:
    return f":layer:{LAYER}" in arn
