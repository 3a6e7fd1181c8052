"""Whatever is sent: a refusal with a message, never a fault of ours, and no query started by it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.api.query_options import QUERY_OPTIONS
from tests.app.front import EXECUTION, QUERIES, Front

FRONT = Front()
EXAMPLES = settings(max_examples=150, deadline=None)
UGLY = [
    "", " ", "0", "-1", "1e3", "1_0", "٣", "９", "00000000000000000001", "9" * 400, "NaN", "null", "true", "2024-02-30",
    "2024-7-5", "2024-07-05T00:00", "' OR 1=1 --", "1; DROP TABLE orders", "?", ":from", "${table}", "../../etc",
    "a\r\nX-Evil: 1", "\x00", "\ud800", "\u202e", "🙂" * 600, "%00", "%27", "<script>", "{{7*7}}", "x" * 5000,
]  # fmt: skip
text = st.sampled_from(UGLY) | st.text()
names = (
    st.sampled_from(
        ["from", "to", "limit", "order_id", "tolerance", "min_orders", *(option.name for option in QUERY_OPTIONS)]
    )
    | text
)
parameters = st.dictionaries(names, st.lists(text, min_size=1, max_size=3), max_size=4)
headers = st.dictionaries(
    st.sampled_from(["Content-Type", "Idempotency-Key", "Origin", "Host", "X-Forwarded-Proto", "Accept"]) | text, text
)


def check(method: str, resource: str, **more: object) -> int:
    """Call, and hold the answer against what every answer promises."""
    answer = FRONT.call(method, resource, **more)
    assert answer.status < 500, answer.text[:300]
    if answer.status >= 400:
        assert set(answer.body) >= {"Code", "Message", "RequestId"}
        assert answer.body["Message"]
        assert len(answer.text) < 20_000
        assert "Traceback" not in answer.text
        # The caller's own words are quoted back, and Hypothesis sends words that it finds in the code.
        assert "SELECT" not in answer.text or "SELECT" in repr(more)
    for name, value in answer.headers.items():
        assert "\n" not in value, name
        assert "\r" not in value, name
    return answer.status


@pytest.mark.thorough
@EXAMPLES
@given(st.sampled_from([*QUERIES, "nope"]), parameters, headers)
def test_any_parameters_of_any_query(name: str, query: Mapping[str, list[str]], sent: Mapping[str, str]) -> None:
    before = len(FRONT.athena.started)
    status = check("GET", "/queries/{name}", path={"name": name}, query=query, headers=sent)
    assert len(FRONT.athena.started) - before == (1 if status < 300 else 0)
    for request in FRONT.athena.started[before:]:
        given_texts = {value for values in query.values() for value in values if len(value) > 6}
        assert not [each for each in given_texts if each in request["QueryString"]]


@EXAMPLES
@given(text)
def test_any_name_of_a_query(name: str) -> None:
    before = len(FRONT.athena.started)
    assert name in QUERIES or check("GET", "/queries/{name}", path={"name": name}) == 404
    assert len(FRONT.athena.started) == before


@pytest.mark.thorough
@EXAMPLES
@given(st.sampled_from(["", "/results", "/download"]), st.just(EXECUTION) | text, parameters)
def test_any_execution_and_page(route: str, execution: str, query: Mapping[str, list[str]]) -> None:
    path = {"execution_id": execution}
    check("GET", f"/executions/{{execution_id}}{route}", path=path, query=query)
    if not route:
        check("DELETE", "/executions/{execution_id}", path=path, query=query)


@EXAMPLES
@given(text, parameters)
def test_any_upload_id(upload_id: str, query: Mapping[str, list[str]]) -> None:
    check("GET", "/uploads/{upload_id}", path={"upload_id": upload_id}, query=query)


@EXAMPLES
@given(text, headers, st.booleans(), st.booleans())
def test_any_body(body: str, sent: Mapping[str, str], is_base64: bool, is_json: bool) -> None:
    sent = {**sent, "Content-Type": "application/json"} if is_json else sent
    check("POST", "/uploads", body=body, headers=sent, is_base64=is_base64)
