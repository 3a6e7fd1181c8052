"""Rows go to whatever sink a load is given; documents, flattening and the ledger know nothing of its files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from chalicelib.file_names import FileNames, in_generation
from chalicelib.loading.ingest import Clock, Ingest
from tests.builders import DATASET, KEY, LIMITS, body, entry, order
from tests.unit.memory_store import BEGINNING, MemoryStore

TABLE = DATASET.contract.main.name


class Commits:
    """A sink that is no folder of files: a table of rows by commit, as a table format with a log of commits has it."""

    def __init__(self) -> None:
        self.commits: dict[str, list[tuple[str, str]]] = {}
        self.aborted = 0

    def writer(self, directory: Path, names: FileNames, generation: int = 0) -> Commit:
        return Commit(self, in_generation(names.of(1), generation))

    def supersede(self, files: Iterable[str]) -> None:
        for file in files:
            self.commits.pop(file, None)


class Commit:
    def __init__(self, sink: Commits, name: str) -> None:
        self._sink, self._name = sink, name
        self._rows: list[tuple[str, str]] = []

    @property
    def files(self) -> tuple[str, ...]:
        return (self._name,) if self._rows else ()

    def write(self, table: str, rows: pa.Table, months: npt.NDArray[np.int64]) -> None:
        assert len(months) == rows.num_rows
        self._rows += [(table, order_id) for order_id in rows.column("order_id").to_pylist()]

    def close(self) -> None: ...

    def publish(self) -> None:
        self._sink.commits[self._name] = self._rows

    def abort(self) -> None:
        self._sink.aborted += 1


def test_another_sink_gets_each_objects_rows_once_whatever_is_announced() -> None:
    store, sink = MemoryStore(), Commits()
    loader = Ingest(store, DATASET, LIMITS, sink=sink, clock=Clock(lambda: BEGINNING, lambda: 0.0))

    def rows() -> list[Any]:
        return sorted(row for commit in sink.commits.values() for row in commit)

    first = store.drop(KEY, body(order(1), order(2)))
    assert [loader.load(first)[0] for _ in range(2)] == ["loaded", "duplicate"]
    assert rows() == [(TABLE, "1"), (TABLE, "2")]
    assert loader.load(store.drop(KEY, body(order(3), "no order")))[0] == "partly_loaded"
    assert rows() == [(TABLE, "3")]
    assert entry(store).files == tuple(sink.commits)
    assert not [key for key in store.objects if key.startswith(f"{TABLE}/")]


def test_a_sink_has_to_drop_what_it_kept_of_a_file_that_ends_in_the_middle() -> None:
    store, sink = MemoryStore(), Commits()
    loader = Ingest(store, DATASET, LIMITS, sink=sink, clock=Clock(lambda: BEGINNING, lambda: 0.0))
    assert loader.load(store.drop(KEY, body(order(1))[:-1]))[0] == "quarantined"
    assert (sink.commits, sink.aborted > 0) == ({}, True)


def test_a_sink_that_cannot_publish_ends_the_load_and_the_next_delivery_heals_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, sink = MemoryStore(), Commits()
    loader = Ingest(store, DATASET, LIMITS, sink=sink, clock=Clock(lambda: BEGINNING, lambda: 0.0))
    arrival = store.drop(KEY, body(order(1)))
    with monkeypatch.context() as broken:
        broken.setattr(Commit, "publish", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            loader.load(arrival)
    assert (entry(store).state, entry(store).reason) == ("failed", "ZeroDivisionError")
    assert loader.load(arrival)[0] == "loaded"
    assert sink.commits == {entry(store).files[0]: [(TABLE, "1")]}
