"""EventBridge checks the source of an event against a policy's condition.

Gap: MiniStack gives IAM no `events:source`, so that a policy which lets a function send events of its own source only
lets it send none. Drop this file when such a policy suffices.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_actions

TOUCHES = {
    "ministack.core.iam_actions.request_tag_context": "d46adb816e02",
}


def apply() -> None:
    """Tell IAM the sources of the events that a request sends."""
    tag_context = iam_actions.request_tag_context

    def with_sources(service: str, iam_action: str, body: bytes, params: Any) -> dict[str, Any]:
        context: dict[str, Any] = tag_context(service, iam_action, body, params)
        return context | ({"events:source": _sources(body)} if iam_action == "events:PutEvents" else {})

    iam_actions.request_tag_context = with_sources


def _sources(body: bytes) -> str | list[str]:
    try:
        entries = json.loads(body or b"{}").get("Entries") or []
        sources = sorted({str(each.get("Source", "")) for each in entries})
    except (ValueError, AttributeError, TypeError):
        return []
    return sources[0] if len(sources) == 1 else sources
