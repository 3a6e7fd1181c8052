"""Whatever JSON a file holds, a contract is proposed that its own reader takes and that its own documents load by."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.contracts.names import name_fault
from chalicelib.propose import json_schema
from chalicelib.propose.contract_text import written
from chalicelib.propose.layout import Layout
from chalicelib.propose.names import Names
from chalicelib.propose.recognition import propose
from tests.unit.proposing import lines, proposed, refused

SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

WORDS = """
    id order_id orderId customer_id createdAt updated_at total price quantity items lines name key value currency amount
    node edges data S N M L $date $oid detail payload type parent_id is_paid zip date month order source_key line_number
    extra_fields fractionDigits divisor centAmount livemode object
"""
KEYS = st.sampled_from(WORDS.split()) | st.text(max_size=12)
DATES = (
    "2024-02-03T04:05:06Z",
    "2024-02-03 04:05:06",
    "20240203",
    "0000-00-00",
    "1710000000",
    "31.12.2024",
    "01/02/2024",
)
OTHERS = ("", "0", "12.50", "007", "USD", "true", "{}", "Wed, 10 Jan 2018 21:05:30 +0000", "/Date(1710000000000+0100)/")
TEXTS = st.sampled_from(DATES + OTHERS) | st.text(max_size=8)
NUMBERS = (
    st.integers(-(2**70), 2**70)
    | st.integers(0, 9)
    | st.sampled_from([1710000000, 1710000000123, 20240203, 0.1 + 0.2, 1e300, 1e-300, 12.3])
    | st.floats(allow_nan=False, allow_infinity=False)
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=4) | st.dictionaries(KEYS, below, max_size=6), max_leaves=25
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=8)


@pytest.mark.thorough
@SLOW
@given(st.lists(DOCUMENTS, min_size=1, max_size=5))
def test_any_documents_load_by_the_contract_that_is_proposed_from_them(documents: list[dict[str, Any]]) -> None:
    made = proposed(lines(*documents))
    if not made.proposal.is_readable or not any(isinstance(document, dict) for _, document in made.documents):
        return
    usable = [(record, document) for record, document in made.documents if isinstance(document, dict)]
    problems = refused(made.contract, usable) + refused(made.everything, usable)
    assert not problems, f"{problems} of {json.dumps(documents)}"


@pytest.mark.thorough
@SLOW
@given(VALUES)
def test_any_json_value_leads_to_a_contract_or_to_none_and_never_raises(value: Any) -> None:
    made = proposed(json.dumps(value).encode())
    assert json.loads(made.sample) is not None
    assert made.everything.tables


@pytest.mark.thorough
@SLOW
@given(VALUES, st.sampled_from(["properties", "items", "allOf", "$ref", "type"]))
def test_any_json_value_may_be_given_as_a_schema(value: Any, key: str) -> None:
    for schema in (value, {key: value}, {"properties": {"a": value, "b": {key: value}}}):
        profile = json_schema.profile_of(schema)
        assert written(propose(profile, None, Layout(), "shop"))


@SLOW
@given(st.lists(st.text(max_size=300) | KEYS, max_size=30))
def test_names_never_collide_and_are_always_names(wanted: list[str]) -> None:
    names = Names(("month",))
    given_out = [names.name(each) for each in wanted]
    assert len({*given_out, "month"}) == len(given_out) + 1
    assert [name_fault(each) for each in given_out] == [None] * len(given_out)


SECRETS = st.sampled_from(["Canary Jane", "canary@example.org", "Canary", "+49canary", "canary-7"])
SECRET_VALUES: st.SearchStrategy[Any] = st.recursive(
    SECRETS, lambda below: st.lists(below, max_size=4) | st.dictionaries(KEYS, below, max_size=6), max_leaves=25
)


@pytest.mark.thorough
@SLOW
@given(st.lists(st.dictionaries(KEYS, SECRET_VALUES, max_size=8), min_size=1, max_size=5))
def test_no_value_gets_into_what_is_written(documents: list[dict[str, Any]]) -> None:
    made = proposed(lines(*documents))
    said = (*made.proposal.looks, *made.proposal.limits, *made.proposal.reasons.values())
    assert "canary" not in "\n".join((made.text, made.sample, *made.queries.values(), *said)).lower()
