"""Rounds of the real sweep over an S3 that is made up, whose clock goes on by what its answers would take.

`python -m benchmarks.sweep --objects 100000` prints requests, minutes and dollars of the first round, of one in which
nothing has changed, and of one after 1 % has, beside what the model of docs/scale.md says (operate/sweep_cost.py).
"""

from __future__ import annotations

import argparse
import heapq
import threading
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from chalicelib.counts import Counts
from chalicelib.file_names import FileNames, ledger_name
from chalicelib.help_text import examples
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import LOADED, ObjectSummary, Page, VersionedJson
from chalicelib.loading.outbox import Message
from chalicelib.loading.outbox_relay import Address, Event, OutboxRelay
from chalicelib.loading.sweep import Sweep
from chalicelib.loading.sweep_cursor import Rules, SweepReport
from chalicelib.loading.sweep_pages import READS_AT_ONCE, RESERVE
from operate.sweep_cost import (
    CORE_MB,
    GET_CORE,
    GET_SECONDS,
    LIST_CORE,
    LIST_SECONDS,
    LISTED_CORE,
    MEMORY_MB,
    PUT_CORE,
    PUT_SECONDS,
    READ_CORE,
    RUN_SECONDS,
    Round,
    first_round,
)

BEGINNING = datetime(2024, 8, 1, 12, tzinfo=UTC)
INCOMING, LEDGER, STATE, RECEIPTS, TABLE = "incoming/", "ledger/", "state/", "receipts/", "table/"
COUNTS = Counts(10, 10, 0, 20)
RULES = Rules("bucket", INCOMING, (TABLE,), LEDGER, STATE, timedelta(hours=1), timedelta(hours=24))


