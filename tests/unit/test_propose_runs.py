"""Documents load completely by the contract that is proposed from them, both ways, with a third reading's cells."""

from __future__ import annotations

import gzip
import io
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.reading import read_text
from chalicelib.flatten.flattener import Flattener, Lineage
from chalicelib.flatten.flattener import records_of as read_records
from chalicelib.propose.__main__ import main
from chalicelib.propose.layout import Layout
from tests.unit import third_reading
from tests.unit.proposed_shapes import SHAPES
from tests.unit.proposing import PAYLOADS, Proposed, lines, proposed, uncommented
from tests.unit.test_propose_payloads import READABLE
from tests.unit.wild_shapes import WILD

LINEAGE = Lineage("sample", "v1", datetime(2026, 6, 1, tzinfo=UTC))


def records_of(content: bytes, path: tuple[str, ...]) -> list[str]:
    """Return the records of a file, by the standard library alone."""
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    text, decoder, values = content.decode("utf-8-sig").strip(), json.JSONDecoder(), []
    while text:
        value, end = decoder.raw_decode(text)
        values.append((value, text[:end]))
        text = text[end:].lstrip()
    if len(values) == 1 and isinstance(values[0][0], list):
        return [raw_of(each) for each in exact(content)]
    records = []
    for _, raw in values:
        value = exact(raw)
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        records += [raw_of(each) for each in value] if path and isinstance(value, list) else [raw]
    return records


class Digits(float):
    """A number that is written as it was sent."""

    def __new__(cls, text: str) -> Digits:
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str

    def __repr__(self) -> str:
        return self.text


def exact(content: bytes | str) -> Any:
    return json.loads(content, parse_float=Digits)


