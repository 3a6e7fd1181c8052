"""Compares a value with its golden file, or refreshes the file: see README.md beside this."""

import json
import os
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def assert_golden(name: str, value: Any) -> None:
    path = HERE / f"{name}.json"
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDENS"):
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path} is missing: UPDATE_GOLDENS=1 makes it"
    assert json.loads(path.read_text(encoding="utf-8")) == value
