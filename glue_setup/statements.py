"""Resource policies that we share with others: our one statement in them, in one spelling."""

from __future__ import annotations

from typing import Any


def plain(statement: dict[str, Any]) -> dict[str, Any]:
    """Return a statement in one spelling: a list of one is its element, any principal is `*`."""
    made = {key: _single(value) for key, value in statement.items()}
    if isinstance(made.get("Principal"), dict) and _single(made["Principal"].get("AWS")) == "*":
        made["Principal"] = "*"
    return made


def with_ours(policy: dict[str, Any], sid: str, statement: dict[str, Any] | None) -> dict[str, Any]:
    """Return a policy with our statement, or without it; statements of other origin stay. Empty where none is left."""
    others = [each for each in policy.get("Statement", []) if each.get("Sid") != sid]
    statements = [*others, *([statement] if statement else [])]
    return ({"Version": "2012-10-17"} | policy | {"Statement": statements}) if statements else {}


def ours(policy: dict[str, Any], sid: str) -> dict[str, Any] | None:
    """Return our statement of a policy, in one spelling."""
    return next((plain(each) for each in policy.get("Statement", []) if each.get("Sid") == sid), None)


def _single(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return value[0] if len(value) == 1 else sorted(value)
