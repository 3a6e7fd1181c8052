"""How long imports take, the part of a cold start that is ours, beside what others import."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BARE = "from chalice.app import Chalice\napp = Chalice(app_name='bare')\n@app.route('/')\ndef hello(): return {}"
PROGRAMS = {
    "a bare Chalice app": BARE,
    "a bare Chalice app, with boto3": f"import boto3\n{BARE}",
    "orders-etl, REST function": "import os; os.environ['_HANDLER'] = 'app.app'; import app",
    "pandas, pyarrow and boto3": "import pandas, pyarrow, boto3",
    "orders-etl, S3 function": "import os; os.environ['_HANDLER'] = 'app.load'; import app",
}
TIMED = "import time; began = time.perf_counter()\n{}\nprint(time.perf_counter() - began)"


def measure(runs: int) -> dict[str, float]:
    """Return the median seconds of each program's imports, the programs taking turns."""
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    environment = os.environ | {"ETL_BUCKET": "orders-etl-bench", "PYTHONPATH": str(PROJECT)}
    # Compiled once, as packages are; the first run compiles, and warms the page cache.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for attempt in range(runs + 1):
        for name, program in PROGRAMS.items():
            command = [sys.executable, "-c", TIMED.format(program)]
            done = subprocess.run(
                command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
            )
            if attempt:
                times[name].append(float(done.stdout))
    return {name: statistics.median(seconds) for name, seconds in times.items()}
