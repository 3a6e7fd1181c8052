"""Where `python -m chalicelib.flatten` writes, and what it leaves alone."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from chalicelib.flatten.command import main
from tests.contracts import lay

ORDER = {"order_id": 1, "order_date": "2024-07-05"}


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "orders.json"
    path.write_text(json.dumps([ORDER, {"order_id": 2}]))
    return path


def test_a_folder_that_was_made_for_nothing_is_taken_away(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("[{")
    for name in (broken, tmp_path / "missing.json", tmp_path):
        assert main([str(name), "-o", str(tmp_path / "out")]) == 1
        assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    assert main([str(broken), "-o", str(tmp_path / "out")]) == 1
    assert names_in(tmp_path / "out") == ["mine.txt"]


def test_rejects_that_cannot_be_written_leave_no_files_either(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    for rejects in (tmp_path / "folder", source / "below"):
        assert main([str(source), "-o", str(tmp_path / "out"), "--rejects", str(rejects)]) == 1
        assert not (tmp_path / "out").exists()
        assert capsys.readouterr().err.endswith((f"directory: {rejects}\n", f"File exists: {source}\n"))
    assert names_in(tmp_path / "folder") == []


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path, source: Path) -> None:
    before = Path("/dev/null").stat()
    assert main([str(source), "-o", str(tmp_path / "out"), "--rejects", "/dev/null"]) == 0
    after = Path("/dev/null").stat()
    assert stat.S_ISCHR(after.st_mode)
    assert after.st_mode == before.st_mode


def test_an_earlier_output_of_other_files_stays(tmp_path: Path, source: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps([ORDER]))
    for path in (source, other, source):
        assert main([str(path), "-o", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out" / "order_month=2024-07").iterdir())) == 2
    assert names_in(tmp_path / "out") == ["order_month=2024-07"]


def test_a_run_that_dies_between_its_new_files_and_the_old_ones_leaves_both_and_the_next_one_tidies(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def orders_in(out: Path) -> list[str]:
        return [order for path in out.rglob("*.parquet") for order in pq.read_table(path)["order_id"].to_pylist()]

    out = tmp_path / "out"
    assert main([str(source), "-o", str(out)]) == 0
    source.write_text(json.dumps([ORDER | {"order_id": 3}, ORDER | {"order_id": 4, "order_date": "2024-08-01"}]))
    with monkeypatch.context() as dying:
        dying.setattr(Path, "unlink", lambda path, **_: sys.exit("killed"))
        with pytest.raises(SystemExit, match="killed"):
            main([str(source), "-o", str(out)])
    assert sorted(orders_in(out)) == ["1", "3", "4"]
    assert main([str(source), "-o", str(out)]) == 0
    assert sorted(orders_in(out)) == ["3", "4"]


def test_a_contract_that_contradicts_itself_is_said_in_words(tmp_path: Path) -> None:
    project = Path(__file__).parents[2]
    shutil.copytree(project / "chalicelib", tmp_path / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    contract = lay(tmp_path / "chalicelib" / "contracts", "orders") / "orders" / "contract.toml"
    contract.write_text(contract.read_text("utf-8").replace("\nprice =", "\nPrice ="), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "chalicelib.flatten", "-", "-o", "out"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 3)
    assert "contract.toml has 2 faults:" in done.stderr
    assert "columns.Price: " in done.stderr
    assert "line_amount.product: " in done.stderr


def test_rejects_of_a_good_file_are_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps(ORDER))
    assert main([str(tmp_path / "good.json"), "-o", str(tmp_path / "out"), "--rejects", str(tmp_path / "r")]) == 0
    assert (tmp_path / "r").read_bytes() == b""


def test_a_contract_that_gets_or_loses_its_second_table_leaves_no_row_twice(tmp_path: Path, source: Path) -> None:
    one = '[document]\nidentity = "id"\ndate = "at"\n[tables.ones]\n[tables.ones.columns]\n'
    one += 'id = { path = "order_id", type = "identifier", required = true }\n'
    one += 'at = { path = "order_date", type = "date" }\n'
    more = '[tables.others]\nrows = "l[]"\n[tables.others.columns]\nk = { path = "l[].k", type = "text" }\n'
    source.write_text(json.dumps([ORDER]))
    (tmp_path / "one.toml").write_text(one)
    (tmp_path / "two.toml").write_text(one + more)
    out = tmp_path / "out"
    for contract, folder in (("one.toml", ""), ("two.toml", "ones"), ("one.toml", "")):
        assert main([str(source), "-o", str(out), "--contract", str(tmp_path / contract)]) == 0
        (file,) = {path.parent.parent for path in out.rglob("*.parquet") if "others" not in path.parts}
        assert file == (out / folder if folder else out)
