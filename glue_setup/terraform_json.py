"""AWS's words as Terraform writes them: names in snake_case, a plain `$` before a brace doubled. Pure."""

from __future__ import annotations

import re
from typing import Any


def snake(value: Any) -> Any:
    """Return a value of AWS's API with Terraform's names."""
    if isinstance(value, dict):
        return {_snake(key): snake(each) for key, each in value.items()}
    return [snake(each) for each in value] if isinstance(value, list) else value


def literal(text: str) -> str:
    """Return a text that holds no expression for Terraform."""
    return text.replace("${", "$${").replace("%{", "%%{")


def _snake(name: str) -> str:
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", words).lower()
