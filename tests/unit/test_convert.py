"""A source from its bytes to files: all of it accounted for, or nothing of it handed out."""

from __future__ import annotations

import io
import json
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chalicelib.counts import Counts
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.errors import CountMismatch, UnreadableFile
from chalicelib.flatten import notebook
from chalicelib.flatten.flattener import Flattener, Lineage, records_of
from chalicelib.flatten.table_rows import PART_BYTES
from chalicelib.writing import convert as convert_module
from chalicelib.writing.convert import Limits, convert
from tests.builders import folder_writer
from tests.contracts import ORDERS as CONTRACT

MODIFIED = datetime(2024, 7, 5, 9, 8, 7, 654321, tzinfo=UTC)
flatten_orders = partial(notebook.flatten_orders, contract=CONTRACT)
LINEAGE = Lineage("orders.json", "v1", MODIFIED)
LIMITS = Limits(1 << 20, 1 << 30, 1 << 30)
ORDERS: list[dict[str, Any]] = [
    {
        "order_id": "0012",
        "order_date": "2024-06-30T23:30:00-01:00",
        "total_amount": "30.50",
        "customer": {"customer_id": 7, "name": "Zoë", "email": "z@x", "address": {"city": "Lyon"}},
        "products": [
            {"product_id": "p", "name": "Pen", "category": "Office", "price": 0.1, "quantity": 3},
            {"product_id": 8, "price": 2},
        ],
        "channel": "web",
    },
    {"order_id": 2, "order_date": "2024-06-01"},
]


def converted(
    data: bytes, directory: Path, limits: Limits = LIMITS
) -> tuple[Counts, list[str], list[RejectedRecord], list[dict[str, Any]]]:
    """Return the counts, the files by their keys, what was rejected, and all rows in the order of the files."""
    rejected: list[RejectedRecord] = []
    writer = folder_writer(directory, LINEAGE)
    counts, _, _ = convert(io.BytesIO(data), LINEAGE, limits, writer=writer, reject=rejected.append, contract=CONTRACT)
    writer.publish()
    rows = [row for file in writer.files for row in pq.ParquetFile(directory / file).read().to_pylist()]
    return counts, list(writer.files), rejected, rows


def test_rows_have_every_value_where_the_contract_says(tmp_path: Path) -> None:
    counts, files, rejected, rows = converted(json.dumps(ORDERS).encode(), tmp_path)
    assert counts == Counts(2, 2, 0, 3)
    assert rejected == []
    assert [file.split("/")[0] for file in files] == ["order_month=2024-06", "order_month=2024-07"]
    source = {
        "source_key": "orders.json",
        "source_version": "v1",
        "source_modified_at": datetime(2024, 7, 5, 9, 8, 7, 654000),
    }
    first = source | {
        "order_id": "0012",
        "order_date": datetime(2024, 7, 1, 0, 30),
        "total_amount": Decimal("30.5000"),
        "customer_id": "7",
        "customer_name": "Zoë",
        "customer_email": "z@x",
        "customer_address": '{"city":"Lyon"}',
        "extra_fields": '{"channel":"web"}',
        "record_number": 1,
    }
    no_line = dict.fromkeys(
        ("line_number", "product_id", "product_name", "product_category", "price", "quantity", "line_amount")
    )
    pen = {
        "line_number": 1,
        "product_id": "p",
        "product_name": "Pen",
        "product_category": "Office",
        "price": Decimal("0.1000"),
        "quantity": 3,
        "line_amount": Decimal("0.3000"),
    }
    other = no_line | {"line_number": 2, "product_id": "8", "price": Decimal("2.0000")}
    nothing = dict.fromkeys(("total_amount", "customer_id", "customer_name", "customer_email", "customer_address"))
    second = source | nothing | no_line
    second |= {"order_id": "2", "order_date": datetime(2024, 6, 1), "extra_fields": None, "record_number": 2}
    assert rows == [second, first | pen, first | other]


