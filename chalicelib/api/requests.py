"""A REST request: its parameters, body, caller and address, read from the event and checked. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from chalicelib.api.query_options import QueryOption
from chalicelib.errors import RequestError, RequestTooLarge, shown

MAX_BODY_BYTES = 16 * 1024
MAX_PAGE_TOKEN = 2048
INTEGER = re.compile(r"[0-9]{1,9}", re.ASCII)
MAX_KEY = 255
KEY = re.compile(rf"[!-~]{{1,{MAX_KEY}}}", re.ASCII)


class ApiRequest(Struct, frozen=True):
    """One request. `base_url` is the API's address without a slash at its end, as the caller sees it.

    `parameters` maps each query parameter to all its values. `caller` differs between callers.
    """

    request_id: str
    base_url: str
    caller: str
    parameters: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    body_is_base64: bool = False

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> ApiRequest:
        """Read an event of API Gateway's Lambda proxy integration."""
        context = event.get("requestContext") or {}
        identity = context.get("identity") or {}
        headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
        return cls(
            request_id=str(context.get("requestId") or ""),
            base_url=_base_url(context, headers),
            caller=str(identity.get("userArn") or identity.get("apiKeyId") or ""),
            parameters={
                name: list(values) for name, values in (event.get("multiValueQueryStringParameters") or {}).items()
            },
            headers=headers,
            body=event.get("body"),
            body_is_base64=bool(event.get("isBase64Encoded")),
        )

    def json_object(self, **examples: str) -> dict[str, Any]:
        """Return the body, an object that has no member but those of which an example is given.

        Raises RequestError, and RequestTooLarge for a body that no right request has.
        """
        size = len((self.body or "").encode("utf-8", "surrogatepass"))
        if size > MAX_BODY_BYTES:
            raise RequestTooLarge(size, MAX_BODY_BYTES)
        if not self.headers.get("content-type", "").lower().startswith("application/json"):
            raise RequestError({"Content-Type": "is not application/json: send JSON, and say so in this header"})
        example = json.dumps(examples)
        try:
            text: str | bytes = self.body or ""
            body = json.loads(base64.b64decode(text) if self.body_is_base64 else text)
        except (ValueError, RecursionError, binascii.Error) as error:
            what = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be read"
            raise RequestError({"body": f"is not JSON ({what}): send an object such as {example}"}) from None
        if not isinstance(body, dict):
            raise RequestError({"body": f"is not a JSON object: send one such as {example}"})
        takes = f"it takes {', '.join(examples)}"
        problems = {name: f"is not a field of this request: {takes}" for name in body if name not in examples}
        if problems:
            raise RequestError(problems)
        return body

    def check_parameters(self, *allowed: str) -> None:
        """Raise RequestError if there is a parameter besides `allowed`."""
        takes = f"it takes {', '.join(allowed)}" if allowed else "it takes none"
        problems = {
            name: f"is not a parameter of this call: {takes}" for name in self.parameters if name not in allowed
        }
        if problems:
            raise RequestError(problems)

    def option(self, option: QueryOption) -> int:
        """Return the value of an option, its default where it is not given. Raises RequestError."""
        raw = self.text(option.name)
        if raw is None:
            return option.default
        if not INTEGER.fullmatch(raw) or not option.minimum <= int(raw) <= option.maximum:
            expected = f"a whole number of {option.unit} from {option.minimum} to {option.maximum}"
            raise RequestError({option.name: f"{shown(raw)!r} is not taken: give {expected}"})
        return int(raw)

    def choice(self, name: str, values: Sequence[str]) -> str:
        """Return a parameter's value, one of `values`; the first where it is not given. Raises RequestError."""
        given = self.text(name)
        if given is not None and given not in values:
            raise RequestError({name: f"{shown(given)!r} is not taken: give {' or '.join(values)}"})
        return given or values[0]

    def text(self, name: str) -> str | None:
        """Return a parameter's value, None where it is not given. Raises RequestError where it is given twice."""
        values = self.parameters.get(name)
        if not values:
            return None
        if len(values) > 1:
            raise RequestError({name: f"is given {len(values)} times: give it once"})
        return values[0]

    def required(self, name: str, example: str) -> str:
        """Return a parameter's value. Raises RequestError where it is not given."""
        value = self.text(name)
        if not value:
            raise RequestError({name: f"is missing: give one, such as {example}"})
        return value

    def idempotency_key(self) -> str | None:
        """Return the header Idempotency-Key, None where it is not sent. Raises RequestError."""
        key = self.headers.get("idempotency-key")
        if key is not None and not KEY.fullmatch(key):
            raise RequestError(
                {"Idempotency-Key": f"{shown(key)!r} is not taken: give 1 to {MAX_KEY} ASCII characters, no spaces"}
            )
        return key

    def link(self, path: str) -> str:
        """Return the full address of a path of this API."""
        return f"{self.base_url}{path}"


def page_token(inner: str | None) -> str | None:
    """Return the token that stands for Athena's in an answer: opaque, and safe in a URL without escaping."""
    return None if inner is None else base64.urlsafe_b64encode(inner.encode()).decode().rstrip("=")


def inner_token(token: str) -> str:
    """Return Athena's token for one of `page_token`. Raises RequestError for any other text."""
    try:
        if len(token) > MAX_PAGE_TOKEN:
            raise ValueError
        inner = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4)).decode()
        if not inner or page_token(inner) != token:
            raise ValueError
    except ValueError:
        problem = f"{shown(token)!r} is not a token of these results: begin again without one"
        raise RequestError({"page_token": problem}) from None
    return inner


def _base_url(context: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Return scheme, host and whatever stands before the route: the stage, or a custom domain's base path.

    The gateway sets all three: a caller's Host header has no part in it, or the caller would choose where links lead.
    """
    host = context.get("domainName")
    if not host:
        return ""
    scheme = "http" if headers.get("x-forwarded-proto") == "http" else "https"
    segments = len([each for each in str(context.get("resourcePath") or "/").split("/") if each])
    called = str(context.get("path") or "/").rstrip("/").split("/")
    return f"{scheme}://{host}{'/'.join(called[: len(called) - segments])}"
