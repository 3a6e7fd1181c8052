"""Arrow leaves pandas out of a load, and still makes a DataFrame for who asks for one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts import OF_ORDERS

PROJECT = Path(__file__).parents[2]

LOADED = """
import sys
from chalicelib.flatten.__main__ import main
code = main(sys.argv[1:])
print("pandas" in sys.modules, code)
"""


def test_flattening_a_file_does_not_import_pandas(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOADED, "sample_data/orders_ugly.ndjson", "-o", str(tmp_path / "out"), *OF_ORDERS]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "False 0", done.stderr


@pytest.mark.thorough
def test_a_data_frame_can_be_made_after_a_load() -> None:
    program = "from chalicelib.flatten import arrow; arrow.prepare(); import pyarrow as pa; "
    program += "print(list(pa.table({'a': [1, 2]}).to_pandas()['a']))"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[1, 2]", done.stderr