def test_every_order_is_loaded_or_rejected_and_refusals_come_in_their_order(tmp_path: Path) -> None:
    lines = [json.dumps(ORDERS[1]), "oops", "null", json.dumps(ORDERS[0]), '{"order_id":3}', json.dumps(ORDERS[1])]
    counts, _, rejected, rows = converted("\n".join(lines).encode(), tmp_path)
    assert (counts.orders_read, counts.orders_loaded, counts.orders_rejected, counts.rows) == (6, 3, 3, 4)
    assert [(each.record_number, each.raw) for each in rejected] == [
        (number, lines[number - 1].encode()) for number in (2, 3, 5)
    ]
    assert sorted({row["record_number"] for row in rows}) == [1, 4, 6]


def test_a_rejected_line_of_json_can_be_read_back_byte_for_byte() -> None:
    for raw in ('{"a":"é😀\u2028\\u00e9"}'.encode(), b'{"a":"\x7f\t', b"", b'\\"'):
        line = b"".join(RejectedRecord(3, "a.b", 'why "x"', raw).json_line())
        assert line.endswith(b"}\n")
        assert line.count(b"\n") == 1
        record = json.loads(line)
        assert record | {"raw": record["raw"].encode()} == {
            "record_number": 3,
            "path": "a.b",
            "reason": 'why "x"',
            "raw": raw,
        }


@pytest.mark.parametrize("tail", [b"", b",", b"}", b",{"], ids=["cut", "comma", "bracket", "open"])
def test_a_source_that_fails_near_its_end_hands_out_no_file(tmp_path: Path, tail: bytes) -> None:
    data = json.dumps([ORDERS[1]] * 5000).encode()[:-1] + tail
    writer = folder_writer(tmp_path, LINEAGE)
    with pytest.raises(UnreadableFile):
        convert(io.BytesIO(data), LINEAGE, LIMITS, writer=writer, reject=lambda _: None, contract=CONTRACT)
    assert writer.files == ()


def test_a_stream_that_breaks_raises_as_it_is(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            if not data:
                raise ConnectionError("reset")
            return data

    with pytest.raises(ConnectionError, match="reset"):
        convert(
            Broken(json.dumps(ORDERS).encode()[:-1]),
            LINEAGE,
            LIMITS,
            writer=folder_writer(tmp_path, LINEAGE),
            reject=lambda _: None,
            contract=CONTRACT,
        )


@pytest.mark.parametrize("what", ["loses", "makes up"])
def test_orders_that_are_lost_or_made_up_stop_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    flatten = Flattener.flatten

    def faulty(self: Flattener, batch: Any) -> Any:
        for part in flatten(self, batch):
            yield part
            if what == "makes up":
                yield part
        if what == "loses":
            batch.numbers.append(len(batch.numbers) + 1)
            batch.raws.append(b"{}")

    monkeypatch.setattr(Flattener, "flatten", faulty if what == "makes up" else _dropping(flatten))
    with pytest.raises(CountMismatch, match="nothing was published"):
        converted(json.dumps(ORDERS).encode(), tmp_path)


def _dropping(flatten: Any) -> Any:
    def dropping(self: Flattener, batch: Any) -> Any:
        batch.numbers.pop()
        batch.raws.pop()
        yield from flatten(self, batch)

    return dropping


def test_counts_are_checked() -> None:
    Counts(3, 2, 1).check()
    for wrong in (Counts(3, 2, 0), Counts(3, 3, 1), Counts(0, 1, 0)):
        with pytest.raises(CountMismatch):
            wrong.check()


def test_the_latest_date_is_bound_to_the_file_and_not_to_the_clock() -> None:
    assert Lineage("k", "v", datetime(2024, 2, 29, tzinfo=UTC)).latest_document_ms == ms(
        datetime(2025, 2, 28, tzinfo=UTC)
    )
    assert Lineage("k", "v", datetime(2023, 12, 31, 5, tzinfo=UTC)).latest_document_ms == ms(
        datetime(2024, 12, 31, 5, tzinfo=UTC)
    )
    later = Lineage("k", "v", MODIFIED, latest_document_after=MODIFIED + timedelta(days=31))
    assert later.latest_document_ms == ms(datetime(2025, 8, 5, 9, 8, 7, 654000, tzinfo=UTC))


def ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)


