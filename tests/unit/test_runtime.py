"""A botocore that cannot write the ledger is told at the start, with what to do."""

from __future__ import annotations

import subprocess
import sys

import botocore
import pytest

from chalicelib.aws.runtime import BotocoreTooOld, check_botocore


@pytest.mark.parametrize("version", ["1.35.68", "1.34.145", "0.9", "1.35.9", "1.35"])
def test_an_older_botocore_is_rejected_with_its_version_the_call_and_the_remedy(version: str) -> None:
    with pytest.raises(BotocoreTooOld) as rejected:
        check_botocore(version)
    for said in (
        f"botocore {version} is too old",
        "IfMatch",
        "1.35.69",
        "pip install",
        "put-runtime-management-config",
    ):
        assert said in str(rejected.value)


@pytest.mark.parametrize(
    "version", ["1.35.69", "1.35.100", "1.36.0", "2.0.0", "1.43.106.dev1", botocore.__version__, "?"]
)
def test_a_newer_botocore_is_taken(version: str) -> None:
    check_botocore(version)


@pytest.mark.thorough
@pytest.mark.parametrize("module", ["load", "sweep"])
def test_a_function_with_an_old_botocore_ends_at_its_start_and_not_in_the_middle_of_a_load(module: str) -> None:
    start = f"import botocore; botocore.__version__ = '1.34.145'; import chalicelib.handlers.{module}"
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode
    assert "BotocoreTooOld: botocore 1.34.145 is too old" in done.stderr
