"""What version 0.2 kept in the quarantine comes into the table of rejected records, byte for byte."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import Any

import pytest

from chalicelib.loading.rejected_files import RejectedFiles
from operate.convert_rejected import Converter
from tests.builders import KEY, PREFIX, PREFIXES, body, entry, ingest, order, sweep_and_load
from tests.promises.test_rejected_in_the_table import agree, made_old, rejected_table
from tests.unit.memory_store import Crash, MemoryStore

BAD: dict[str, Any] = {"order_id": "no date"}
LINES, WHOLE = f"{PREFIX}a.ndjson", f"{PREFIX}whole.json"


def old() -> tuple[MemoryStore, list[dict[str, Any]]]:
    """Return a bucket as version 0.2 left it, and the rows that its rejected records should be."""
    store = MemoryStore()
    lines = b'{"order_id": "M\xfcller"}\n' + json.dumps({**BAD, "note": "Zoë"}, ensure_ascii=False).encode()
    for key, content in ((KEY, body(order(1), BAD, BAD)), (LINES, lines), (WHOLE, body(order(1))[:-1])):
        ingest(store).load(store.drop(key, content))
    rows = rejected_table(store)
    for key in (KEY, LINES, WHOLE):
        made_old(store, key)
    return store, rows


def converter(store: MemoryStore, dry_run: bool = False) -> Converter:
    return Converter(store, PREFIXES, lambda key: "orders", None if dry_run else lambda line: None)


def without_reason(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A report's reason is another one in the test."""
    return [row if row["record_number"] else {**row, "reason": "", "byte_offset": 0} for row in rows]


def test_every_record_and_every_refused_file_comes_into_the_table_and_the_old_files_go() -> None:
    store, rows = old()
    assert rejected_table(store) == []
    assert converter(store).run() == {"converted": 3}
    assert without_reason(rejected_table(store)) == without_reason(rows)
    agree(store, KEY, LINES, WHOLE)
    (whole,) = [row for row in rejected_table(store) if row["record_number"] is None]
    assert (whole["reason"], whole["byte_offset"]) == ("it is cut (at byte 7)", 7)
    assert not [key for key in store.objects if key.endswith(".report.json")]
    named = {key for name in (KEY, LINES, WHOLE) for key in entry(store, name).quarantine_files}
    assert {key for key in store.objects if key.startswith(PREFIXES.quarantine)} == named
    assert converter(store).run() == {}, "once is enough"


def test_a_dry_run_touches_nothing() -> None:
    store, _ = old()
    before = dict(store.objects)
    assert converter(store, dry_run=True).run() == {"would be converted": 3}
    assert store.objects == before


def test_what_is_of_replaced_versions_is_counted_and_left() -> None:
    store, _ = old()
    old_file = f"{PREFIXES.quarantine}orders_etl_20200101_000000_{'0' * 28}.ndjson.gz"
    store.put(old_file, b"x")
    made = converter(store)
    made.run()
    assert made.unreferenced() == 1
    assert old_file in store.objects


def test_a_stop_at_every_call_in_turn_is_made_good_by_running_it_again() -> None:
    whole, _ = old()
    whole.calls.clear()
    converter(whole).run()
    for stopped in range(1, len(whole.calls) + 1):
        store, rows = old()
        store.crash_after = stopped
        with contextlib.suppress(Crash):
            converter(store).run()
        store.crash_after = None
        for _ in range(2):
            store.pass_time(hours=2)
            sweep_and_load(store)
        converter(store).run()
        assert without_reason(rejected_table(store)) == without_reason(rows), stopped
        agree(store, KEY, LINES, WHOLE)


def test_a_source_that_is_being_loaded_meanwhile_is_left_to_its_load(monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = old()
    close = RejectedFiles.close

    def overwritten(files: RejectedFiles) -> None:
        close(files)
        if store.newest[KEY].version == "v1":
            ingest(store).load(store.drop(KEY, body(order(1))))

    monkeypatch.setattr(RejectedFiles, "close", overwritten)
    counted = converter(store).run()
    assert counted["being loaded"] == 1
    agree(store, KEY, LINES, WHOLE)


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"{"), gzip.compress(b"[1]"), b"\x1f\x8b\x08\x00"])
def test_a_file_that_cannot_be_read_is_left_and_said_and_the_others_are_converted(content: bytes) -> None:
    store, _ = old()
    damaged = str(entry(store, KEY).quarantine)
    store.put(damaged, content)
    assert converter(store).run() == {"converted": 2, "left, since it cannot be read": 1}
    assert store.objects[damaged] == content
    assert entry(store, KEY).quarantine == damaged
