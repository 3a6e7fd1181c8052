"""The root user's signature is checked, as every other caller's is.

Gap: with `AUTH=true` MiniStack believes whoever names an account id, or `test`, as access key. Any web page open in
the developer's browser could then call it with a made-up query signature, and it runs code. The secret is new at every
start, so once it is checked an account id is no longer enough. Drop this file when a wrong secret of the root user
is refused without it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator

TOUCHES = {
    "ministack.core.iam_evaluator._is_root_key": "6d4c5eed6ad6",
    "ministack.core.iam_evaluator.pin_signed_request": "7fbb21e6b82f",
    "ministack.core.iam_evaluator.caller_verified": "dbf22a2ec9cf",
    "ministack.core.iam_evaluator.authenticate": "42c3660c401b",
    "ministack.core.iam_evaluator.resolve_credential": "32276bd395ef",
    "ministack.core.iam_evaluator.resolve_caller_identity": "d3b70cb83677",
}

_naming_caller: ContextVar[bool] = ContextVar("naming_caller", default=False)


def apply() -> None:
    """Exempt no key from the signature check; the root user's name is still resolved."""
    is_root_key = iam_evaluator._is_root_key
    resolve_caller_identity = iam_evaluator.resolve_caller_identity

    def is_exempt(access_key_id: str) -> bool:
        return bool(_naming_caller.get() and is_root_key(access_key_id))

    def named_caller(access_key_id: str) -> dict[str, Any] | None:
        mark = _naming_caller.set(True)
        try:
            identity: dict[str, Any] | None = resolve_caller_identity(access_key_id)
            return identity
        finally:
            _naming_caller.reset(mark)

    iam_evaluator._is_root_key = is_exempt
    iam_evaluator.resolve_caller_identity = named_caller
