"""Every command says how it is used: `--help` ends with an example, which the command takes as it stands."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NO_COMMANDS = ("tests", "native", "build")
INTERNAL = {"local.serve"}
"""Started by another process, never by a person."""


def modules() -> Iterator[str]:
    """Yield the name of every module of the project that makes a parser of arguments."""
    for path in sorted(PROJECT.glob("[a-z]*/**/*.py")):
        relative = path.relative_to(PROJECT)
        if relative.parts[0] not in NO_COMMANDS and _makes_a_parser(ast.parse(path.read_text("utf-8"))):
            yield ".".join(relative.with_suffix("").parts)


def _makes_a_parser(tree: ast.AST) -> bool:
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(isinstance(each, ast.Attribute) and each.attr == "ArgumentParser" for each in calls)


MODULES = [name for name in modules() if name not in INTERNAL]


def parser_of(module: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = importlib.import_module(module).parser()
    return parser


def all_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from all_of(each)


def examples_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return the examples, as `--help` prints them."""
    _, _, printed = parser.format_help().partition("\nexample")
    return re.findall(r"^  (python -m .*)$", printed, re.MULTILINE)


def test_the_commands_of_every_part_are_looked_at() -> None:
    assert {name.partition(".")[0] for name in MODULES} >= {
        *("benchmarks", "chalicelib", "docs", "glue_setup", "local", "operate", "release")
    }


@pytest.mark.parametrize("module", MODULES)
def test_every_help_ends_with_an_example_that_the_command_takes(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    whole = parser_of(module)
    for each in all_of(whole):
        given = examples_of(each)
        assert given, f"{each.prog} has no example"
        for example in given:
            assert example.startswith(f"{each.prog} ") or example == each.prog
            words = shlex.split(example)[len(whole.prog.split()) :]
            if words[-1:] != ["--help"]:
                whole.parse_args(words)


@pytest.mark.parametrize("module", MODULES)
def test_every_option_and_argument_says_what_it_is(module: str) -> None:
    for parser in all_of(parser_of(module)):
        silent = [each.dest for each in parser._actions if not each.help and each.dest != "command"]
        assert silent == [], parser.prog


def test_make_help_lists_every_target_under_a_heading_with_its_purpose_in_one_column() -> None:
    printed = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, timeout=30, check=True)
    lines = [line for line in printed.stdout.splitlines() if line]
    phony = next(line for line in (PROJECT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    entries = [re.fullmatch(r"  ([a-z-]+) +(\S.*)", line) for line in lines if line.startswith(" ")]
    assert sorted(each[1] for each in entries if each) == sorted(phony.split()[1:])
    assert len({each.start(2) for each in entries if each}) == 1
    assert all(entries)
    assert lines[0][0] != " "
