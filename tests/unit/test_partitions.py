"""Months in the catalog: each is registered once, none that is written stays unregistered, and no load fails of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from chalicelib.errors import AwsError, Throttled
from chalicelib.loading.models import CatalogTable
from chalicelib.loading.months import Months
from chalicelib.loading.partition_sweep import LEAVES_AFTER, PartitionReport, PartitionSweep
from chalicelib.loading.partitions import LEFT, PAUSE_SECONDS, RACES, REMEMBERED_SECONDS, Partitions
from tests.unit.memory_catalog import LINES, ORDERS, MemoryCatalog, key_of
from tests.unit.memory_store import MemoryStore

STATE = "state/"
FILE = f"{STATE}partitions.json"


@dataclass
class Stage:
    """A bucket, a catalog and the processes of a stage, on one clock."""

    store: MemoryStore = field(default_factory=MemoryStore)
    catalog: MemoryCatalog = field(default_factory=MemoryCatalog)
    failures: list[tuple[list[str], str]] = field(default_factory=list)

    def process(self) -> Partitions:
        """Return a new process that loads."""
        began = self.store.now
        return Partitions(
            self.store,
            self.catalog,
            state=STATE,
            tables=(ORDERS, LINES),
            seconds=lambda: (self.store.now - began).total_seconds(),
            failed=lambda months, reason: self.failures.append((list(months), reason)),
        )

    def write(self, process: Partitions, *keys: str) -> None:
        """Let files appear and register their months, as a load does."""
        for key in keys:
            self.store.put(key, b"PAR1")
        process.register(keys)

    def sweep(self) -> PartitionReport:
        """Run the sweep's part once."""
        failed: list[str] = []
        report = PartitionSweep(
            self.store,
            self.catalog,
            state=STATE,
            tables=(ORDERS, LINES),
            failed=lambda table, reason: failed.append(f"{table}: {reason}"),
        ).run(lambda: 600.0)
        self.failures += [(failed, "sweep")] if failed else []
        return report

    def months(self, table: CatalogTable = ORDERS) -> list[str]:
        """Return the months that are registered."""
        return sorted(self.catalog.months.get(table, ()))

    def written(self) -> set[str]:
        """Return the months that have files."""
        return {month for key in self.store.objects if (month := ORDERS.month_of(key))}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_load_registers_the_months_that_it_wrote_of_every_table_by_its_own_partition(stage: Stage) -> None:
    stage.write(stage.process(), key_of("2024-05"), key_of("2024-06"), key_of("2024-05", LINES))
    assert stage.months() == ["2024-05", "2024-06"]
    assert stage.months(LINES) == ["2024-05"]


def test_a_small_drop_into_a_known_month_takes_no_call_of_the_catalog_and_in_a_warm_process_none_at_all(
    stage: Stage,
) -> None:
    stage.write(stage.process(), key_of("2024-05"))
    stage.catalog.calls.clear()
    warm = stage.process()
    stage.write(warm, key_of("2024-05", name="b.parquet"))
    assert stage.catalog.calls == []
    stage.store.calls.clear()
    warm.register([key_of("2024-05", name="c.parquet")])
    assert stage.catalog.calls == stage.store.calls == []


def test_what_is_no_file_of_a_month_is_passed_over(stage: Stage) -> None:
    others = ["orders_parquet_datalake/a.parquet", "orders_parquet_datalake/order_month=soon/a.parquet", "quarantine/a"]
    stage.process().register([*others, f"{ORDERS.folder}order_month=2024-05"])
    assert stage.catalog.calls == stage.store.calls == []


@pytest.mark.parametrize("stored", [b"", b"[]", b'{"known": 1}', b'{"known": {"db.x": ["May"]}, "leaving": {}}', b"{}"])
def test_what_is_remembered_and_cannot_be_read_is_registered_once_more(stage: Stage, stored: bytes) -> None:
    stage.store.put(FILE, stored)
    stage.write(stage.process(), key_of("2024-05"))
    assert stage.months() == ["2024-05"]
    assert Months.from_json(stage.store.read_json(FILE).value).knows(ORDERS, "2024-05")  # type: ignore[union-attr]


@pytest.mark.parametrize("problem", [Throttled("ThrottlingException", "x"), AwsError("AccessDeniedException", "x")])
def test_a_catalog_that_fails_fails_no_load_is_told_and_made_up_for_by_the_sweep(
    stage: Stage, problem: AwsError
) -> None:
    stage.catalog.problem = problem
    stage.write(stage.process(), key_of("2024-05"))
    assert stage.failures == [(["db.orders_parquet_datalake/2024-05"], str(problem))]
    assert stage.sweep().failures == 2
    stage.catalog.problem = None
    assert stage.sweep().registered == 1
    assert stage.months() == ["2024-05"]


