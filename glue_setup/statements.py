"""Resource policies that we share with others: our one statement in them, in one spelling. Pure."""

from __future__ import annotations

from typing import Any

TLS_SID = "OrdersEtlTlsOnly"
"""Which statement of the bucket's and the queue's policy is ours; others are never touched."""

Document = dict[str, Any]


def tls_only(action: str, resource: str | list[str]) -> Document:
    """Return the statement that denies every request without TLS."""
    return {
        "Sid": TLS_SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def policy_of(*statements: Document) -> Document:
    """Return a policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def normalized(statement: Document) -> Document:
    """Return a statement in one spelling: a list of one is its element, any principal is `*`."""
    made = {key: _single(value) for key, value in statement.items()}
    if isinstance(made.get("Principal"), dict) and _single(made["Principal"].get("AWS")) == "*":
        made["Principal"] = "*"
    return made


def with_ours(policy: Document, statement: Document | None) -> Document:
    """Return a policy with our statement, or without it; statements of other origin stay. Empty where none is left."""
    others = [each for each in policy.get("Statement", []) if each.get("Sid") != TLS_SID]
    statements = [*others, *([statement] if statement else [])]
    return ({"Version": "2012-10-17"} | policy | {"Statement": statements}) if statements else {}


def ours(policy: Document) -> Document | None:
    """Return our statement of a policy, in one spelling."""
    return next((normalized(each) for each in policy.get("Statement", []) if each.get("Sid") == TLS_SID), None)


def _single(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return value[0] if len(value) == 1 else sorted(value)
