"""How long the REST function's import takes, the part of a cold start that is ours, beside a bare Chalice app."""

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
    "the same, with boto3": f"import boto3\n{BARE}",
    "orders-etl, REST function": "import app",
    "the same, and what its S3 function adds": "import app, chalicelib.loading",
}
TIMED = "import time; began = time.perf_counter()\n{}\nprint(time.perf_counter() - began)"


def measure(runs: int) -> dict[str, float]:
    """Return the median seconds of each program's imports, the programs taking turns."""
    found: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    environment = os.environ | {"ETL_BUCKET": "orders-etl-bench", "PYTHONPATH": str(PROJECT)}
    for _ in range(runs):
        for name, program in PROGRAMS.items():
            command = [sys.executable, "-c", TIMED.format(program)]
            done = subprocess.run(
                command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
            )
            found[name].append(float(done.stdout))
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def main(runs: int = 7) -> None:
    """Print a Markdown table."""
    print("\n| import | ms |\n| --- | --- |")
    for name, seconds in measure(runs).items():
        print(f"| {name} | {seconds * 1000:.0f} |")


if __name__ == "__main__":
    main()
