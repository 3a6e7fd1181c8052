"""The sweep's index: what is written is read again, and what is not ours, damaged or of another time says nothing."""

from __future__ import annotations

import base64
import json
import random
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.loading.entry import Entry
from chalicelib.loading.index_records import FORMAT, MOST_FILES, IndexRecord, packed, record_of, unpacked
from chalicelib.loading.index_view import IndexView, Proof
from chalicelib.loading.ledger_index import FOLDER, ChangedIndex, LedgerIndex
from chalicelib.loading.models import DELETED, LOADED, LOADING, ObjectSummary, VersionedJson
from tests.unit.memory_store import BEGINNING, MemoryStore

STATE = "state/"


def entry_of(key: str, **changes: Any) -> Entry:
    said: dict[str, Any] = {"state": LOADED, "etag": "e", "files": (f"table/{key}",), "loaded_version": "v1"}
    return Entry(key, "v1", "01", source_modified_at=BEGINNING.isoformat(), **said | changes)


def record(key: str, is_settled: bool = True, **changes: Any) -> IndexRecord:
    made = record_of(entry_of(key, **changes), VersionedJson({}, '"etag"', BEGINNING, BEGINNING), is_settled)
    assert made is not None
    return made


def records(count: int) -> list[IndexRecord]:
    return sorted(record(f"in/{number}") for number in range(count))


def listed(key: str, etag: str = "e", seconds: float = 0.0) -> ObjectSummary:
    return ObjectSummary(key, etag, 1, BEGINNING + timedelta(seconds=seconds))


def index_of(store: MemoryStore, full: int = 10, epoch: str = "one") -> LedgerIndex:
    made = LedgerIndex(store, STATE, full)
    made.epoch = epoch
    return made


def names(store: MemoryStore) -> list[str]:
    return sorted(name for name in store.objects if name.startswith(f"{STATE}{FOLDER}"))


def test_records_are_read_as_they_were_written() -> None:
    made = sorted([*records(50), record("in/none", files=()), record("in/two", quarantine_files=("q/1", "q/2"))])
    assert unpacked(json.loads(json.dumps(packed(made, "one"))), "one") == made


def test_records_of_another_epoch_or_format_say_nothing() -> None:
    stored = packed(records(3), "one")
    assert unpacked(stored, "two") == []
    assert unpacked(stored | {"format": FORMAT + 1}, "one") == []


@pytest.mark.parametrize("stored", [None, [], "x", 7, {}, {"format": FORMAT}, {"format": FORMAT, "epoch": "one"}])
def test_what_is_no_index_says_nothing(stored: Any) -> None:
    assert unpacked(stored, "one") == []


def test_a_segment_with_any_byte_changed_or_cut_says_nothing() -> None:
    chance = random.Random(1)
    stored = packed(records(5), "one")
    for name in ("heads", "files"):
        content = base64.b64decode(stored[name])
        for place in range(len(content)):
            damaged = bytearray(content)
            damaged[place] ^= 1 << chance.randrange(8)
            assert unpacked(stored | {name: base64.b64encode(damaged).decode()}, "one") == []
            assert unpacked(stored | {name: base64.b64encode(content[:place]).decode()}, "one") == []
        assert unpacked(stored | {name: None}, "one") == []
        assert unpacked(stored | {name: "é"}, "one") == []


def test_an_entry_of_more_files_than_are_counted_is_not_remembered() -> None:
    many = entry_of("in/a", files=tuple(f"table/{number}" for number in range(MOST_FILES + 1)))
    assert record_of(many, VersionedJson({}, "e", BEGINNING, BEGINNING), True) is None


def test_a_segment_that_grows_is_divided_and_all_its_records_stay() -> None:
    store, made = MemoryStore(), records(57)
    index = index_of(store)
    assert index.replace(index.segment(""), made)
    assert len(names(store)) == 6
    again = index_of(store)
    assert list(again.records("")) == made
    for each in made:
        segment = again.segment(each.position)
        assert each in segment.records
        assert segment.start <= each.position
        assert segment.covers(each.position)


def test_entries_of_many_files_make_small_segments_and_views() -> None:
    store = MemoryStore()
    many = tuple(f"table/{number}" for number in range(100))
    made = sorted(record(f"in/{number}", files=many) for number in range(20))
    index = index_of(store, full=100)
    index.replace(index.segment(""), made)
    assert list(index_of(store).records("")) == made
    assert len(names(store)) >= 7
    view = IndexView(made, None, deletes=False, most=100)
    assert len(list(view.missing(""))) == 2


def test_a_crash_between_the_parts_of_a_divided_segment_leaves_no_record_in_two_places() -> None:
    store, made = MemoryStore(), records(25)
    index = index_of(store, full=100)
    index.replace(index.segment(""), made)
    index = index_of(store, full=10)
    segment = index.segment("")
    store.fault = lambda call: (
        (_ for _ in ()).throw(TimeoutError) if call.startswith(f"write {names(store)[0]}") else None
    )
    with pytest.raises(TimeoutError):
        index.replace(segment, made)
    store.fault = None
    assert len(names(store)) == 3
    assert list(index_of(store).records("")) == made


