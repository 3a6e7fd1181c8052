"""What a load says of the things that no column takes, beside the documents and around them: names, and no values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.reading import read_text
from chalicelib.documents.records import Batch
from chalicelib.flatten import document_reader
from chalicelib.flatten.command import main
from chalicelib.flatten.flattener import Flattener, Lineage
from tests.builders import KEY, entry, ingest, order
from tests.unit.memory_store import MemoryStore

AROUND = """
description = "Documents in records."
[document]
at = "message.node"
identity = "id"
date = "day"
[tables.nodes]
[tables.nodes.columns]
id = { path = "id", type = "identifier" }
day = { path = "day", type = "timestamp" }
source = { outer = "meta.source", type = "text" }
meta_tags = { outer = "meta.tags", type = "json" }
"""


def around(at: str = "message.node") -> Contract:
    return read_text(AROUND.replace("message.node", at), "nodes")


def record(**members: Any) -> dict[str, Any]:
    document = {"id": 1, "day": "2024-07-05", "note": "n"}
    meta = {"source": "shop", "tags": {"a": 1}, "trace": {"secret": "s3cret"}, "empty": None}
    return {"message": {"node": document, "kind": "k"}, "meta": meta, "cursor": "c", "none": None, **members}


@pytest.mark.parametrize("fast", [True, False])
def test_what_lies_around_a_document_and_no_column_takes_is_named_by_both_ways(fast: bool) -> None:
    flattener = Flattener(Lineage("k", "v", datetime(2024, 8, 1, tzinfo=UTC)), around(), fast=fast)
    raws = [json.dumps(each).encode() for each in (record(), record(), record(**{"a key": 1}))]
    (made,) = flattener.flatten(Batch([1, 2, 3], raws, set(), []))
    assert set(flattener.observations.around) == {
        "message.kind",
        "meta.trace",
        "meta.empty",
        "cursor",
        "none",
        '["a key"]',
    }
    # What lies around is no unnamed field of the document, though a column reads beside it.
    assert made.tables[0].rows["extra_fields"].to_pylist() == ['{"note":"n"}'] * 3
    (hint,) = flattener.observations.hints(around())
    assert hint.startswith("no column takes what lies around the documents, outside of message.node: ")
    assert hint.endswith("; outer = ... reads it")
    assert "s3cret" not in hint


def test_what_lies_around_a_document_inside_a_text_is_named() -> None:
    flattener = Flattener(Lineage("k", "v", datetime(2024, 8, 1, tzinfo=UTC)), around())
    message = json.dumps({"node": {"id": 1, "day": "2024-07-05"}, "kind": "k"})
    list(flattener.flatten(Batch([1], [json.dumps({"message": message, "id": 7}).encode()], set(), [])))
    assert set(flattener.observations.around) == {"message.kind", "id"}


def test_names_around_the_documents_are_theirs_also_behind_one_of_too_many_elements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(document_reader, "MOST_BYTES", 200_000)
    made_for = read_text(
        AROUND
        + '[tables.parts]\nrows = "parts[]"\n[tables.parts.columns]\npart = { path = "parts[].n", type = "text" }',
        "nodes",
    )
    lists = [[{"n": "x"}] * count for count in (20_000, 1, 2, 3)]
    raws = [
        json.dumps({f"{'long ' * i}name": 1} | {"message": {"node": {"id": i, "day": "2024-07-05", "parts": parts}}})
        for i, parts in enumerate(lists, 1)
    ]
    seen = []
    for fast in (False, True):
        flattener = Flattener(Lineage("k", "v", datetime(2024, 8, 1, tzinfo=UTC)), made_for, fast=fast)
        parts = list(flattener.flatten(Batch([1, 2, 3, 4], [raw.encode() for raw in raws], set(), [])))
        assert sum(part.loaded for part in parts) == 4
        seen.append(set(flattener.observations.around))
    assert seen[0] == seen[1]
    assert len(seen[0]) == 4


def test_all_names_of_unnamed_fields_are_noted_however_many_come_at_once() -> None:
    flattener = Flattener(Lineage("k", "v", datetime(2024, 8, 1, tzinfo=UTC)), around())
    names = {f"field {i}": i for i in range(180)}
    document = {"message": {"node": {"id": 1, "day": "2024-07-05"} | names}}
    list(flattener.flatten(Batch([1], [json.dumps(document).encode()], set(), [])))
    assert len(flattener.observations.unnamed) == len(names)


def test_what_lies_around_an_element_of_a_list_is_no_name() -> None:
    flattener = Flattener(Lineage("k", "v", datetime(2024, 8, 1, tzinfo=UTC)), around("events[0].node"))
    event = {"kind": "k", "node": {"id": 1, "day": "2024-07-05"}}
    list(flattener.flatten(Batch([1], [json.dumps({"events": [event], "id": 7}).encode()], set(), [])))
    assert (flattener.observations.documents, set(flattener.observations.around)) == (1, {"id"})


def test_names_around_documents_are_bounded_in_number_and_length() -> None:
    flattener = Flattener(Lineage("k", "v", datetime(2024, 8, 1, tzinfo=UTC)), around())
    raws = [json.dumps(record(**{f"{i}{'x' * 500}": 1 for i in range(90)})).encode()]
    list(flattener.flatten(Batch([1], raws, set(), [])))
    (hint,) = flattener.observations.hints(around())
    assert len(flattener.observations.around) == 40
    assert len(hint) < 3000


ENVELOPE = {"has_more": False, "next": None, "total": 2, "customers": [{"email": "ann@shop.example"}]}
BESIDE = (
    "no column takes what lies beside the documents, around their array: "
    "has_more (boolean), total (number), customers (array)"
)


@pytest.mark.parametrize("orders", [[order(1)], []])
def test_what_lies_beside_the_documents_is_named_on_standard_error(
    orders: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.json").write_text(json.dumps({**ENVELOPE, "orders": orders}))
    assert main([str(tmp_path / "page.json"), "-o", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err.splitlines()[0] == BESIDE


def test_what_lies_beside_the_documents_is_in_the_ledger_and_the_log() -> None:
    logged: list[Any] = []
    store = MemoryStore()
    loader = ingest(store, on_hints=lambda arrival, hints: logged.extend(hints))
    loader.load(store.drop(KEY, json.dumps({**ENVELOPE, "orders": [order(1)]}).encode()))
    assert list(entry(store).hints) == logged
    assert logged[0] == BESIDE


@pytest.mark.parametrize("taken", ["", 'currency = { path = "currency", type = "text" }'])
def test_a_currency_that_no_column_takes_is_named_where_amounts_are_summed(taken: str) -> None:
    amount = 'total = { path = "total", type = "decimal" }'
    contract = read_text(f"{AROUND}{amount}\n{taken}\n".replace("tags", "tag"), "nodes")
    flattener = Flattener(Lineage("k", "v", datetime(2024, 8, 1, tzinfo=UTC)), contract)
    node = {"id": 1, "day": "2024-07-05", "total": 5, "currency": "EUR"}
    raws = [json.dumps({"message": {"node": node}, "meta": {"source": "s", "tag": 1}}).encode()]
    list(flattener.flatten(Batch([1], raws, set(), [])))
    sentence = (
        "no column takes currency: where it is not the same in all documents, the sum of an amount mixes currencies"
    )
    assert flattener.observations.hints(contract) == ([] if taken else [sentence])