def raw_of(value: Any) -> str:
    """Write a value with the digits that its numbers were sent with."""
    if isinstance(value, Digits):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{raw_of(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(raw_of, value)) + "]"
    return json.dumps(value)


def assert_loads(text: str, made: Proposed, content: bytes) -> None:
    """Both ways load all of a file by the text of a contract, and every cell is as the third reading has it."""
    contract: Contract = read_text(text, made.proposal.name)
    records = records_of(content, made.layout.records)
    expected, rejected_there = third_reading.Reading(text, LINEAGE.modified_at).read(records)
    for fast in (True, False):
        flattener = Flattener(LINEAGE, contract, fast=fast)
        batches = list(read_records(io.BytesIO(content), 1 << 20, 1 << 30, contract))
        parts = [part for batch in batches for part in flattener.flatten(batch)]
        assert [(each.path, each.reason) for part in parts for each in part.rejected] == []
        assert sum(part.loaded for part in parts) == len(records)
        for i, (name, rows) in enumerate(expected.items()):
            made_rows = [row for part in parts for row in part.tables[i].rows.to_pylist()]
            assert len(made_rows) == len(rows), name
            cells = [third_reading.cells(row, like) for row, like in zip(made_rows, rows, strict=True)]
            assert cells == rows, (name, fast)
    assert rejected_there == []


def rejecting(made: Proposed) -> set[str]:
    """Return the first keys of the columns of which few values are said to be rejected."""
    p = made.proposal
    columns = [column for _, column in p.looked_at() if "rejected" in column.look]
    for role, names in (("identity", p.identity), ("date", [p.date])):
        if any(look.startswith(f"{role}: ") and "rejected" in look for look in p.looks):
            columns += [p.main.column(name) for name in names]
    rows = [str(p.main.scope.path)] if any(look.startswith("rows: ") and "rejected" in look for look in p.looks) else []
    paths = [*rows, *(str(column.declared["path"]) for column in columns)]
    return {path.split(".")[0].split("[")[0] for path in paths}


def assert_loads_but_for_what_is_said(made: Proposed, content: bytes) -> None:
    """Load all of a file; where few values are said to be rejected, only documents that have them are."""
    keys = rejecting(made)
    if not keys:
        assert_loads(made.text, made, content)
        return
    rejected = []
    for fast in (True, False):
        batches = list(read_records(io.BytesIO(content), 1 << 20, 1 << 30, made.contract))
        flattener = Flattener(LINEAGE, made.contract, fast=fast)
        parts = [part for batch in batches for part in flattener.flatten(batch)]
        rejected.append(sorted((each.record_number, each.path) for part in parts for each in part.rejected))
    assert rejected[0] == rejected[1]
    assert {path.split(".")[0].split("[")[0] for _, path in rejected[0]} <= keys


def content_of(name: str) -> bytes:
    return next(PAYLOADS.glob(f"{name}.json*")).read_bytes()


@pytest.mark.parametrize("name", READABLE)
def test_a_payload_loads_completely_by_its_proposed_contract(name: str) -> None:
    content = content_of(name)
    made = proposed(content)
    assert_loads(made.text, made, content)


@pytest.mark.parametrize("name", READABLE)
def test_a_payload_loads_completely_when_everything_that_is_commented_out_is_taken(name: str) -> None:
    content = content_of(name)
    made = proposed(content)
    assert_loads(uncommented(made.text), made, content)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_made_up_shape_loads_completely(name: str) -> None:
    content = SHAPES[name][0] if isinstance(SHAPES[name][0], bytes) else json.dumps(SHAPES[name][0]).encode()
    made = proposed(content)
    assert_loads(made.text, made, content)
    assert_loads(uncommented(made.text), made, content)


@pytest.mark.parametrize("name", sorted(WILD))
def test_a_shape_of_the_wild_loads_completely(name: str) -> None:
    content = WILD[name]
    made = proposed(content)
    assert made.proposal.limits == []
    assert_loads_but_for_what_is_said(made, content)
    if not rejecting(made):
        assert_loads(uncommented(made.text), made, content)


ODD: tuple[Any, ...] = (
    None,
    "",
    0,
    1,
    -5,
    2.5,
    "x",
    "12",
    "00123",
    "12.50",
    "1,5",
    "NaN",
    1e20,
    12345678901234567890,
    0.1 + 0.2,
    True,
)
ODD += (
    False,
    "2024-01-02",
    "2024-02-30",
    1704164645,
    "1704164645000",
    [],
    {},
    [1, "a"],
    "[1]",
    '{"a":1}',
    "EUR",
    "JPY",
)
ODD += ({"amount": 1, "currency": "USD"}, [{"id": 1, "amount": 2.5}], {"a": {"b": [{"c": None}]}})
UNWRAPPED = sorted(name for name in WILD if WILD[name][:1] in (b"[", b"{") and name not in ("sns", "cdc"))


def changed(value: Any, share: float, chance: random.Random, depth: int = 0) -> Any:
    """Return a value of which some members are left out, or have another value of any kind."""
    if isinstance(value, dict):
        there = [key for key in value if depth < 1 or chance.random() > share]
        is_odd = {key: depth > 0 and chance.random() < share for key in there}
        return {
            key: chance.choice(ODD) if is_odd[key] else changed(value[key], share, chance, depth + 1) for key in there
        }
    return [changed(each, share, chance, depth + 1) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(60))
def test_documents_of_which_anything_may_be_missing_or_of_another_kind_load_completely(seed: int) -> None:
    chance = random.Random(seed)
    made = proposed(WILD[chance.choice(UNWRAPPED)])
    documents = [document for _, document in made.documents]
    share = chance.choice([0.01, 0.05])
    several = [
        changed(json.loads(json.dumps(chance.choice(documents), default=float)), share, chance) for _ in range(19)
    ]
    content = json.dumps(several).encode()
    made = proposed(content)
    if not made.proposal.limits and made.layout == Layout():
        assert_loads_but_for_what_is_said(made, content)


# What the command says


def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> tuple[int, str]:
    source = tmp_path / "shop.json"
    source.write_bytes(content)
    status = main([str(source), "-o", str(tmp_path / "shop" / "contract.toml")])
    return status, capsys.readouterr().err


def order(number: int, **more: Any) -> dict[str, Any]:
    lines_of = [{"sku": "a", "quantity": 1, "price": 2.5}]
    return {"order_id": number, "order_date": "2024-01-02", "total": 2.5, "items": lines_of, **more}


def test_what_was_read_loaded_and_rejected_is_said_with_the_rows_of_each_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(tmp_path, capsys, lines(order(1), order(2, items=[]), order(3, refunds=[{"amount": 1.5}])))
    assert status == 0
    assert "3 read, 3 loaded, 0 rejected\n  shop_raw: 3 rows\n  shop_refunds_raw: 3 rows\n" in said


def test_why_documents_are_rejected_is_said_by_reason_with_what_to_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(tmp_path, capsys, lines(*map(order, range(9)), order(10, items=[None]), order(11, items=[None])))
    assert status == 1
    assert "11 read, 9 loaded, 2 rejected" in said
    assert "2 rejected, the first record 10 at items[0]: expected an object, found null" in said
    assert "change the column of that path" in said


def test_what_is_no_document_is_rejected_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(tmp_path, capsys, lines(order(1), 5, order(2)) + b"{broken\n")
    assert status == 1
    assert "4 read, 2 loaded, 2 rejected" in said


def test_an_object_around_the_documents_that_has_an_identity_too_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(tmp_path, capsys, json.dumps({"order_id": 7, "orders": [order(1), order(2)]}).encode())
    assert status == 1
    assert "1 read, 0 loaded, 1 rejected" in said
    assert "has a value for order_id itself counts as a document" in said


def test_a_long_file_is_run_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filler = "x" * 2000
    orders = [order(number, note=filler) for number in range(2500)]
    content = json.dumps({"orders": orders, "next": {"orders": None}}).encode()
    status, said = run(tmp_path, capsys, content)
    assert status == 0
    assert "2500 read, 2500 loaded, 0 rejected" in said


def test_what_can_be_read_but_once_is_run_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = io.TextIOWrapper(io.BytesIO(lines(order(1), order(2))))
    monkeypatch.setattr("sys.stdin", piped)
    assert main(["-", "--name", "shop", "-o", str(tmp_path / "contract.toml")]) == 0
    assert "2 read, 2 loaded" in capsys.readouterr().err


def test_nothing_is_written_but_the_contract_and_what_lies_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, capsys, lines(order(1)))
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path for path in written if not path.startswith("shop/queries/")} == {
        "shop.json",
        "shop/contract.toml",
        "shop/sample.json",
    }