def test_a_segment_that_another_sweep_wrote_first_is_not_written() -> None:
    store = MemoryStore()
    one, other = index_of(store), index_of(store)
    first, second = one.segment(""), other.segment("")
    assert one.replace(first, records(3))
    assert not other.replace(second, records(2))
    assert list(index_of(store).records("")) == records(3)


@pytest.mark.parametrize("content", [b"null", None], ids=["changed", "removed"])
def test_a_segment_that_changes_after_it_was_compared_with_the_ledger_is_not_gone_by(content: bytes | None) -> None:
    store = MemoryStore()
    index = index_of(store)
    index.replace(index.segment(""), records(3))
    version, (name,) = index.version(), names(store)
    if content is None:
        del store.objects[name]
    else:
        store.put(name, content)
    with pytest.raises(ChangedIndex):
        list(index.records(""))
    assert index_of(store).version() != version


def test_what_lies_below_the_index_and_is_no_segment_is_passed_over() -> None:
    store = MemoryStore()
    for name in ("notes.txt", "0000.json", f"{'0' * 16}.txt"):
        store.put(f"{STATE}{FOLDER}{name}", b"{}")
    index = index_of(store)
    assert index.replace(index.segment(""), records(3))
    assert list(index_of(store).records("")) == records(3)


def test_a_version_is_proven_by_key_etag_and_second_and_by_nothing_less() -> None:
    view = IndexView(sorted([record("in/a"), record("in/loading", state=LOADING)]), None, deletes=False)
    assert view.see_object(listed("in/a")) is Proof.LOADED
    assert view.see_object(listed("in/a", seconds=0.9)) is Proof.LOADED
    assert view.see_object(listed("in/a", seconds=1)) is Proof.NONE
    assert view.see_object(listed("in/a", etag="f")) is Proof.NONE
    assert view.see_object(listed("in/b")) is Proof.NONE
    assert view.see_object(listed("in/loading")) is Proof.NONE


def test_an_object_whose_entry_says_that_there_is_none_is_looked_at() -> None:
    view = IndexView([record("in/a", state=DELETED)], None, deletes=False)
    assert view.see_object(listed("in/a")) is Proof.CAME_BACK


def test_only_recent_records_are_in_a_view_but_for_deletions() -> None:
    made = [record("in/a")]
    later = BEGINNING + timedelta(seconds=1)
    assert IndexView(made, later, deletes=False).see_object(listed("in/a")) is Proof.NONE
    assert IndexView(made, later, deletes=True).see_object(listed("in/a")) is Proof.LOADED
    assert list(IndexView(made, later, deletes=True).missing("")) == [made[0].position], "the object, not its file"


def test_what_is_missing_is_what_was_not_come_by() -> None:
    made = sorted(record(f"in/{number}") for number in range(9))
    view = IndexView(made, None, deletes=False)
    by_key = {record(f"in/{number}").position: f"in/{number}" for number in range(9)}
    for each in made[1:]:
        assert view.see_file(f"table/{by_key[each.position]}", each.position)
        assert not view.see_file("table/other", each.position)
    assert list(view.missing("")) == [made[0].position]
    assert list(view.missing(made[0].position)) == []


def test_the_file_of_an_entry_that_is_not_settled_is_not_missed_nor_what_was_rejected() -> None:
    made = [record("in/a", is_settled=False), record("in/b", files=(), quarantine_files=("q/1",))]
    view = IndexView(sorted(made), None, deletes=False)
    assert list(view.missing("")) == []
    assert view.see_file("q/1", record("in/b").position)


def test_marks_go_over_to_the_next_run_and_not_to_another_index() -> None:
    made = records(9)
    view = IndexView(made, None, deletes=True)
    view.see_object(listed("in/3"))
    view.see_file("table/in/3", record("in/3").position)
    again = IndexView(made, None, deletes=True)
    assert again.mark(view.marks())
    assert list(again.missing("")) == list(view.missing(""))
    assert len(list(again.missing(""))) == 8
    assert not IndexView(made[1:], None, deletes=True).mark(view.marks())
    for damaged in ("x", "eA==", "é"):
        assert not IndexView(made, None, deletes=True).mark(damaged)


def test_views_one_after_the_other_have_each_record_once() -> None:
    made, begin, ends, count = records(25), "", [], 0
    while True:
        view = IndexView(made, None, deletes=False, begin=begin, most=10)
        covered = [each for each in made if view.covers(each.position)]
        assert len(covered) <= 10
        count += len(covered)
        assert list(view.missing("")) == [each.position for each in covered]
        ends.append(view.end)
        if view.end is None:
            break
        begin = view.end
    assert (count, len(ends)) == (25, 3)
    assert IndexView(made, None, deletes=False, begin=begin).see_object(listed("in/0")) in (
        Proof.ELSEWHERE,
        Proof.LOADED,
    )


def test_a_record_is_of_an_entry_as_it_is_listed_with_its_etag_and_time() -> None:
    made = record("in/a")
    as_read = ObjectSummary("x", "etag", 1, BEGINNING)
    assert made.is_of(as_read)
    assert made.is_of(replace(as_read, modified_at=BEGINNING + timedelta(milliseconds=900)))
    assert not made.is_of(replace(as_read, modified_at=BEGINNING + timedelta(seconds=1)))
    assert not made.is_of(replace(as_read, etag="other"))
