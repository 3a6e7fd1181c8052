"""Any history of puts, deletions, deliveries, crashes, errors, sweeps and replays ends as a small model says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from msgspec import structs

from chalicelib.errors import LostRace, UnreadableEntry
from chalicelib.file_names import ledger_name, parse_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.ledger_index import FOLDER
from chalicelib.loading.models import QUARANTINED, WITH_ROWS, Arrival
from chalicelib.loading.notifications import arrivals
from chalicelib.loading.sweep import Sweep
from chalicelib.loading.sweep_cursor import SweepCursor, SweepReport
from chalicelib.loading.sweep_pages import RESERVE
from tests.builders import PREFIX, PREFIXES, RULES, body, ingest, order, receipt, relay, table
from tests.promises.workers import Worker, taking_turns
from tests.unit.memory_store import BUCKET, Crash, MemoryStore

KEYS = [f"{PREFIX}a b+ü.json", f"{PREFIX}c.json"]
INDEX = f"{RULES.state}{FOLDER}"
MOST_ACCIDENTS = 3
UNREADABLE = b'[{"order_id": 1,'


@dataclass
class Version:
    """What the model knows of one version: its bytes and the ids of its orders, None where it cannot be read."""

    arrival: Arrival
    content: bytes
    orders: list[str] | None
    lost: bool = False


@dataclass
class Key:
    """The model: the versions of a key in their order, and whether the key is there.

    `since` is the first version after the last deletion that an event announced, `after_any` after the last of all.
    `is_open` says that somebody damaged what is known of it, so that nobody can tell what was before the newest.
    """

    versions: list[Version] = field(default_factory=list)
    there: bool = False
    since: int = 0
    after_any: int = 0
    is_open: bool = False

    def position(self, version: str | None) -> int:
        """Return which of the versions this was, the last where bytes came back; -1 for none."""
        names = [each.arrival.version for each in self.versions]
        return max((i for i, name in enumerate(names) if name == version), default=-1)


class AnyHistory(RuleBasedStateMachine):
    """`events` may come at any time, each until it was worked off; `accidents` stay below what the sweep gives up."""

    @initialize(versioned=st.booleans(), deletes=st.booleans(), damage=st.booleans(), full=st.sampled_from([1, 1000]))
    def begin(self, versioned: bool, deletes: bool, damage: bool, full: int) -> None:
        self.store = MemoryStore(fault=taking_turns)
        self.versioned, self.deletes, self.damage = versioned, deletes, damage
        self.full = full
        self.indexes: list[dict[str, bytes]] = []
        self.keys = {key: Key() for key in KEYS}
        self.events: list[Arrival] = []
        self.all_events: list[Arrival] = []
        self.workers: list[tuple[Arrival | None, Worker]] = []
        self.accidents = 0
        self.replayed = False
        self.bytes_came_back = False

    @rule(
        key=st.sampled_from(KEYS),
        orders=st.lists(st.integers(0, 3), min_size=0, max_size=3, unique=True),
        readable=st.sampled_from([True, True, True, False]),
        lost=st.sampled_from([False, False, True]),
        month=st.integers(1, 3),
        seconds=st.sampled_from([0, 1]),
        rejected=st.integers(0, 2),
    )
    def put(
        self, key: str, orders: list[int], readable: bool, lost: bool, month: int, seconds: int, rejected: int
    ) -> None:
        good = (order(f"{i}", f"2024-0{month + i % 2}-01") for i in orders)
        content = body(*good, *[{"order_id": "no date"}] * rejected) if readable else UNREADABLE
        # Without version ids the same bytes are the same version.
        content += b" " * (len(self.all_events) + 1)
        self._put(key, content, [f"{i}" for i in orders] if readable else None, lost, seconds)

    @precondition(lambda self: any(key.versions for key in self.keys.values()))
    @rule(data=st.data(), lost=st.booleans(), seconds=st.sampled_from([0, 1]))
    def put_again(self, data: st.DataObject, lost: bool, seconds: int) -> None:
        """Put bytes that the key had before, perhaps within the same second."""
        name = data.draw(st.sampled_from([name for name, key in self.keys.items() if key.versions]))
        before = data.draw(st.sampled_from(self.keys[name].versions))
        self.bytes_came_back = True
        self._put(name, before.content, before.orders, lost, seconds)

    def _put(self, key: str, content: bytes, orders: list[str] | None, lost: bool, seconds: int) -> None:
        arrival = self.store.drop(key, content, self.versioned, seconds)
        self.keys[key].versions.append(Version(arrival, content, orders, lost))
        self.keys[key].there = True
        self._announced(arrival, lost)

    @rule(key=st.sampled_from(KEYS), lost=st.booleans())
    def remove(self, key: str, lost: bool) -> None:
        """Delete the key; where S3 keeps versions, they can still be read."""
        if self.keys[key].there:
            self.keys[key].there, self.keys[key].after_any = False, len(self.keys[key].versions)
            arrival = self.store.remove(key, self.versioned)
            if self.deletes:
                self._announced(arrival, lost)
                if not lost:
                    self.keys[key].since = self.keys[key].after_any

    @precondition(lambda self: self.events)
    @rule(data=st.data(), again=st.booleans())
    def deliver(self, data: st.DataObject, again: bool) -> None:
        arrival = data.draw(st.sampled_from(self.events))
        if not again:
            self.events.remove(arrival)
        self._work(arrival)

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), calls=st.integers(1, 12))
    def go_on(self, data: st.DataObject, calls: int) -> None:
        _, worker = data.draw(st.sampled_from(self.workers))
        worker.step(calls)
        self._collect()

    @precondition(lambda self: self.workers and self.accidents < MOST_ACCIDENTS)
    @rule(data=st.data(), how=st.sampled_from(["kill", "error", "error after"]))
    def accident(self, data: st.DataObject, how: str) -> None:
        _, worker = data.draw(st.sampled_from(self.workers))
        self.accidents += 1
        if how == "kill":
            worker.kill()
        else:
            worker.fail(after=how == "error after")
        self._collect()

    @rule(
        hours=st.sampled_from([0, 2, 30]), calls=st.sampled_from([3, 10, 1000]), looks=st.sampled_from([1, 2, 3, 1000])
    )
    def sweep(self, hours: int, calls: int, looks: int) -> None:
        """Run the sweep for so many calls; its time is over when it has looked for the time so often."""
        self.store.pass_time(hours=hours)
        worker = Worker(lambda: self._sweep(looks))
        worker.step(calls)
        self.workers.append((None, worker))
        self._collect()

    @rule(key=st.sampled_from(KEYS))
    def replay(self, key: str) -> None:
        current = self.store.newest.get(key)
        if current is not None:
            self.replayed = True
            event = Arrival(BUCKET, key, current.version, current.version_id, current.etag, size=current.size)
            self.workers.append((None, Worker(lambda: ingest(self.store).load(event, reload=True))))

    @rule()
    def copy_index(self) -> None:
        """Keep a copy of the sweep's index, which will be an old one."""
        self.indexes.append({name: self.store.objects[name] for name in self.store.objects if name.startswith(INDEX)})

    @rule(data=st.data(), content=st.sampled_from([b"null", b"[]", b"{", None]))
    def damage_index(self, data: st.DataObject, content: bytes | None) -> None:
        """Have somebody write something else over a part of the sweep's index, or delete it."""
        names = sorted(name for name in self.store.objects if name.startswith(INDEX))
        if names:
            name = data.draw(st.sampled_from(names))
            if content is None:
                del self.store.objects[name]
            else:
                self.store.put(name, content)

    @precondition(lambda self: self.indexes)
    @rule(data=st.data(), is_mixed=st.booleans())
    def restore_index(self, data: st.DataObject, is_mixed: bool) -> None:
        """Have somebody bring an old copy of the index back, perhaps beside what is there now."""
        if not is_mixed:
            for name in [name for name in self.store.objects if name.startswith(INDEX)]:
                del self.store.objects[name]
        for name, content in data.draw(st.sampled_from(self.indexes)).items():
            self.store.put(name, content)

    @precondition(lambda self: self.damage)
    @rule(key=st.sampled_from(KEYS), content=st.sampled_from([b"null", b"[]", b"{", None]))
    def damage_entry(self, key: str, content: bytes | None) -> None:
        """Have somebody write something else over a key's ledger entry, or delete it."""
        name = f"ledger/{ledger_name(key)}"
        if name in self.store.objects:
            self.keys[key].is_open = True
            if content is None:
                del self.store.objects[name]
            else:
                self.store.put(name, content)

    @precondition(lambda self: self.damage)
    @rule(data=st.data())
    def lose_file(self, data: st.DataObject) -> None:
        """Have somebody delete a file of the table."""
        files = sorted(key for key in self.store.objects if key.startswith("table/"))
        if files:
            file = data.draw(st.sampled_from(files))
            for name in KEYS:
                self.keys[name].is_open |= _key_digest(file) in ledger_name(name)
            del self.store.objects[file]

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        for _, worker in self.workers:
            worker.finish()
        self._collect()
        self._settle()
        self._compare()
        before, rows, positions_before = self._visible(), table(self.store), self._positions()
        for arrival in [*self.all_events, *reversed(self.all_events)]:
            ingest(self.store).load(arrival)
        if self.deletes or self.damage:
            # A deletion that the sweep found has no sequencer: what an older event brings back, the next round removes.
            self._settle()
        # Of a key that was replayed without a sequencer and then deleted, nobody can tell which version was the last.
        if self.replayed and not all(key.there or not key.versions for key in self.keys.values()):
            return
        if any(self._is_open(name) for name in self.keys):
            for name, position in self._positions().items():
                if not self.keys[name].is_open:
                    assert position >= positions_before[name], "a duplicate brought an older version back"
        elif self.versioned or not self.bytes_came_back:
            assert self._visible() == before, "duplicates changed something"
        else:
            # Without version ids an old event may be taken for one of the same bytes now, and have them loaded again.
            self._settle()
            assert table(self.store) == rows, "duplicates changed rows"

    def _is_open(self, name: str) -> bool:
        """Tell whether it was left open which version is the last that could be read.

        Where the newest cannot, and one before it came without a sequencer, from the sweep or from a replay, an event
        of a version in between may be taken for older. When it comes once more, it may be known to be later.
        """
        entry = self._entry(name)
        return self.keys[name].is_open or (entry is not None and entry.version != entry.loaded_version)

    def _positions(self) -> dict[str, int]:
        """Return which of its versions each key's rows are of, -1 where it has none."""
        positions = {}
        for name, key in self.keys.items():
            entry = self._entry(name)
            positions[name] = key.position(entry.loaded_version if entry else None)
        return positions

    def _announced(self, arrival: Arrival, lost: bool) -> None:
        if not lost:
            self.events.append(arrival)
            self.all_events.append(arrival)

    def _work(self, arrival: Arrival) -> None:
        self.workers.append((arrival, Worker(lambda: ingest(self.store).load(arrival))))

    def _collect(self) -> None:
        """Lambda delivers what did not end well again; anything but an accident is a fault."""
        for arrival, worker in [each for each in self.workers if each[1].ended]:
            self.workers.remove((arrival, worker))
            if worker.problem is not None:
                if not isinstance(worker.problem, Crash | TimeoutError | LostRace):
                    raise worker.problem
                if arrival is not None:
                    self.events.append(arrival)

    def _sweep(self, looks: int = 1000) -> SweepReport:
        return self._sweep_of(self.store, self.events, looks)

    def _sweep_of(self, store: MemoryStore, events: list[Arrival], looks: int = 1000) -> SweepReport:
        """Run the sweep over a store; what it announces is among the `events` then."""
        # What was damaged is found for as long as the sweep looks back.
        lookback = timedelta(days=10_000 if self.damage else 1)
        rules = structs.replace(RULES, lookback=lookback, deletes=self.deletes)

        def announce(event: dict[str, Any]) -> None:
            # What Lambda is handed has gone through JSON.
            (arrival,) = arrivals(json.loads(json.dumps(event)), PREFIX, self.deletes)
            events.append(arrival)

        return Sweep(store, rules, announce, relay(store), full=self.full, most=self.full).run(
            partial(next, iter([1000.0] * looks), RESERVE)
        )

    def _swept_without_index(self) -> tuple[set[Arrival], set[str]]:
        """Return what a sweep that knows no index would announce, and which objects it would leave."""
        names = [name for name in self.store.objects if name.startswith(INDEX)]
        copy = replace(
            self.store,
            objects=dict(self.store.objects),
            written=dict(self.store.written),
            calls=[],
            sent=[],
            fault=None,
        )
        for name in names:
            del copy.objects[name]
        events: list[Arrival] = []
        self._sweep_of(copy, events)
        return {structs.replace(each, ledger_etag=None) for each in events}, self._files(copy)

    def _is_new_round(self) -> bool:
        stored = self.store.objects.get("state/sweep.json", b"{}")
        return SweepCursor.from_json(json.loads(stored)).is_new_round

    def _files(self, store: MemoryStore) -> set[str]:
        return {name for name in store.objects if name.startswith(("table/", PREFIXES.quarantine))}

    def _settle(self) -> None:
        quiet = 0
        for _ in range(16):
            while self.events:
                ingest(self.store).load(self.events.pop())
            self.store.pass_time(hours=2)
            announced, files = self._swept_without_index() if self._is_new_round() else (set(), self._files(self.store))
            report = self._sweep()
            assert announced <= {structs.replace(each, ledger_etag=None) for each in self.events}, (
                "the index hid something"
            )
            assert report.left_alone or self._files(self.store) <= files, "the index kept a file that is nobody's"
            if report.left_alone and not report.whole:
                # It stops where the ledger is empty; somebody sees the alarm and has it begin anew.
                self.store.objects.pop("state/sweep.json", None)
            # The first whole round may have begun before the last event.
            quiet = quiet + 1 if report.whole and not report.announced and not report.removed else 0
            if quiet == 2:
                return
        raise AssertionError("it does not come to rest")

    def _compare(self) -> None:
        rows = table(self.store)
        for name, key in self.keys.items():
            entry = self._entry(name)
            versions = {each.arrival.version: each for each in key.versions}
            mine = [row for row in rows if row[0] in versions] if self.versioned else self._rows_of(entry)
            loaded = {version for version, _, _ in mine}
            if not key.is_open or self._is_certain(key):
                assert len(loaded) <= 1, f"rows of more than one version: {mine}"
                for version in loaded:
                    assert sorted({row[1] for row in mine}) == sorted(versions[version].orders or [])
            self._compare_key(key, entry)
        known = set()
        for name in self.keys:
            entry = self._entry(name)
            if entry is not None:
                assert (entry.publishing, entry.superseded) == ((), ()), "something is left to be removed"
                assert entry.counts.orders_read == entry.counts.orders_loaded + entry.counts.orders_rejected
                known |= set(entry.files)
        there = {each for each in self.store.objects if each.startswith("table/")}
        self._compare_rejected()
        self._compare_outbox()
        for name, key in self.keys.items():
            stored = {each for each in there if _key_digest(each) in ledger_name(name)}
            ours = {each for each in known if _key_digest(each) in ledger_name(name)}
            if not key.is_open or self._is_certain(key):
                assert stored == ours
            else:
                # What nothing proves to be nobody's stays; what S3 has no more cannot be written again.
                entry = self._entry(name)
                assert stored >= ours or entry is None or (name, entry.loaded_version) not in self.store.versions

    def _compare_rejected(self) -> None:
        """Check that the quarantine holds what was rejected of the newest versions, and nothing else."""
        there = {each for each in self.store.objects if each.startswith(PREFIXES.quarantine)}
        for name, key in self.keys.items():
            entry = self._entry(name)
            of_key = {each for each in there if _key_digest(each) in ledger_name(name)}
            if not key.is_open:
                assert of_key == set(entry.quarantine_files if entry else ())

    def _compare_outbox(self) -> None:
        """Check that every message was sent, and that the receipt is about the newest version."""
        sent = {event.detail["id"] for event in self.store.sent}
        for name, key in self.keys.items():
            entry = self._entry(name)
            if entry is None or key.is_open:
                continue
            assert {each.id_for(name) for each in entry.outbox} <= sent
            if entry.state in (*WITH_ROWS, QUARANTINED):
                read = receipt(self.store, name)
                assert (read["source_version"], read["status"]) == (entry.version, entry.state)
                assert read["finished_at"] == entry.finished_at

    def _is_certain(self, key: Key) -> bool:
        """Tell whether the newest version is there and can be read: whatever was damaged, its rows are the table's."""
        return key.there and bool(key.versions[-1].orders)

    def _compare_key(self, key: Key, entry: Entry | None) -> None:
        loaded = entry.loaded_version if entry else None
        newest = key.versions[-1] if key.versions else None
        if newest is None:
            assert loaded is None
        elif not key.there and self.deletes:
            assert loaded is None, "what was deleted still has rows"
        elif key.there and newest.orders is not None:
            # The same bytes put again within the second look the same in a listing, and make the same rows.
            same = {each.arrival.version for each in key.versions if each.content == newest.content}
            assert loaded in same, "the newest version is not the one in the table"
            assert entry is not None
            assert entry.state in WITH_ROWS
        elif key.there:
            assert entry is not None
            assert entry.state == QUARANTINED
            self._compare_older(key, entry)
        else:
            self._compare_older(key, entry)

    def _compare_older(self, key: Key, entry: Entry | None) -> None:
        """Check which version's rows are there where the newest cannot be read, or its key is gone."""
        loaded = entry.loaded_version if entry else None
        if key.is_open or self.replayed:
            return
        if self.deletes and loaded is not None and entry is not None and entry.loaded_sequencer:
            assert key.position(loaded) >= key.since, "rows of what was there before a deletion"
        # An older version that could be read is there, unless S3 keeps no versions and it was overwritten unread.
        first = key.after_any if self.deletes else 0
        announced = [
            i for i, each in enumerate(key.versions) if each.orders is not None and not each.lost and i >= first
        ]
        if announced and self.versioned:
            assert entry is not None
            assert loaded is not None
            last = key.versions[announced[-1]].arrival
            written = [self.store.versions[entry.key, version][1] for version in (loaded, last.version)]
            # Without a sequencer, S3's times tell which came later, and nobody does within a second.
            tied = not entry.loaded_sequencer and written[0] == written[1]
            assert tied or key.position(loaded) >= announced[-1]

    def _entry(self, name: str) -> Entry | None:
        from tests.builders import entry

        try:
            return entry(self.store, name)
        except KeyError:
            return None
        except (ValueError, UnreadableEntry):
            assert self.keys[name].is_open, "an entry that cannot be read"
            return None

    def _rows_of(self, entry: Entry | None) -> list[tuple[str, str, str]]:
        files = set(entry.files) if entry else set()
        return table(MemoryStore(objects={key: self.store.objects[key] for key in files & self.store.objects.keys()}))

    def _visible(self) -> dict[str, bytes]:
        others = ("ledger/", "state/", "receipts/")
        return {key: value for key, value in self.store.objects.items() if not key.startswith(others)}


def _key_digest(file: str) -> str:
    name = parse_name(file)
    assert name is not None
    return name.key_digest


@pytest.mark.parametrize("examples", [60, pytest.param(1500, marks=pytest.mark.slow)], ids=["some", "many"])
def test_any_history_ends_with_the_newest_version_of_each_object_and_nothing_else(examples: int) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        AnyHistory,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, derandomize=True, suppress_health_check=checks
        ),
    )