def test_a_process_leaves_a_catalog_that_failed_alone_for_a_while_and_then_asks_again(stage: Stage) -> None:
    process = stage.process()
    stage.catalog.problem = Throttled("ThrottlingException")
    stage.write(process, key_of("2024-05"))
    stage.catalog.calls.clear()
    stage.write(process, key_of("2024-06"))
    assert stage.catalog.calls == []
    assert stage.failures[-1] == (["db.orders_parquet_datalake/2024-06"], LEFT)
    stage.catalog.problem = None
    stage.store.pass_time(seconds=PAUSE_SECONDS)
    stage.write(process, key_of("2024-07"))
    assert stage.months() == ["2024-05", "2024-06", "2024-07"]
    assert len(stage.failures) == 2


def test_a_bucket_that_does_not_tell_what_is_registered_is_told_too(stage: Stage) -> None:
    def fault(call: str) -> None:
        if call.endswith(FILE):
            raise AwsError("AccessDenied", "GetObject")

    stage.store.fault = fault
    stage.write(stage.process(), key_of("2024-05"))
    assert stage.failures == [(["db.orders_parquet_datalake/2024-05"], "GetObject: AccessDenied")]


def test_processes_that_register_at_once_forget_nothing_of_each_other(stage: Stage) -> None:
    other = stage.process()
    once = iter([True])

    def between(call: str) -> None:
        if call == "registered" and next(once, False):
            stage.write(other, key_of("2024-06"))

    stage.catalog.between = between
    stage.write(stage.process(), key_of("2024-05"))
    months = Months.from_json(stage.store.read_json(FILE).value)  # type: ignore[union-attr]
    assert months.known["db.orders_parquet_datalake"] == {"2024-05", "2024-06"}
    assert stage.catalog.writes.count("register orders_parquet_datalake 2024-05") == 1


def test_a_month_that_cannot_be_remembered_for_races_is_registered_all_the_same(stage: Stage) -> None:
    def fault(call: str) -> None:
        if call == f"write {FILE}":
            stage.store.objects[FILE] = f'{{"known": {{}}, "leaving": {{}}, "n": {len(stage.store.calls)}}}'.encode()
            stage.store.written[FILE] = stage.store.now

    stage.store.fault = fault
    stage.write(stage.process(), key_of("2024-05"))
    assert stage.months() == ["2024-05"]
    assert stage.store.calls.count(f"write {FILE}") == RACES
    assert stage.failures == []


def test_the_sweep_registers_what_somebody_unregistered_and_gives_old_months_the_tables_columns(stage: Stage) -> None:
    stage.write(stage.process(), key_of("2024-05"), key_of("2024-06"))
    stage.catalog.months[ORDERS] = {"2024-05"}
    stage.catalog.outdated[ORDERS] = {"2024-05"}
    assert stage.sweep() == PartitionReport(registered=1, updated=1)
    assert stage.months() == ["2024-05", "2024-06"]
    assert stage.sweep() == PartitionReport()


def test_an_emptied_month_is_unregistered_when_it_was_empty_for_longer_than_any_process_remembers(
    stage: Stage,
) -> None:
    assert LEAVES_AFTER.total_seconds() > REMEMBERED_SECONDS
    stage.write(stage.process(), key_of("2024-05"), key_of("2024-06"))
    stage.store.delete([key_of("2024-05")])
    stage.sweep()
    stage.store.pass_time(seconds=LEAVES_AFTER.total_seconds() - 1)
    assert stage.sweep().unregistered == 0
    assert stage.months() == ["2024-05", "2024-06"]
    stage.store.pass_time(seconds=1)
    assert stage.sweep().unregistered == 1
    assert stage.months() == ["2024-06"]
    assert stage.sweep() == PartitionReport()


@pytest.mark.parametrize("remembers", [True, False], ids=["by a warm process", "by a new process"])
def test_a_month_that_is_written_again_before_it_left_stays(stage: Stage, remembers: bool) -> None:
    process = stage.process()
    stage.write(process, key_of("2024-05"))
    stage.store.delete([key_of("2024-05")])
    stage.sweep()
    stage.write(process if remembers else stage.process(), key_of("2024-05"))
    stage.store.pass_time(seconds=LEAVES_AFTER.total_seconds())
    stage.sweep()
    assert stage.months() == ["2024-05"]


def test_one_table_that_fails_keeps_no_other_from_being_put_right(stage: Stage) -> None:
    stage.store.put(key_of("2024-05"), b"x")
    stage.store.put(key_of("2024-05", LINES), b"x")

    def between(call: str) -> None:
        if call.startswith("register orders"):
            raise AwsError("EntityNotFoundException", "GetTable")

    stage.catalog.between = between
    assert stage.sweep() == PartitionReport(registered=1, failures=1)
    assert stage.failures == [(["db.orders_parquet_datalake: GetTable: EntityNotFoundException"], "sweep")]


