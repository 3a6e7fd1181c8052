"""The event of a REST call has the address that the caller used, as API Gateway's does.

Gap: MiniStack leaves `requestContext.domainName` and the header X-Forwarded-Proto out, and gives as
`requestContext.path` the path without the prefix under which it serves the API. An API that answers with links to
itself needs all three. Drop this file when those are in the event without it.
"""

from __future__ import annotations

from typing import Any

from ministack.services import apigateway_v1 as rest

TOUCHES = {"ministack.services.apigateway_v1._build_lambda_event_v1": "c7ac97b91f6e"}

EXECUTE_API = "/_aws/execute-api"


def apply() -> None:
    """Put the address into every event."""
    build = rest._build_lambda_event_v1

    def with_address(api_id: str, stage_name: str, *rest_: Any, **named: Any) -> dict[str, Any]:
        event: dict[str, Any] = build(api_id, stage_name, *rest_, **named)
        host = str(event["headers"].get("host", ""))
        context = event["requestContext"]
        context["domainName"] = host
        # A call by the API's own host name has no prefix.
        if not host.startswith(f"{api_id}."):
            context["path"] = f"{EXECUTE_API}/{api_id}{context['path']}"
        event["headers"]["X-Forwarded-Proto"] = "http"
        event["multiValueHeaders"]["X-Forwarded-Proto"] = ["http"]
        return event

    rest._build_lambda_event_v1 = with_address
