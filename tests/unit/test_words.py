"""Names are the field's words, and modules and functions of a length that is read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ROOMS = (
    *(
        "chalicelib/contracts",
        "chalicelib/documents",
        "chalicelib/flatten",
        "chalicelib/handlers",
        "chalicelib/propose",
    ),
    *("chalicelib/queries", "chalicelib/telemetry"),
    *("benchmarks", "console", "console/pages", "docs", "local", "local/athena", "local/patches", "operate", "release"),
)
RETIRED = {"told", "found", "place", "places", "wanted", "taken", "known", "left", "odd", "Found", "Known", "Place"}
"""Participles and stopgaps: they say that something was done, not what the thing is."""

MOST_LINES, MOST_LINES_OF_A_FUNCTION = 300, 50
MODULES = [path for room in ROOMS for path in sorted((PROJECT / room).glob("*.py"))]


def names(tree: ast.AST) -> Iterator[str]:
    """Return every name that a module makes: of variables, attributes, arguments, functions and classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_no_name_is_a_retired_word(path: Path) -> None:
    assert {name for name in names(ast.parse(path.read_text("utf-8"))) if name.lstrip("_") in RETIRED} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_module_and_its_functions_fit_in_view(path: Path) -> None:
    text = path.read_text("utf-8")
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert text.count("\n") <= MOST_LINES
    assert {name: length for name, length in lengths.items() if length > MOST_LINES_OF_A_FUNCTION} == {}
