"""`python -m chalicelib.flatten`, as people try it on their own file."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from tests.contracts import OF_ORDERS

PROJECT = Path(__file__).parents[2]
LINE = {"product_id": "p", "name": "Pen", "category": "Office", "price": 1.5, "quantity": 2}
CUSTOMER = {"customer_id": "c", "name": "Ann", "email": "a@x", "address": "Main St"}
ORDER = {"order_id": "0007", "order_date": "2024-07-05", "total_amount": 3, "customer": CUSTOMER, "products": [LINE]}
"""It fills every column, so that nothing may be said of any."""
BROKEN = '{"order_id": 8,  "note": "Zoë" }'


def flatten(*arguments: object, stdin: bytes = b"", **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "chalicelib.flatten", *map(str, arguments), *OF_ORDERS],
        cwd=PROJECT,
        input=stdin,
        capture_output=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def order_ids(folder: Path) -> list[str]:
    table = ds.dataset(folder, format="parquet", partitioning="hive").to_table()
    return sorted(table["order_id"].to_pylist())


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_good_file_gives_one_json_line_and_files_by_month(tmp_path: Path) -> None:
    source = tmp_path / "orders.json"
    source.write_text(json.dumps([ORDER, ORDER | {"order_id": 8, "order_date": "2024-08-01"}]))
    code, out, err = flatten(source, "-o", tmp_path / "out")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"orders_read": 2, "orders_loaded": 2, "orders_rejected": 0, "rows": 2, "files": 2} | {
        "tables": {"orders_parquet_datalake": 2}
    }
    assert out.count("\n") == 1
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == [
        "order_month=2024-07",
        "order_month=2024-08",
    ]
    assert order_ids(tmp_path / "out") == ["0007", "8"]


def test_standard_input_is_read_for_a_dash(tmp_path: Path) -> None:
    code, out, err = flatten("-", "-o", tmp_path / "out", stdin=gzip.compress(json.dumps(ORDER).encode()))
    assert (code, err) == (0, "")
    assert json.loads(out)["rows"] == 1


@pytest.mark.parametrize("name", ["rejects.ndjson", "deep/rejects.ndjson.gz"])
def test_rejected_records_go_where_they_are_asked_to_byte_for_byte(tmp_path: Path, name: str) -> None:
    code, out, _ = flatten(
        "-", "-o", tmp_path / "out", "--rejects", tmp_path / name, stdin=f"{json.dumps(ORDER)}\n{BROKEN}\n".encode()
    )
    assert code == 0
    assert json.loads(out)["orders_rejected"] == 1
    content = (tmp_path / name).read_bytes()
    line = json.loads(gzip.decompress(content) if name.endswith(".gz") else content)
    assert line == {
        "record_number": 2,
        "path": "order_date",
        "reason": "missing: a document needs its order_date",
        "raw": BROKEN,
    }


def test_without_rejects_it_says_how_to_keep_them(tmp_path: Path) -> None:
    code, _, err = flatten("-", "-o", tmp_path / "out", stdin=f"{json.dumps(ORDER)}\n{BROKEN}\n".encode())
    assert code == 0
    assert err.endswith("1 order rejected: --rejects FILE keeps them with the reasons\n")
    assert "  order 2, order_date: missing: a document needs its order_date\n" in err


@pytest.mark.thorough
def test_a_file_of_which_nothing_was_loaded_exits_1_with_the_reasons_and_changes_nothing(tmp_path: Path) -> None:
    source, out = tmp_path / "orders.ndjson", tmp_path / "out"
    source.write_text(json.dumps(ORDER))
    assert flatten(source, "-o", out)[0] == 0
    before = everything(out)
    source.write_text(f"{BROKEN}\n" * 5)
    code, printed, err = flatten(source, "-o", out)
    assert code == 1
    assert json.loads(printed)["orders_rejected"] == 5
    assert err.splitlines()[:2] == [
        f"{source}: none of its orders was loaded, and no file below {out} was changed",
        "  order 1, order_date: missing: a document needs its order_date",
    ]
    assert everything(out) == before


@pytest.mark.parametrize("body", [b"[]", b'{"orders": []}'])
def test_a_file_without_orders_is_a_good_one(tmp_path: Path, body: bytes) -> None:
    code, printed, err = flatten("-", "-o", tmp_path / "out", stdin=body)
    assert (code, err) == (0, "")
    assert json.loads(printed)["orders_read"] == 0


def test_keys_that_are_nearly_the_contracts_are_named(tmp_path: Path) -> None:
    lines = [
        *('{"OrderID":"K1","Order_Date":"2024-07-05"}', '{"order_id ":"K3"," order_date":"2024-07-05"}'),
        '{"order_id":"K2","order_date":"2024-07-05","note":1,"Products":[{"price":5}],"products":[{"Price":1}]}',
    ]
    code, printed, err = flatten("-", "-o", tmp_path / "out", stdin="\n".join(lines).encode())
    assert code == 0
    assert json.loads(printed)["rows"] == 1
    rule = "keys count as the contract writes them, case, spaces and underscores too"
    assert [line for line in err.splitlines() if line.startswith("the key")] == [
        f"the key {sent!r} is not read as {meant!r}: {rule}"
        for sent, meant in [
            *((" order_date", "order_date"), ("OrderID", "order_id"), ("Order_Date", "order_date")),
            *(("Products", "products"), ("order_id ", "order_id"), ("products[].Price", "products[].price")),
        ]
    ]


def test_a_file_of_another_shape_is_told_which_contract_read_it_and_how_to_get_one_of_its_own(tmp_path: Path) -> None:
    source = tmp_path / "their orders.json"
    source.write_text(json.dumps([{"id": 1, "meta_data": [{"key": "a"}]}]))
    code, _, err = flatten(source, "-o", tmp_path / "out")
    assert code == 1
    assert err.splitlines()[-1] == (
        "they were read by the contract orders (tests/contracts/orders): --contract NAME|FILE takes another, and "
        f"python -m chalicelib.propose '{source}' proposes one"
    )


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "holds nothing"),
        (b"hello", "not JSON"),
        (b'[{"order_id": 1}', "truncated"),
        (b"\xff\xfe[\x00", "UTF-16"),
        (gzip.compress(b"[]" * 99, mtime=0)[:-3], "truncated"),
        (b"PK\x03\x04", "zip archive"),
    ],
)
def test_a_file_that_cannot_be_read_exits_1_with_the_reason_and_writes_nothing(
    tmp_path: Path, body: bytes, message: str
) -> None:
    out = tmp_path / "out"
    flatten("-", "-o", out, stdin=json.dumps(ORDER).encode())
    before = everything(out)
    code, printed, err = flatten("-", "-o", out, "--rejects", tmp_path / "rejects", stdin=body)
    assert (code, printed) == (1, "")
    assert message in err
    assert "byte" in err
    assert "Traceback" not in err
    assert everything(out) == before
    assert not (tmp_path / "rejects").exists()


@pytest.mark.thorough
def test_a_missing_file_a_folder_and_an_output_that_is_a_file_exit_1(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "good.json").write_text(json.dumps(ORDER))
    for arguments in (
        (tmp_path / "nowhere.json", "-o", tmp_path / "out"),
        (tmp_path, "-o", tmp_path / "out"),
        (tmp_path / "good.json", "-o", tmp_path / "file"),
        (tmp_path / "good.json", "-o", tmp_path / "file" / "below"),
    ):
        code, printed, err = flatten(*arguments)
        assert (code, printed) == (1, ""), arguments
        assert err.strip()
        assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [(), ("-",), ("-o", "out"), ("-", "-o", "out", "--nonsense")])
def test_wrong_usage_exits_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    code, out, err = flatten(*arguments)
    assert (code, out) == (2, "")
    assert "usage:" in err


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    code, _, err = flatten("-", "-o", tmp_path / "out", stdin=b"[]", ETL_MAX_RECORD_BYTES="lots")
    assert code == 1
    assert "ETL_MAX_RECORD_BYTES" in err
    assert "whole number" in err


@pytest.mark.thorough
def test_the_same_file_twice_gives_the_same_files(tmp_path: Path) -> None:
    source = tmp_path / "orders.json"
    source.write_text(json.dumps([ORDER]))
    contents = []
    for _ in range(2):
        assert flatten(source, "-o", tmp_path / "out")[0] == 0
        contents.append({path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*.parquet")})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("again", [ORDER | {"order_id": 9}, ORDER | {"order_id": 9, "order_date": "2024-09-01"}])
def test_a_file_that_has_changed_replaces_what_was_made_of_it(tmp_path: Path, again: dict[str, object]) -> None:
    source, out = tmp_path / "orders.json", tmp_path / "out"
    for number, order in enumerate((ORDER, again)):
        source.write_text(json.dumps([order]))
        os.utime(source, (1_700_000_000 + number, 1_700_000_000 + number))
        assert flatten(source, "-o", out)[0] == 0
    assert order_ids(out) == ["9"]
    assert len(list(out.iterdir())) == 1


@pytest.mark.thorough
def test_standard_input_replaces_what_was_made_of_it(tmp_path: Path) -> None:
    for number in (1, 2):
        order = ORDER | {"order_id": number}
        assert flatten("-", "-o", tmp_path / "out", stdin=json.dumps(order).encode())[0] == 0
        time.sleep(1.1)
    assert order_ids(tmp_path / "out") == ["2"]


@pytest.mark.thorough
def test_files_of_one_name_in_two_folders_are_two_sources(tmp_path: Path) -> None:
    for day in ("monday", "tuesday", "monday/../monday"):
        source = tmp_path / day / "orders.json"
        source.parent.mkdir(exist_ok=True)
        source.write_text(json.dumps(ORDER | {"order_id": day[:6]}))
        assert flatten(source, "-o", tmp_path / "out")[0] == 0
    assert order_ids(tmp_path / "out") == ["monday", "tuesda"]


def test_an_unusual_name_is_read_and_said(tmp_path: Path) -> None:
    source = tmp_path / "orders.txt"
    source.write_text(json.dumps(ORDER))
    code, _, err = flatten(source, "-o", tmp_path / "out")
    assert code == 0
    assert "rejected for its name" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_a_summary_that_cannot_be_written_is_told_and_the_files_are_there(tmp_path: Path) -> None:
    (tmp_path / "in.ndjson").write_text(json.dumps(ORDER))
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "chalicelib.flatten", tmp_path / "in.ndjson", "-o", tmp_path / "out", *OF_ORDERS],
            cwd=PROJECT,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    assert done.returncode != 0
    assert b"this summary of them was not: No space left on device" in done.stderr
    assert order_ids(tmp_path / "out") == ["0007"]