def test_a_sweep_without_time_puts_nothing_right(stage: Stage) -> None:
    sweep = PartitionSweep(stage.store, stage.catalog, state=STATE, tables=(ORDERS,), failed=lambda table, reason: None)
    assert sweep.run(lambda: 10.0) == PartitionReport()
    assert stage.catalog.calls == []


class Moments:
    """Counts the calls to bucket and catalog, and has something happen right before or after one of them."""

    def __init__(self, stage: Stage, at: int, happens: object) -> None:
        self._left, self._happens, self._busy = at, happens, False
        self.came = False
        stage.store.fault = self.pass_by
        stage.catalog.between = self.pass_by

    def pass_by(self, call: str) -> None:
        if self._busy:
            return
        self._left -= 1
        if self._left == 0:
            self.came, self._busy = True, True
            self._happens()  # type: ignore[operator]
            self._busy = False


def moments() -> Iterator[int]:
    return itertools.count(1)


@pytest.mark.parametrize("remembers", [True, False], ids=["a warm process", "a new process"])
@pytest.mark.parametrize("again", [False, True], ids=["which stays", "which is replaced at once"])
def test_a_load_that_writes_a_month_at_any_moment_of_its_unregistering_leaves_it_registered(
    remembers: bool, again: bool
) -> None:
    for at in moments():
        stage = Stage()
        first = stage.process()
        stage.write(first, key_of("2024-05"))
        stage.store.delete([key_of("2024-05")])
        stage.sweep()
        stage.store.pass_time(seconds=LEAVES_AFTER.total_seconds())
        loader = first if remembers else stage.process()

        def load(stage: Stage = stage, loader: Partitions = loader) -> None:
            stage.write(loader, key_of("2024-05", name="new.parquet"))
            if again:
                stage.store.delete([key_of("2024-05", name="new.parquet")])
                stage.write(loader, key_of("2024-05", name="newer.parquet"))

        happening = Moments(stage, at, load)
        stage.sweep()
        if not happening.came:
            assert at > 10
            return
        stage.store.fault, stage.catalog.between = None, lambda call: None
        assert stage.written() == {"2024-05"}
        assert stage.months() == ["2024-05"], f"at moment {at}"
        # What others remember of it holds as well.
        stage.write(stage.process(), key_of("2024-05", name="last.parquet"))
        assert stage.months() == ["2024-05"]


def test_a_process_that_read_right_before_the_note_and_writes_right_after_the_removal_is_not_believed() -> None:
    stage = Stage()
    loader = stage.process()
    stage.write(loader, key_of("2024-05"))
    stage.store.delete([key_of("2024-05")])
    stage.sweep()
    stage.store.pass_time(seconds=LEAVES_AFTER.total_seconds())
    assert stage.sweep().unregistered == 1
    stage.write(loader, key_of("2024-05", name="new.parquet"))
    assert stage.months() == ["2024-05"]


def test_a_sweep_that_ends_at_any_moment_leaves_what_the_next_one_finishes() -> None:
    class Ends(BaseException):
        pass

    def end() -> None:
        raise Ends

    for at in moments():
        stage = Stage()
        stage.write(stage.process(), key_of("2024-05"), key_of("2024-06"))
        stage.store.delete([key_of("2024-05")])
        stage.sweep()
        stage.store.pass_time(seconds=LEAVES_AFTER.total_seconds())
        happening = Moments(stage, at, end)
        try:
            stage.sweep()
        except Ends:
            pass
        else:
            assert not happening.came
            assert at > 10
            return
        stage.store.fault, stage.catalog.between = None, lambda call: None
        stage.write(stage.process(), key_of("2024-06", name="b.parquet"))
        stage.sweep()
        assert stage.months() == ["2024-06"], f"at moment {at}"
        stage.write(stage.process(), key_of("2024-05"))
        assert stage.months() == ["2024-05", "2024-06"]


def test_two_sweeps_at_once_leave_a_written_month_registered() -> None:
    for at in moments():
        stage = Stage()
        stage.write(stage.process(), key_of("2024-05"))
        stage.store.delete([key_of("2024-05")])
        stage.sweep()
        stage.store.pass_time(seconds=LEAVES_AFTER.total_seconds())

        def other(stage: Stage = stage) -> None:
            stage.sweep()
            stage.write(stage.process(), key_of("2024-05", name="new.parquet"))

        happening = Moments(stage, at, other)
        stage.sweep()
        if not happening.came:
            return
        assert stage.months() == ["2024-05"], f"at moment {at}"
