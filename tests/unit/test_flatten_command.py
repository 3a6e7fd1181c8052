"""`python -m chalicelib.flatten`, as people try it on their own file."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.dataset as ds
import pytest

PROJECT = Path(__file__).parents[2]
ORDER = {"order_id": "0007", "order_date": "2024-07-05", "products": [{"price": 1.5, "quantity": 2}]}
BROKEN = '{"order_id": 8,  "note": "Zoë" }'


def flatten(*arguments: object, stdin: bytes = b"", **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "chalicelib.flatten", *map(str, arguments)],
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
    assert json.loads(out) == {"orders_read": 2, "orders_loaded": 2, "orders_rejected": 0, "rows": 2, "files": 2}
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
def test_refused_records_go_where_they_are_asked_to_byte_for_byte(tmp_path: Path, name: str) -> None:
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
        "reason": "missing: an order needs its order_date",
        "raw": BROKEN,
    }


def test_without_rejects_it_says_how_to_keep_them(tmp_path: Path) -> None:
    code, _, err = flatten("-", "-o", tmp_path / "out", stdin=BROKEN.encode())
    assert code == 0
    assert "1 order refused: --rejects" in err


@pytest.mark.parametrize(
    ("body", "told"),
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
    tmp_path: Path, body: bytes, told: str
) -> None:
    out = tmp_path / "out"
    flatten("-", "-o", out, stdin=json.dumps(ORDER).encode())
    before = everything(out)
    code, printed, err = flatten("-", "-o", out, "--rejects", tmp_path / "rejects", stdin=body)
    assert (code, printed) == (1, "")
    assert told in err
    assert "byte" in err
    assert "Traceback" not in err
    assert everything(out) == before
    assert not (tmp_path / "rejects").exists()


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


def test_the_same_file_twice_gives_the_same_files(tmp_path: Path) -> None:
    source = tmp_path / "orders.json"
    source.write_text(json.dumps([ORDER]))
    contents = []
    for _ in range(2):
        assert flatten(source, "-o", tmp_path / "out")[0] == 0
        contents.append({path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*.parquet")})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 1


def test_an_unusual_name_is_read_and_said(tmp_path: Path) -> None:
    source = tmp_path / "orders.txt"
    source.write_text(json.dumps(ORDER))
    code, _, err = flatten(source, "-o", tmp_path / "out")
    assert code == 0
    assert "refused for its name" in err
