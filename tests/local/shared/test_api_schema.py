"""The deployed API does what its OpenAPI document says, driven by schemathesis: no 5xx, no undocumented answer.

Every answer that the other tests of the API get is held against the document too, by api_client.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks

from tests.local.api_client import DOCUMENT, DOCUMENTED, Client, Signed
from tests.local.product import Product

pytestmark = pytest.mark.aws
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
# The saved queries share one route: those with an integer, a text and a decimal stand for all.
OTHERS = "^/queries/(preview|orders_between|repeat_customers|sales_.*)$"


@pytest.fixture(scope="module")
def caller(product: Product) -> tuple[str, str]:
    return product.aws.access_key_id, product.aws.secret_access_key


def test_the_deployed_document_is_the_one_that_is_made_from_the_code(product: Product, caller: Any) -> None:
    api = Client(product, caller)
    served = api.get("/openapi.json").json()
    assert served.pop("servers") == [{"url": api.url}]
    assert served == DOCUMENT


@DOCUMENTED.exclude(path_regex=OTHERS).parametrize()
@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_a_documented_one(
    case: schemathesis.Case[Any], product: Product, caller: tuple[str, str]
) -> None:
    case.call_and_validate(base_url=product.deployment.api_url, auth=Signed(caller), checks=CHECKS, timeout=30)
