"""A stage as .chalice/config.json declares it: its name, the app's, and its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from chalicelib.errors import StageError, shown
from chalicelib.settings import Settings

PLACEHOLDER = "change-me"
"""How a bucket's name begins in a config.json that nobody has filled in yet."""

CHALICE_SECONDS, CHALICE_MEGABYTES = 60, 128
"""What Chalice gives a function where config.json sets no `lambda_timeout`, no `lambda_memory_size`."""


class Stage(Struct, frozen=True):
    """One stage of the app.

    `timeouts` has the seconds of a function by its name and `memories` its megabytes, where config.json sets them.
    """

    name: str
    app: str
    settings: Settings
    timeouts: Mapping[str, int] = field(default_factory=dict)
    memories: Mapping[str, int] = field(default_factory=dict)

    def function(self, name: str) -> str:
        """Return the name that Chalice deploys a function under; `api_handler` is the REST API's own."""
        return f"{self.app}-{self.name}" if name == "api_handler" else f"{self.app}-{self.name}-{name}"

    def timeout(self, name: str) -> int:
        """Return after how many seconds Lambda stops a function."""
        return self.timeouts.get(name, self.timeouts.get("", CHALICE_SECONDS))

    def memory(self, name: str) -> int:
        """Return how many megabytes of memory a function has."""
        return self.memories.get(name, self.memories.get("", CHALICE_MEGABYTES))

    @property
    def failed_queue(self) -> str:
        """The name of the queue that keeps the events whose load failed to the end."""
        return f"{self.app}-{self.name}-load-failed"


def read_stage(project: Path, name: str) -> Stage:
    """Read a stage from `project`/.chalice/config.json, stage-level variables over top-level ones, as Chalice does.

    Raises StageError when the file or the stage is missing or malformed, its bucket is still the placeholder, or its
    ETL_STAGE is another's; SettingError for all settings that are missing or wrong.
    """
    path = project / ".chalice" / "config.json"
    return stage_in(_read(path), name, path)


def stage_in(config: dict[str, Any], name: str, path: Path) -> Stage:
    """Return a stage of a configuration that `path` holds, or is about to; raises as `read_stage` does."""
    stages = _object(config, "stages", path)
    if name not in stages:
        known = ", ".join(stages) or "none"
        raise StageError(f"stage {shown(name)!r} is not in {path}: it has {known}")
    stage = _object(stages, name, path)
    variables = _object(config, "environment_variables", path)
    variables |= _object(stage, "environment_variables", path)
    settings = Settings.from_environment({key: str(value) for key, value in variables.items()})
    if settings.bucket.startswith(PLACEHOLDER):
        raise StageError(
            f"ETL_BUCKET of stage {name} is still {settings.bucket!r}: put the name of your bucket (it need not exist) "
            f"into {path} under stages.{name}.environment_variables"
        )
    if settings.stage not in ("", name):
        raise StageError(
            f"ETL_STAGE of stage {name} is {settings.stage!r}: put {name!r} into {path} under "
            f"stages.{name}.environment_variables, or its metrics and rights are another stage's"
        )
    return Stage(
        name,
        str(config.get("app_name", "")),
        settings,
        _of_functions("lambda_timeout", config, stage, path),
        _of_functions("lambda_memory_size", config, stage, path),
    )


def _of_functions(key: str, config: dict[str, Any], stage: dict[str, Any], path: Path) -> dict[str, int]:
    """Read a number as Chalice does: a function's own, else the stage's, else the top-level one (under "")."""
    functions = _object(stage, "lambda_functions", path)
    found = {name: _object(functions, name, path).get(key) for name in functions}
    found[""] = stage.get(key, config.get(key))
    return {name: number for name, number in found.items() if isinstance(number, int)}


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StageError(f"{path} is missing: run this in the project's directory, or give --project") from None
    except (ValueError, OSError) as problem:
        raise StageError(f"{path} cannot be read: {problem}") from None
    if not isinstance(config, dict) or not config.get("app_name"):
        raise StageError(f"{path} has no app_name: it is not a Chalice configuration")
    return config


def _object(parent: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    value = parent.get(key, {})
    if not isinstance(value, dict):
        raise StageError(f"{path}: {key} is not an object")
    return dict(value)