class SimulatedS3:
    """A bucket of loaded objects of one file each. Answers are made when they are asked for, `calls` counts them.

    What several threads ask for takes as long as that many connections would: each takes what is next.
    """

    def __init__(self, objects: int, memory_mb: int = MEMORY_MB) -> None:
        self.calls: Counter[str] = Counter()
        self._core = min(1.0, memory_mb / CORE_MB)
        self._seconds = 0.0
        self._asked: list[tuple[float, float]] = []
        self._lock = threading.Lock()
        self._state: dict[str, tuple[Any, int, datetime]] = {}
        self._dropped = [f"{INCOMING}{number:09d}.json" for number in range(objects)]
        self._entries = sorted((f"{LEDGER}{ledger_name(key)}", number) for number, key in enumerate(self._dropped))
        self._files = sorted(self._file(number) for number in range(objects))
        self._written = {"": BEGINNING}
        self._changes: dict[int, int] = {}

    @property
    def now(self) -> datetime:
        """The time by its own clock."""
        self._end_of_asking()
        return BEGINNING + timedelta(seconds=self._seconds)

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        self._end_of_asking()
        return self._seconds

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on."""
        self._seconds += seconds

    def change(self, every: int) -> int:
        """Have one in so many entries written anew, with something that changes nothing; return how many these are."""
        chosen = range(0, len(self._dropped), every)
        for number in chosen:
            self._changes[number] = self._changes.get(number, 0) + 1
            self._written[self._dropped[number]] = self.now
        return len(chosen)

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Page:
        self._ask("list", LIST_SECONDS, LIST_CORE)
        if prefix.startswith(LEDGER):
            objects, more = self._listed_entries(prefix, after, limit)
        elif prefix == INCOMING:
            objects, more = self._listed(self._dropped, after, limit)
        elif prefix == TABLE:
            objects, more = self._listed(self._files, after, limit)
        else:
            names = sorted(name for name in self._state if name.startswith(prefix) and name > after)
            more = len(names) > limit
            objects = [ObjectSummary(name, *self._shown(name)) for name in names[:limit]]
        self._ask("", 0.0, len(objects) * LISTED_CORE)
        return Page(tuple(objects), more, self.now)

    def read_json(self, key: str) -> VersionedJson | None:
        if key.startswith(STATE):
            self._ask("get", GET_SECONDS, GET_CORE)
            stored = self._state.get(key)
            return None if stored is None else VersionedJson(stored[0], f'"{stored[1]}"', stored[2], self.now)
        self._ask("read", GET_SECONDS, GET_CORE + READ_CORE)
        now = BEGINNING + timedelta(seconds=self._seconds)
        if key.startswith(RECEIPTS):
            return VersionedJson(self._receipt(key.removeprefix(RECEIPTS).removesuffix(".json")), '"r"', now, now)
        number = self._entries[bisect_left(self._entries, (key, 0))][1]
        source = self._dropped[number]
        entry = replace(self._entry(number), renewals=self._changes.get(number, 0))
        return VersionedJson(entry.as_json(), f'"{self._etag(number)}"', self._written.get(source, BEGINNING), now)

    def write_json(self, key: str, value: dict[str, Any], etag: str | None) -> str | None:
        self._ask("put", PUT_SECONDS, PUT_CORE)
        there = self._state.get(key)
        if (None if there is None else str(there[1])) != (None if etag is None else etag.strip('"')):
            return None
        self._state[key] = value, self.calls["put"], self.now
        return f'"{self.calls["put"]}"'

    def _shown(self, name: str) -> tuple[str, int, datetime]:
        _, etag, written = self._state[name]
        return str(etag), 1, written

    def _listed_entries(self, prefix: str, after: str, limit: int) -> tuple[Sequence[ObjectSummary], bool]:
        begin = bisect_right(self._entries, (max(prefix, after), len(self._entries)))
        page = [each for each in self._entries[begin : begin + limit] if each[0].startswith(prefix)]
        written = self._written
        objects = [
            ObjectSummary(name, self._etag(number), 2000, written.get(self._dropped[number], BEGINNING))
            for name, number in page
        ]
        return objects, len(page) == limit and begin + limit < len(self._entries)

    def _listed(self, names: Sequence[str], after: str, limit: int) -> tuple[Sequence[ObjectSummary], bool]:
        begin = bisect_right(names, after)
        objects = [ObjectSummary(name, name[-10:], 1000, BEGINNING) for name in names[begin : begin + limit]]
        return objects, begin + limit < len(names)

    def _etag(self, number: int) -> str:
        return f"{number:09d}-{self._changes.get(number, 0)}"

    def _file(self, number: int) -> str:
        name = FileNames(self._dropped[number], f"v{number}", BEGINNING).of(1)
        return f"{TABLE}order_month=2024-{number % 12 + 1:02d}/{name}"

    def _message(self, number: int) -> Message:
        return Message.of(f"v{number}", LOADED, BEGINNING.isoformat(), COUNTS, 1)

    def _entry(self, number: int) -> Entry:
        key = self._dropped[number]
        return Entry(
            key,
            f"v{number}",
            "00",
            LOADED,
            etag=key[-10:],
            files=(self._file(number),),
            loaded_version=f"v{number}",
            counts=COUNTS,
            source_modified_at=BEGINNING.isoformat(),
            outbox=(self._message(number),),
        )

    def _receipt(self, key: str) -> dict[str, Any]:
        number = int(key[len(INCOMING) : -len(".json")])
        message = self._message(number)
        said = {"source_version": message.version, "status": message.status, "finished_at": message.finished_at}
        return {**said, "event_ids": [message.id_for(key)]}

    def _ask(self, call: str, waiting: float, core: float) -> None:
        with self._lock:
            self.calls[call] += bool(call)
            if threading.current_thread() is not threading.main_thread():
                self._asked.append((waiting, core))
                return
        self._end_of_asking()
        self._seconds += waiting + core / self._core

    def _end_of_asking(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        asked, self._asked = self._asked, []
        connections = [0.0] * READS_AT_ONCE
        for waiting, _ in asked:
            heapq.heapreplace(connections, connections[0] + waiting)
        self._seconds += max(*connections, sum(core for _, core in asked) / self._core)


@dataclass(frozen=True)
class Measured:
    """What a round took."""

    name: str
    calls: Counter[str]
    seconds: float
    runs: int
    looked: int
    model: Round


def play(objects: int, memory_mb: int = MEMORY_MB) -> list[Measured]:
    """Play the rounds of a stage whose objects were loaded two hours before the first."""
    store = SimulatedS3(objects, memory_mb)
    store.pass_time(2 * 3600)
    rounds = [_round("the first", store, first_round(objects))]
    store.pass_time(900)
    rounds.append(_round("nothing has changed", store, Round(objects)))
    changed = store.change(100)
    store.pass_time(900)
    rounds.append(_round("1 % were written since", store, Round(objects, changed=changed)))
    store.pass_time(3600)
    rounds.append(_round("and their grace time is over", store, Round(objects, settled=changed)))
    store.pass_time(40 * 3600)
    rounds.append(_round("beyond the lookback", store, Round(objects)))
    return rounds


def _round(name: str, store: SimulatedS3, model: Round) -> Measured:
    store.calls.clear()
    began, runs, looked, is_whole = store.seconds, 0, 0, False
    while not is_whole:
        report = _run(store)
        runs, looked, is_whole = runs + 1, looked + report.looked, report.whole
    return Measured(name, Counter(store.calls), store.seconds - began, runs, looked, model)


def _run(store: SimulatedS3) -> SweepReport:
    address = Address("bucket", RECEIPTS, LEDGER, "test", lambda key: "orders")
    relay = OutboxRelay(store, address, _nobody)  # type: ignore[arg-type]
    ends = store.seconds + RUN_SECONDS + RESERVE
    sweep = Sweep(store, RULES, _announced, relay, at_once=READS_AT_ONCE)  # type: ignore[arg-type]
    return sweep.run(lambda: ends - store.seconds)


def _nobody(events: Sequence[Event]) -> None:
    raise AssertionError("everything was relayed before")


def _announced(event: dict[str, Any]) -> None:
    raise AssertionError("everything is loaded")


def main() -> None:
    """Play the rounds and print them."""
    options = parser().parse_args()
    columns = "{:30}{:>9}{:>10}{:>8}{:>10}{:>10}{:>6}{:>10}"
    print(columns.format("", "lists", "reads", "writes", "minutes", "by model", "runs", "dollars"))
    for each in play(options.objects, options.memory):
        calls, model = each.calls, each.model
        counts = (calls["list"], calls["get"] + calls["read"], calls["put"])
        minutes = (f"{seconds / 60:.1f}" for seconds in (each.seconds, model.seconds(options.memory)))
        dollars = f"{model.dollars(options.memory):.3f}"
        print(columns.format(each.name, *(f"{count:,}" for count in counts), *minutes, each.runs, dollars), flush=True)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    prog = "python -m benchmarks.sweep"
    made = argparse.ArgumentParser(prog=prog, description=__doc__, **examples(f"{prog} --objects 100000"))
    made.add_argument("--objects", type=int, default=100_000, metavar="N", help="how many are loaded (%(default)s)")
    made.add_argument("--memory", type=int, default=MEMORY_MB, metavar="MB", help="of the function (%(default)s)")
    return made


if __name__ == "__main__":
    main()
