"""`make bench`: ours and the peers on the same files in one run; ratios are what lasts, the machine is not.

`--only wide,store` takes some files, by names or beginnings of names; `--file my.json --contract NAME|FILE` your own.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
from pathlib import Path

from benchmarks import cost, goals, hostile, measure, orders, plot, report, starts
from benchmarks.files import DUCKDBS, MADE, File, Written
from benchmarks.goals import Case, Figures
from benchmarks.peers import OURS
from benchmarks.session import Session
from chalicelib.contracts import registry
from chalicelib.errors import ContractError
from chalicelib.help_text import examples

REST = ("hostile", "imports")
"""What is measured besides files."""


def main() -> None:
    """Make the files, run everything, print the tables and write them with machine and versions."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    whole = not (options.ours or options.file or options.only)
    figures = Figures(seed=options.seed, others=measure.busy_cores())
    with tempfile.TemporaryDirectory(prefix="orders-bench-") as directory:
        session = Session(Path(directory), figures, options)
        try:
            _measure(session, options)
        except KeyboardInterrupt:
            session.note("the run was interrupted: what is missing was not measured")
            whole = False
    written = report.markdown(figures, goals.GOALS)
    if Case("days", OURS, 2) in figures.runs:
        written += "\n" + _costs(figures)
    print("\r" + written)
    if whole:
        report.write(options.results, figures, goals.GOALS, written)
        plot.write(options.results / "throughput.svg", figures)


def _measure(session: Session, options: argparse.Namespace) -> None:
    """Measure a user's file, or what was chosen of all."""
    if options.file:
        own = File(options.file.name, "yours", "", peers=(*DUCKDBS, OURS), contract=options.contract)
        session.measure_group({own: Written(options.file, 0, 0)})
        return
    session.measure([file for file in MADE if _chosen(options, file.name, file.group)])
    if _chosen(options, "hostile"):
        session.figures.hostile.update(hostile.measured(session.directory))
    if _chosen(options, "imports"):
        session.figures.imports = starts.measure(options.runs)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    prog = "python -m benchmarks"
    made = argparse.ArgumentParser(
        prog=prog,
        description=__doc__,
        **examples(f"{prog} --only wide --runs 3", f"{prog} --file my_orders.json --contract orders"),
    )
    made.add_argument("--megabytes", type=float, default=100, help="size of each file (100)")
    made.add_argument("--runs", type=int, default=5, help="how often each is run; the median counts (5)")
    made.add_argument("--seed", type=int, default=7, help="what the files are drawn from (7)")
    made.add_argument("--only", default="", help="some of the files or groups, with commas between; hostile; imports")
    made.add_argument("--ours", action="store_true", help="run ours alone, and write no results")
    made.add_argument("--large", action="store_true", help="measure memory on files of 2 GB as well")
    made.add_argument(
        "--file", type=Path, help="measure this array or these lines, against DuckDB if its SQL can be made"
    )
    made.add_argument("--contract", help="the contract of --file (the only one there is, or orders)")
    made.add_argument("--results", type=Path, default=report.RESULTS, help="where the results go")
    return made


def _options() -> argparse.Namespace:
    usage = parser()
    options = usage.parse_args()
    names = {name for file in MADE for name in (file.name, file.group)} | set(REST)
    options.only = [name.strip() for name in options.only.split(",") if name.strip()]
    for name in options.only:
        if name not in names:
            usage.error(f"--only {name}: no file or group has this name; there are {', '.join(sorted(names))}")
    if options.file and not options.file.is_file():
        usage.error(f"--file {options.file}: there is no such file")
    try:
        options.contract = options.contract or registry.contract().name
        registry.contract(options.contract)
    except ContractError as problem:
        usage.error(str(problem))
    return options


def _chosen(options: argparse.Namespace, *names: str) -> bool:
    return not options.only or not {*options.only}.isdisjoint(names)


def _costs(figures: Figures) -> str:
    """Return what loads of the days, and of small drops, would cost at the speed of this machine."""
    one, two = Case("days", OURS, 1), Case("days", OURS, 2)
    size = figures.files["days"]
    work = cost.Work(
        figures.cpu_seconds(one) / size.megabytes * 1000,
        two_cores=figures.seconds(one) / figures.seconds(two),
        request_seconds=cost.REQUEST_SECONDS,
    )
    large = cost.Drop(round(size.megabytes * cost.MB), size.documents, files=12)
    drops = (large, cost.Drop(cost.MB, orders.A_MEGABYTE, files=1), cost.Drop(10_000, 15, files=1))
    return "\n".join(cost.report(work, drop) for drop in drops)


if __name__ == "__main__":
    main()
