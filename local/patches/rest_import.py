"""REST APIs can be imported from a Swagger document and overwritten by a later one, as `chalice deploy` does.

Gap: `POST /restapis?mode=import` makes an empty API, PutRestApi is unknown, a `minimumCompressionSize` cleared by a
patch operation comes back as text that botocore refuses, and the canned answers of a mock integration (CORS preflight)
are not imported. MiniStack's own import of a document does the rest once it is called. Drop this file when
`aws apigateway import-rest-api` and `put-rest-api` work without it.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import apigateway_v1 as rest

TOUCHES = {
    "ministack.services.apigateway_v1.handle_request": "5c8aba9f1a88",
    "ministack.services.apigateway_v1._import_rest_api": "ef72f9312702",
    "ministack.services.apigateway_v1._import_operation": "ca6b0dd9dcf2",
    "ministack.services.apigateway_v1._invoke_mock_v1": "20f819eee1f9",
    "ministack.services.apigateway_v1._put_integration_response": "128fe607f6c4",
    "ministack.services.apigateway_v1._delete_rest_api": "090487fcbfe3",
    "ministack.services.apigateway_v1._rest_api_view": "2a03b89dbd35",
}

Answer = tuple[int, dict[str, str], bytes]


def apply() -> None:
    """Serve the two calls, import canned answers, and show the compression size as a number or not at all."""
    handle = rest.handle_request
    view = rest._rest_api_view
    import_operation = rest._import_operation

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Answer:
        parts = [part for part in path.split("/") if part]
        if parts[:1] == ["restapis"]:
            if method == "POST" and len(parts) == 1 and rest._qp(query_params, "mode") == "import":
                return _import(json.loads(body), rest._qp(query_params, "endpointConfigurationTypes"))
            if method == "PUT" and len(parts) == 2:
                return _overwrite(parts[1], json.loads(body))
        answer: Answer = await handle(method, path, headers, body, query_params)
        return answer

    def import_whole_operation(api_id: str, resource_id: str, http_method: str, operation: Any, *security: Any) -> None:
        import_operation(api_id, resource_id, http_method, operation, *security)
        _import_canned_answers(api_id, resource_id, http_method, operation)

    def rest_api_view(api: dict[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = view(api)
        size = shown.get("minimumCompressionSize")
        if isinstance(size, str):
            shown["minimumCompressionSize"] = int(size) if size.isdigit() else None
        return shown

    rest.handle_request = handle_request
    rest._import_operation = import_whole_operation
    rest._rest_api_view = rest_api_view


def _import(document: dict[str, Any], endpoint_type: str | None) -> Answer:
    api_id = rest._import_rest_api(document, _settings(document, endpoint_type))
    _status, headers, body = rest._get_rest_api(api_id)
    return 201, headers, body


def _overwrite(api_id: str, document: dict[str, Any]) -> Answer:
    api = rest._rest_apis.get(api_id)
    if api is None:
        missing: Answer = rest._get_rest_api(api_id)
        return missing
    # Imported beside it and moved over, so that a document that cannot be imported leaves the API as it was.
    imported = rest._import_rest_api(document, _settings(document, None))
    for store in (rest._resources, rest._authorizers_v1, rest._models):
        store[api_id] = store[imported]
    for name in ("name", "version", "binaryMediaTypes", "policy"):
        api[name] = rest._rest_apis[imported][name]
    rest._delete_rest_api(imported)
    answer: Answer = rest._get_rest_api(api_id)
    return answer


def _import_canned_answers(api_id: str, resource_id: str, http_method: str, operation: dict[str, Any]) -> None:
    integration = operation.get("x-amazon-apigateway-integration") or {}
    if integration.get("type", "").lower() != "mock":
        return
    method = rest._resources[api_id][resource_id]["resourceMethods"][http_method]
    method["methodIntegration"]["requestTemplates"] = integration.get("requestTemplates", {})
    for pattern, answer in integration.get("responses", {}).items():
        chosen_by = {"selectionPattern": "" if pattern == "default" else pattern}
        rest._put_integration_response(api_id, resource_id, http_method, answer["statusCode"], answer | chosen_by)


def _settings(document: dict[str, Any], endpoint_type: str | None) -> dict[str, Any]:
    settings = {
        "binaryMediaTypes": document.get("x-amazon-apigateway-binary-media-types", []),
        "policy": document.get("x-amazon-apigateway-policy"),
    }
    if endpoint_type:
        settings["endpointConfiguration"] = {"types": [endpoint_type]}
    return settings
