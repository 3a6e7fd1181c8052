"""The document that the smoke test drops: of any contract's sample, under an identity of its own."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.values import DateFormat, Dates, Strptime
from chalicelib.flatten.date_values import timestamp_ms
from chalicelib.queries import saved
from chalicelib.settings import Settings
from glue_setup.errors import SetupError
from release.asking import query_of
from release.smoke_document import SmokeDocument, date_text, smoke_document
from tests.contracts import NAMES, ORDERS, contract, contract_with, datasets_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def made(of: Contract) -> SmokeDocument:
    (dataset,) = datasets_of(Settings(bucket="any"), of)
    return smoke_document(dataset, "smoke.json", 123456, NOW)


def of_sample(folder: Path, of: Contract, sample: Any) -> SmokeDocument:
    (folder / "sample.json").write_text(json.dumps(sample), "utf-8")
    return made(replace(of, folder=folder))


def test_it_is_the_first_of_the_sample_with_another_identity_and_date() -> None:
    document = made(ORDERS)
    sent = json.loads(document.body)
    assert [len(sent), sent[0]["order_id"], sent[0]["order_date"]] == [1, "smoke-123456", "2000-01-02T12:00:00Z"]
    assert document.identity == {"order_id": "smoke-123456"}
    first, second = document.rows["orders_parquet_datalake"]
    assert first["order_id"] == second["order_id"] == "smoke-123456"
    assert [first["line_number"], first["line_amount"], first["order_month"]] == [1, "8.5000", "2000-01"]
    assert [first["order_date"], first["source_key"]] == ["2000-01-02T12:00:00.000Z", "smoke.json"]
    assert not {"source_version", "source_modified_at"} & set(first)


@pytest.mark.parametrize("name", NAMES)
def test_each_contract_has_one_whose_rows_carry_the_identity(name: str) -> None:
    of = contract(name)
    document = made(of)
    for table in of.tables:
        rows = document.rows[table.name]
        assert rows
        assert all(row[column] == value for row in rows for column, value in document.identity.items())


def test_digits_that_were_sent_are_kept() -> None:
    assert b'"price":"46.00"' in made(ORDERS).body


def test_an_identity_of_several_columns_is_set_where_each_is_read(tmp_path: Path) -> None:
    of = contract_with(
        'tenant = { outer = "tenant", type = "text" }\n'
        'number = { path = ["no.old", "no.new"], type = "integer", required = true }\n'
        'at = { path = "at", type = "timestamp", format = "epoch_seconds", required = true }\n',
        document='identity = ["tenant", "number"]\ndate = "at"\nat = "message"\n',
    )
    inner = json.dumps({"no": {"new": 7}, "at": 1700000000})
    document = of_sample(tmp_path, of, [{"tenant": "acme", "message": inner}])
    assert document.identity == {"tenant": "smoke-123456", "number": 123456}
    (record,) = json.loads(document.body)
    assert record["tenant"] == "smoke-123456"
    assert json.loads(record["message"]) == {"no": {"new": 123456}, "at": 946814400}


def test_documents_without_an_identity_of_their_own_are_dropped_as_they_are(tmp_path: Path) -> None:
    of = contract_with(
        'name = { path = "name", type = "text" }\n', document='identity = ["source_key", "record_number"]\n'
    )
    of = replace(of, date="source_modified_at") if of.date != "source_modified_at" else of
    document = of_sample(tmp_path, of, [{"name": "a", "at": "2024-01-01"}])
    assert document.identity == {}
    (row,) = document.rows["lines"]
    assert (row["name"], row["source_key"], row["record_number"]) == ("a", "smoke.json", 1)


def test_one_whose_date_cannot_be_written_keeps_its_own(tmp_path: Path) -> None:
    of = contract_with(
        'at = { path = "at", type = "timestamp", format = "%I o\'clock on %d.%m.%Y", required = true }\n',
        document='date = "at"\nearliest = 2024-01-01\n',
    )
    of = replace(of, earliest=date(2024, 5, 30))
    assert b"smoke" in of_sample(tmp_path, of, [{"id": 1, "at": "01 o'clock on 31.05.2024"}]).body


def test_a_sample_without_a_document_that_loads_is_told_with_the_remedy(tmp_path: Path) -> None:
    for sample, reason in ([], "there is none"), ([{"id": 1, "at": 5}], "the first is rejected: at: "):
        of = contract_with('size = { path = "size", type = "integer", required = true }\n')
        with pytest.raises(SetupError, match=f"has no document to drop, {reason if not sample else ''}") as raised:
            of_sample(tmp_path, of, sample)
        assert "run python -m local check-contracts test" in str(raised.value)
    with pytest.raises(SetupError, match=r"sample\.json cannot be read: .*No such file"):
        made(replace(ORDERS, folder=tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "form", [*Dates, Strptime("%d.%m.%Y %H:%M:%S"), Strptime("%m/%d/%Y")], ids=lambda form: str(form)
)
def test_a_date_is_written_as_the_column_reads_it(form: DateFormat) -> None:
    read = datetime.fromtimestamp(timestamp_ms(date_text(date(2001, 2, 3), form), (form,)) / 1000, UTC)
    assert read.date() == date(2001, 2, 3)


def test_a_query_that_asks_by_the_identity_is_chosen_and_no_other() -> None:
    datasets = datasets_of(Settings(bucket="any"))
    queries = saved.load(datasets)
    assert query_of(ORDERS, queries.values()) is queries["order_lines_of"]
    assert query_of(ORDERS, [queries["preview"], queries["orders_between"]]) is None
    assert query_of(contract("odoo"), queries.values()) is None
