"""The decision what to do with an event, over all that the ledger may say."""

from __future__ import annotations

import pytest

from chalicelib.ledger import (
    FINISHED,
    GONE,
    LOADING,
    TRANSFORM,
    Arrival,
    Decision,
    Entry,
    decide,
    is_before,
    ledger_name,
)


def arrival(version: str, sequencer: str) -> Arrival:
    return Arrival("bucket", "key", version, version, None, sequencer)


def entry(version: str, sequencer: str, state: str, transform: int = TRANSFORM) -> Entry:
    return Entry("key", version, sequencer, state, transform=transform)


def test_what_is_not_known_is_loaded() -> None:
    assert decide(None, arrival("v1", "01")) is Decision.LOAD


@pytest.mark.parametrize("state", FINISHED)
def test_a_version_that_is_done_is_a_duplicate(state: str) -> None:
    assert decide(entry("v1", "01", state), arrival("v1", "01")) is Decision.SKIP_DUPLICATE


@pytest.mark.parametrize("state", [LOADING, GONE])
def test_a_version_that_was_not_finished_is_loaded_again(state: str) -> None:
    assert decide(entry("v1", "01", state), arrival("v1", "01")) is Decision.LOAD


def test_a_version_that_an_older_transform_loaded_is_loaded_again() -> None:
    assert decide(entry("v1", "01", "loaded", TRANSFORM - 1), arrival("v1", "01")) is Decision.LOAD


@pytest.mark.parametrize("state", [*FINISHED, LOADING, GONE])
def test_an_older_version_is_stale_and_a_newer_one_is_loaded(state: str) -> None:
    assert decide(entry("v2", "02", state), arrival("v1", "01")) is Decision.SKIP_STALE
    assert decide(entry("v2", "02", state), arrival("v3", "03")) is Decision.LOAD


def test_without_sequencers_what_comes_is_taken_for_newer() -> None:
    assert decide(entry("v2", "", "loaded"), arrival("v1", "01")) is Decision.LOAD
    assert decide(entry("v2", "02", "loaded"), arrival("v1", "")) is Decision.LOAD


@pytest.mark.parametrize(
    ("one", "other", "before"),
    [
        ("01", "02", True),
        ("02", "01", False),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6", True),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E50", False),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E51", True),
        ("1", "0F", False),
        ("0f", "10", True),
    ],
)
def test_sequencers_of_different_lengths_are_filled_up_with_zeros(one: str, other: str, before: bool) -> None:
    assert is_before(one, other) is before


def test_an_entry_survives_being_stored_and_fields_of_later_versions_are_passed_over() -> None:
    known = Entry("key", "v1", "01", "loaded", files=("a", "b"), superseded=("c",), orders_read=3)
    assert Entry.from_json({**known.as_json(), "invented_later": 1}) == known


def test_ledger_names_tell_keys_apart_and_fit_into_a_key_however_long_the_source_is() -> None:
    names = {ledger_name(key) for key in ("a", "A", "a/", "ä", "x" * 1024)}
    assert len(names) == 5
    assert max(map(len, names)) < 100