def test_a_batch_that_would_fill_the_memory_is_flattened_in_parts_that_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.flatten import flattener

    monkeypatch.setattr(flattener, "PART_BYTES", 3000)
    whole = [*ORDERS * 3, {"order_id": 9}, None, {**ORDERS[1], "x": 1}] * 7
    data = b"\n".join([*(json.dumps(each).encode() for each in whole), b"oops"])
    counts, _, rejected, rows = converted(data, tmp_path)
    assert (counts.orders_read, counts.orders_loaded) == (len(whole) + 1, 7 * 7)
    numbers = [i + 1 for i, each in enumerate(whole) if each in ({"order_id": 9}, None)]
    assert [each.record_number for each in rejected] == [*numbers, len(whole) + 1]
    assert sorted({row["record_number"] for row in rows}) == sorted(set(range(1, len(whole) + 1)) - set(numbers))


@pytest.mark.thorough
@pytest.mark.parametrize("field", ["note", "order_id"], ids=["the strict way", "the fast way"])
def test_no_part_of_a_batch_holds_many_rows_that_repeat_long_texts(field: str) -> None:
    order = ORDERS[1] | {field: "x" * 10_000, "products": [{}] * 500}
    batches = records_of(io.BytesIO(json.dumps([order] * 20).encode()), 1 << 20, 1 << 30, CONTRACT)
    sizes = [part.tables[0].rows.nbytes for batch in batches for part in Flattener(LINEAGE, CONTRACT).flatten(batch)]
    assert sum(sizes) > 20 * 500 * 10_000
    assert max(sizes) < 2 * PART_BYTES


def test_a_notebook_gets_the_same_rows_as_a_frame() -> None:
    frame = flatten_orders(ORDERS)
    assert frame["order_id"].tolist() == ["0012", "0012", "2"]
    assert frame["line_amount"].tolist()[0] == Decimal("0.3000")
    assert frame.attrs["rejected"] == []
    text = json.dumps([*ORDERS, {"order_id": 1}])
    for same in (text, text.encode()):
        again = flatten_orders(same)
        assert again["order_id"].tolist() == ["0012", "0012", "2"]
        assert [each["path"] for each in again.attrs["rejected"]] == ["order_date"]
    assert len(flatten_orders(ORDERS[0])) == 2
    assert len(flatten_orders([])) == 0
    assert flatten_orders({"orders": ORDERS})["order_id"].tolist() == ["0012", "0012", "2"]


@pytest.mark.parametrize("orders", [pd.DataFrame(ORDERS), pd.DataFrame(), pa.table({"order_id": ["1"]})])
def test_a_frame_of_orders_is_rejected_with_what_to_pass(orders: Any) -> None:
    with pytest.raises(TypeError, match=r"gives its columns and not its rows: pass the rows, such as frame\.to_json"):
        flatten_orders(orders)


def test_what_is_to_be_passed_of_a_frame_gives_its_orders() -> None:
    frame = pd.DataFrame(ORDERS)
    assert frame.isna().any(axis=None)
    frame["order_date"] = pd.to_datetime(frame["order_date"], format="ISO8601", utc=True)
    again = flatten_orders(frame.to_json(orient="records", date_format="iso"))
    others = ["extra_fields", "source_modified_at"]  # a field that an order lacks is null in the frame
    pd.testing.assert_frame_equal(again.drop(columns=others), flatten_orders(ORDERS).drop(columns=others))


def test_integers_of_a_frame_keep_their_digits_beside_nulls() -> None:
    most = 2**63 - 1
    frame = flatten_orders({**ORDERS[1], "products": [{"quantity": most}, {}]})
    assert frame["quantity"].tolist() == [most, pd.NA]


@pytest.mark.parametrize(
    ("value", "amount"),
    [(np.float64(1.5), "1.5000"), (np.int64(3), "3.0000"), (Decimal("0.10"), "0.1000"), (0.1 + 0.2, "0.3000")],
)
def test_a_notebooks_numbers_are_taken_as_they_are(value: object, amount: str) -> None:
    frame = flatten_orders([{**ORDERS[1], "total_amount": value, "order_date": pd.Timestamp("2024-07-05", tz="UTC")}])
    assert frame["total_amount"].tolist() == [Decimal(amount)]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("total_amount", math.nan, "expected a number, found NaN"),
        ("total_amount", np.float64("-inf"), "expected a number, found -Infinity"),
        ("order_id", "\ud800", "the text holds half of a surrogate pair"),
    ],
)
def test_what_json_has_no_form_for_is_rejected_in_a_notebook_too(field: str, value: object, reason: str) -> None:
    frame = flatten_orders([{**ORDERS[1], field: value}, ORDERS[1]])
    assert len(frame) == 1
    (rejected,) = frame.attrs["rejected"]
    assert (rejected["path"], rejected["record_number"]) == (field, 1)
    assert reason in rejected["reason"]


