"""Arrow leaves pandas out of a load, and still makes a DataFrame for who asks for one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

LOADED = """
import sys
from chalicelib.flatten.command import main
for given in sys.argv[1:]:
    source, contract = given.split(",")
    main([source, "-o", f"{source}.out", "--rejects", f"{source}.rejected", "--contract", contract])
print(sorted({"pandas", "pyarrow.compute", "pyarrow.parquet", "numpy.ma", "boto3"} & sys.modules.keys()))
"""
EXAMPLES = [(folder / "sample.json", folder) for folder in (PROJECT / "examples" / "contracts").iterdir()]
FILES = [(path, "orders") for path in (PROJECT / "sample_data").glob("orders_*s*.*json") if "." not in path.stem]


def test_flattening_imports_no_library_that_takes_long_whatever_the_file_has(tmp_path: Path) -> None:
    """What arrays have as methods imports `pyarrow.compute`, and some of numpy `numpy.ma`, at their first call."""
    given = []
    for i, (source, contract) in enumerate([*FILES, *EXAMPLES]):
        copied = tmp_path / f"{i}{source.suffix}"
        copied.write_bytes(source.read_bytes())
        given.append(f"{copied},{contract}")
    assert len(given) > 8
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *given], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    *summaries, imported = done.stdout.splitlines()
    assert len(summaries) == len(given), done.stderr
    assert imported == "[]"


@pytest.mark.thorough
def test_a_data_frame_can_be_made_after_a_load() -> None:
    program = "from chalicelib.flatten import arrow; arrow.prepare(); import pyarrow as pa; "
    program += "print(list(pa.table({'a': [1, 2]}).to_pandas()['a']))"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[1, 2]", done.stderr
