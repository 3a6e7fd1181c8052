"""Throughput and memory of all ways as an SVG of bars, drawn by hand: no library is needed to look at two numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

from benchmarks.goals import Case, Figures
from benchmarks.peers import OURS

BAR, GAP, LABELS, WIDTH, VALUES, TOP = 14, 4, 240, 190, 48, 52
FILES = ("days", "wide", "store")
OURS_COLOUR, THEIR_COLOUR, TEXT, QUIET = "#0f766e", "#a8b3bd", "#1f2933", "#5f6b76"


def write(path: Path, figures: Figures) -> None:
    """Draw the runs on the files of FILES."""
    path.write_text(svg(figures), "utf-8")


def svg(figures: Figures) -> str:
    """Return the picture: MB a second at the left, peak memory at the right, a bar for each way."""
    cases: list[Case] = []
    for file in FILES:
        of = [case for case in figures.runs if case.file == file]
        cases += sorted(of, key=figures.throughput, reverse=True)
    panel = WIDTH + VALUES
    width, height = LABELS + 2 * panel + 12, TOP + len(cases) * (BAR + GAP) + 8
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(LABELS, 20, "throughput, MB of JSON a second", bold=True),
        _text(LABELS + panel, 20, "peak memory, MB", bold=True),
        _text(LABELS, 38, "longer is better", QUIET),
        _text(LABELS + panel, 38, "shorter is better", QUIET),
        *(_text(8, _y(i) + 12, _label(case), bold=case.peer == OURS) for i, case in enumerate(cases)),
        *_bars(cases, figures.throughput, LABELS),
        *_bars(cases, lambda case: figures.peak_mb.get(case, 0.0), LABELS + panel),
        "</svg>",
    ]
    return "\n".join(drawn) + "\n"


def _bars(cases: list[Case], value: Callable[[Case], float], x: int) -> Iterator[str]:
    largest = max(value(case) for case in cases) or 1.0
    for i, case in enumerate(cases):
        length = max(1.0, value(case) / largest * WIDTH)
        colour = OURS_COLOUR if case.peer == OURS else THEIR_COLOUR
        yield f'<rect x="{x}" y="{_y(i)}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'
        yield _text(x + length + 5, _y(i) + 12, f"{value(case):.0f}")


def _label(case: Case) -> str:
    return str(case)


def _y(row: int) -> int:
    return TOP + row * (BAR + GAP)


def _text(x: float, y: float, text: str, colour: str = TEXT, *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}"{weight}>{escape(text)}</text>'