GOOD = b'{"order_id":1,"order_date":"2024-07-01"}'


def judged(data: bytes, directory: Path, percent: int = 80, judged_from: int = 50) -> Counts:
    limits = Limits(1 << 20, 1 << 30, 1 << 30, max_rejected_percent=percent, judged_from_orders=judged_from)
    return converted(data, directory, limits)[0]


def test_a_file_of_which_too_much_is_rejected_is_quarantined_whole_and_the_reason_says_all(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile) as rejected:
        judged(b"\n".join([GOOD] * 9 + [b'{"order_id":2}'] + [b"{}"] * 40), tmp_path)
    assert str(rejected.value) == (
        "41 of the first 50 orders were rejected, more than 80 percent (ETL_MAX_REJECTED_PERCENT, which counts from 50 "
        "orders on, ETL_REJECTED_PERCENT_FROM_ORDERS); the first is record 10 at order_date: missing: a document needs "
        "its order_date"
    )


def test_up_to_the_share_and_below_the_floor_orders_are_rejected_one_by_one(tmp_path: Path) -> None:
    assert judged(b"\n".join([GOOD] * 10 + [b"{}"] * 40), tmp_path / "share").orders_rejected == 40
    assert judged(b"\n".join([b"{}"] * 49), tmp_path / "floor").orders_rejected == 49
    assert judged(b"\n".join([b"x", *[GOOD] * 60]), tmp_path / "good").orders_rejected == 1
    assert judged(b"\n".join([b"{}"] * 60), tmp_path / "off", percent=100).orders_rejected == 60


def test_a_file_that_holds_nothing_but_what_is_rejected_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = io.BytesIO(b"[" + b"{}," * 1_000_000 + b"{}]")
    with pytest.raises(UnreadableFile, match=r"of the first 40000 orders were rejected, more than 80 percent"):
        convert(
            file,
            LINEAGE,
            LIMITS,
            writer=folder_writer(tmp_path, LINEAGE),
            reject=lambda _: None,
            contract=CONTRACT,
        )
    assert file.tell() < 2_200_000


def test_an_order_of_more_values_than_may_be_parsed_is_rejected_alone(tmp_path: Path) -> None:
    """Each of them takes a hundred bytes and more once it is parsed."""
    limits = Limits(8 << 20, 1 << 30, 1 << 30)
    many = GOOD[:-1] + b',"products":[' + b"1," * 1_000_000 + b"1]}"
    texts = GOOD[:-1] + b',"x":"' + b'a,{[\\"' * 500_000 + b'"}'
    counts, _, rejected, _ = converted(b"\n".join([GOOD, many, texts]), tmp_path, limits)
    assert (counts.orders_loaded, counts.orders_rejected) == (2, 1)
    assert rejected[0].reason == "the order holds more than 400000 values: split it"


def test_a_line_that_is_not_utf8_reaches_a_notebook(tmp_path: Path) -> None:
    frame = flatten_orders(GOOD + b'\n{"order_id":"M\xfcller"}\n' + GOOD)
    assert len(frame) == 2
    assert frame.attrs["rejected"][0]["raw"] == '{"order_id":"M\ufffdller"}'


@pytest.mark.thorough
def test_rows_that_take_far_more_than_their_source_quarantine_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert_module, "FREE_ROWS_BYTES", 1_000_000)
    wide = GOOD[:-1] + b',"x":"%s","products":[%s{}]}' % (b"a" * 3000, b"{}," * 999)
    with pytest.raises(UnreadableFile, match=r"the rows take more than 100 times the \d+ bytes that they are made of"):
        converted(b"\n".join([wide] * 3), tmp_path / "wide")
    usual = GOOD[:-1] + b',"x":"%s","products":[%s{}]}' % (b"a" * 300, b"{}," * 19)
    assert converted(b"\n".join([usual] * 3000), tmp_path / "usual")[0].orders_loaded == 3000
