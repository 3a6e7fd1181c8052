"""The decision what to do with an event, over all that the ledger may say."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.counts import Counts
from chalicelib.errors import UnreadableEntry
from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import TRANSFORM, Entry
from chalicelib.loading.ledger import Decision, decide
from chalicelib.loading.models import (
    DELETED,
    FAILED,
    GONE,
    LOADED,
    LOADING,
    PARTLY_LOADED,
    QUARANTINED,
    Arrival,
    Result,
    is_before,
    version_of,
)
from tests.unit.memory_store import BEGINNING

STATES = (LOADING, LOADED, PARTLY_LOADED, QUARANTINED, GONE, FAILED, DELETED)

# What is to be done with the newest version again, an older one, and a newer one, for each state of the newest. In
# "before" an older version's rows are in the table, in "nothing before" none are.
NOTHING_BEFORE = {
    LOADING: (Decision.HEAL, Decision.CATCH_UP, Decision.LOAD),
    LOADED: (Decision.SKIP_DUPLICATE, Decision.SKIP_STALE, Decision.REPLACE),
    PARTLY_LOADED: (Decision.SKIP_DUPLICATE, Decision.SKIP_STALE, Decision.REPLACE),
    QUARANTINED: (Decision.SKIP_DUPLICATE, Decision.CATCH_UP, Decision.LOAD),
    GONE: (Decision.HEAL, Decision.CATCH_UP, Decision.LOAD),
    FAILED: (Decision.HEAL, Decision.CATCH_UP, Decision.LOAD),
    DELETED: (Decision.HEAL, Decision.SKIP_STALE, Decision.LOAD),
}
BEFORE = {
    LOADING: (Decision.HEAL, Decision.SKIP_DUPLICATE, Decision.REPLACE),
    QUARANTINED: (Decision.SKIP_DUPLICATE, Decision.SKIP_DUPLICATE, Decision.REPLACE),
    GONE: (Decision.HEAL, Decision.SKIP_DUPLICATE, Decision.REPLACE),
    FAILED: (Decision.HEAL, Decision.SKIP_DUPLICATE, Decision.REPLACE),
}


ASKED = "asked"


class _Asked(Exception):
    """S3 was asked."""


def decided(
    known: Entry | None,
    event: Arrival,
    *,
    later: bool | None = None,
    later_than_loaded: bool | None = None,
    reload: bool = False,
) -> Decision | str:
    """Return the decision where S3 says so, or ASKED where it is asked what it says nothing of here."""

    def says(answer: bool | None) -> bool:
        if answer is None:
            raise _Asked
        return answer

    try:
        return decide(
            known, event, later=lambda: says(later), later_than_loaded=lambda: says(later_than_loaded), reload=reload
        )
    except _Asked:
        return ASKED


def arrival(version: str, sequencer: str, **changes: object) -> Arrival:
    return Arrival("bucket", "key", version, version, None, sequencer, **changes)  # type: ignore[arg-type]


def entry(state: str, before: bool = False, **changes: object) -> Entry:
    """Return what the ledger says when v2 is the newest; with rows of v1 in the table, or of v2 when it is loaded."""
    made = Entry("key", "v2", "02", state)
    if state in (LOADED, PARTLY_LOADED):
        made = replace(made, files=("of v2",), loaded_version="v2", loaded_sequencer="02")
    elif before:
        made = replace(made, files=("of v1",), loaded_version="v1", loaded_sequencer="01")
    return replace(made, **changes)


V1, V2, V3 = arrival("v1", "01"), arrival("v2", "02"), arrival("v3", "03")


def test_the_tables_name_every_state() -> None:
    assert set(NOTHING_BEFORE) == set(STATES)
    assert set(BEFORE) == set(STATES) - {LOADED, PARTLY_LOADED, DELETED}


@pytest.mark.parametrize("before", [False, True], ids=["nothing before", "rows of an older version"])
@pytest.mark.parametrize("state", STATES)
def test_every_state_has_its_answer_to_the_same_an_older_and_a_newer_version(state: str, before: bool) -> None:
    expected = (BEFORE if before else NOTHING_BEFORE).get(state)
    if expected is not None:
        known = entry(state, before)
        assert (decided(known, V2), decided(known, V1), decided(known, V3)) == expected


@pytest.mark.parametrize("state", STATES)
def test_what_was_announced_without_sequencers_is_asked_of_s3(state: str) -> None:
    unknown = arrival("v9", "")
    known = entry(state)
    assert decided(known, unknown) is ASKED
    assert decided(known, unknown, later=True) is decided(known, V3)
    assert decided(known, unknown, later=False) is decided(known, V1)


def test_what_is_not_known_is_loaded() -> None:
    assert decided(None, V1) is Decision.LOAD
    assert decided(None, arrival("v1", "")) is Decision.LOAD


@pytest.mark.parametrize("state", [LOADED, PARTLY_LOADED, QUARANTINED])
def test_what_an_older_transform_loaded_is_replaced_and_a_replay_replaces_too(state: str) -> None:
    assert decided(entry(state, transform=TRANSFORM - 1), V2) is Decision.REPLACE
    assert decided(entry(state), V2, reload=True) is Decision.REPLACE


def test_a_later_failure_does_not_keep_a_version_between_from_catching_up() -> None:
    known = entry(QUARANTINED, before=True)
    between = arrival("v1b", "01B")
    assert decided(known, between) is Decision.CATCH_UP
    assert decided(replace(known, loaded_sequencer="01C"), between) is Decision.SKIP_STALE
    unknown = replace(known, loaded_sequencer="")
    assert decided(unknown, between) is ASKED
    assert decided(unknown, between, later_than_loaded=True) is Decision.CATCH_UP
    assert decided(unknown, between, later_than_loaded=False) is Decision.SKIP_STALE
    assert decided(known, V1, reload=True) is Decision.CATCH_UP


def test_the_same_bytes_put_again_into_an_unversioned_bucket_are_the_latest_word() -> None:
    known = Entry("key", "etag", "02", LOADED, files=("f",), loaded_version="etag", loaded_sequencer="02")
    again = Arrival("bucket", "key", "etag", None, "etag", "03")
    assert decided(known, again) is Decision.REPLACE
    assert decided(known, replace(again, sequencer="02")) is Decision.SKIP_DUPLICATE
    assert decided(known, replace(again, version_id="null")) is Decision.REPLACE


@pytest.mark.parametrize("state", STATES)
def test_a_deletion_takes_what_was_there_before_it_whatever_came_after(state: str) -> None:
    known, removal = entry(state), arrival("v3", "03", removed=True)
    assert decided(None, removal) is Decision.DELETE
    assert decided(known, removal) is Decision.DELETE
    assert decided(known, replace(removal, sequencer="01")) is Decision.FORGET
    forgotten = replace(known, deleted_sequencer="01")
    assert decided(forgotten, replace(removal, sequencer="01")) is Decision.SKIP_STALE


@pytest.mark.parametrize("removal", [{"sequencer": ""}, {"sequencer": "03", "version_removed": True}])
@pytest.mark.parametrize("state", STATES)
def test_a_deletion_that_may_be_of_an_older_version_counts_when_s3_says_that_the_key_is_gone(
    state: str, removal: dict[str, Any]
) -> None:
    known, gone = entry(state), replace(arrival("v3", "", removed=True), **removal)
    assert decided(known, gone) is ASKED
    assert decided(known, gone, later=True) is Decision.DELETE
    assert decided(known, gone, later=False) is Decision.SKIP_STALE
    assert decided(known, replace(gone, sequencer="01", version_removed=True), later=True) is Decision.SKIP_STALE


def test_what_the_newest_version_replaced_is_superseded_with_what_others_had_announced() -> None:
    known = replace(entry(LOADING, before=True), publishing=("half", "new"), superseded=("older",))
    done = known.concluding(V2, Result(LOADED, files=("new",), counts=Counts(rows=7)))
    assert done.files == ("new",)
    assert done.superseded == ("half", "of v1", "older")
    assert done.publishing == ()
    assert (done.state, done.counts.rows, done.loaded_version, done.loaded_sequencer) == (LOADED, 7, "v2", "02")


def test_a_version_that_came_late_gives_the_rows_and_leaves_the_word_to_the_newest() -> None:
    known = replace(entry(QUARANTINED, reason="not JSON"), publishing=("of v3", "of v1"))
    done = known.concluding(V1, Result(LOADED, files=("of v1",), counts=Counts(rows=7)))
    assert (done.state, done.reason, done.version, done.counts.rows) == (QUARANTINED, "not JSON", "v2", 0)
    assert (done.files, done.loaded_version, done.loaded_sequencer) == (("of v1",), "v1", "01")
    assert done.publishing == ("of v3",), "a newer version may be about to let them appear"


def test_a_version_that_could_not_be_read_leaves_the_rows_of_the_one_before() -> None:
    done = entry(LOADING, before=True).concluding(V2, Result(QUARANTINED, reason="not JSON"))
    assert (done.state, done.files, done.superseded) == (QUARANTINED, ("of v1",), ())


def test_files_that_are_announced_are_about_to_appear_beside_those_that_are_there() -> None:
    known = replace(entry(LOADING, before=True), superseded=("old",))
    announced = known.announcing(["new", "of v1"])
    assert announced.publishing == ("new",)
    assert announced.superseded == ("old",)


def test_an_attempt_counts_up_for_a_version_and_starts_anew_for_the_next() -> None:
    known = entry(FAILED, attempts=2, announced=3, reason="SlowDown")
    assert known.beginning(V2).attempts == 3
    assert known.beginning(V2).reason is None
    assert (known.beginning(V3).attempts, known.beginning(V3).announced) == (1, 0)
    assert known.beginning(arrival("v3", "")).sequencer == "", "it must not pass for as old as the one before"


def test_a_deletion_takes_away_all_that_was_there_or_about_to_appear() -> None:
    done = replace(entry(LOADED), publishing=("half",), superseded=("old",)).deleting(
        arrival("v3", "03", removed=True), BEGINNING
    )
    assert (done.state, done.files, done.publishing) == (DELETED, (), ())
    assert done.superseded == ("half", "of v2", "old")


def test_what_was_there_before_a_deletion_does_not_come_back_behind_a_version_that_cannot_be_read() -> None:
    gone = entry(LOADED).deleting(arrival("marker", "03", removed=True), BEGINNING)
    after = gone.beginning(arrival("v4", "04")).concluding(arrival("v4", "04"), Result(QUARANTINED))
    assert decided(after, V1) is decided(after, V2) is Decision.SKIP_STALE
    assert decided(after, arrival("v3b", "03B")) is Decision.CATCH_UP


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


def test_a_version_is_the_version_id_or_where_there_is_none_the_etag() -> None:
    assert version_of("v1", '"etag"') == "v1"
    assert version_of(None, '"etag"') == version_of("null", "etag") == version_of("", "etag") == "etag"


def test_an_entry_survives_being_stored_and_fields_of_later_versions_are_passed_over() -> None:
    known = Entry(
        "key", "v1", "01", "loaded", files=("a", "b"), superseded=("c",), publishing=("d",), counts=Counts(3, 2, 1, 5)
    )
    assert Entry.from_json({**known.as_json(), "invented_later": 1}) == known
    before = {"key": "key", "version": "v1", "sequencer": "01", "state": "loaded", "files": ["a"]}
    assert Entry.from_json(before).files == ("a",)


def test_an_entry_is_stored_with_its_counts_beside_the_other_fields_as_it_always_was() -> None:
    stored = Entry("key", "v1", "01", "loaded", counts=Counts(3, 2, 1, 5)).as_json()
    assert "counts" not in stored
    numbers = {"orders_read": 3, "orders_loaded": 2, "orders_rejected": 1, "rows": 5}
    assert numbers.items() <= stored.items()
    before = {"key": "key", "version": "v1", "sequencer": "01", "state": "loaded", **numbers}
    assert Entry.from_json(before).counts == Counts(3, 2, 1, 5)
    with pytest.raises(UnreadableEntry, match=r"Expected `int`, got `str` - at `\$.rows`"):
        Entry.from_json(before | {"rows": "5"})


@pytest.mark.parametrize(
    "damage",
    [
        {"rows": "\ud800"},
        {"files": "\ud800"},
        {"burned": {"d": "\ud800"}},
        {"finished_at": "yesterday"},
        {"source_modified_at": "2026-01-01T00:00:00"},
        {"outbox": [{"version": "v1", "status": "loaded", "finished_at": "2026-01-01T00:00:00+00:00"}]},
        {"incomplete": 1},
        {"attempts": True},
    ],
    ids=str,
)
def test_a_damaged_entry_is_unreadable_whatever_is_in_it(damage: dict[str, Any]) -> None:
    stored = Entry("key", "v1", "01", "loaded").as_json()
    assert Entry.from_json(stored).version == "v1"
    with pytest.raises(UnreadableEntry):
        Entry.from_json(stored | damage)


def test_ledger_names_tell_keys_apart_and_fit_into_a_key_however_long_the_source_is() -> None:
    names = {ledger_name(key) for key in ("a", "A", "a/", "ä", "x" * 1024)}
    assert len(names) == 5
    assert max(map(len, names)) < 100
