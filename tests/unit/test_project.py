"""What the project says of itself is said once: its version, what it is made of, and where things are."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from chalicelib.version import VERSION

PROJECT = Path(__file__).parents[2]
GUIDES = [
    *("CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md"),
    *(f"docs/decisions/{path.name}" for path in sorted((PROJECT / "docs" / "decisions").iterdir())),
]
PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
ENDINGS = (".py", ".md", ".toml", ".txt", ".lock", ".json", ".ndjson", ".sql")
MADE = (".venv/", ".local/")


def pins(*names: str) -> set[str]:
    """Return the pinned requirements of these files, without their extras."""
    lines = [line for name in names for line in (PROJECT / name).read_text("utf-8").splitlines()]
    return {re.sub(r"\[.*\]", "", line.split()[0]).lower() for line in lines if re.match(r"[\w.\[\],-]+==", line)}


def test_the_version_is_stated_once_and_followed_by_the_package_the_api_and_the_changelog() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "chalicelib.version.VERSION"}
    assert json.loads((PROJECT / "docs" / "openapi.json").read_text("utf-8"))["info"]["version"] == VERSION
    released = re.findall(
        r"^## (\d\S*) - \d{4}-\d\d-\d\d$", (PROJECT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert released[0] == VERSION


def test_ci_runs_what_a_developer_runs_on_every_python_that_lambda_has() -> None:
    workflow = (PROJECT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    assert 'python: ["3.11", "3.12", "3.13"]' in workflow
    assert "run: .ci/run" in workflow
    steps = re.findall(r"^make .*", (PROJECT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    assert steps[0] == "make check"


def test_pre_commit_needs_no_environment_of_ours_and_formats_as_make_does() -> None:
    hooks = (PROJECT / ".pre-commit-config.yaml").read_text("utf-8")
    assert ".venv" not in hooks
    assert set(re.findall(r"ruff==[\d.]+", hooks)) == {name for name in pins("requirements-dev.txt") if "ruff" in name}


def test_the_lock_files_hold_every_requirement_of_who_runs_and_of_who_develops_with_a_hash() -> None:
    running = pins("requirements.txt", "requirements-runtime.txt", "requirements-local.txt")
    assert running - pins("requirements-local.lock") == set()
    assert pins("requirements-console.txt") - pins("requirements-console.lock") == set()
    developing = pins("requirements-local.lock", "requirements-console.lock", "requirements-dev.txt")
    assert developing - pins("requirements-dev.lock") == set()
    for name in ("requirements-local.lock", "requirements-console.lock", "requirements-dev.lock"):
        lock = (PROJECT / name).read_text("utf-8")
        requirements = [block for block in re.split(r"\n(?=\S)", lock) if not block.startswith("#")]
        assert [block.split()[0] for block in requirements if "--hash=sha256:" not in block] == []


def test_what_runs_the_pipeline_is_installed_without_the_tools_of_its_tests() -> None:
    tools = pins("requirements-dev.txt")
    assert {name.partition("==")[0] for name in pins("requirements-local.lock") & tools} == set()


def paths_in(text: str) -> set[str]:
    """Return what a document names as a path of the project: in backticks, with a folder or a known ending."""
    words = {word for span in re.findall(r"`([^`\n]+)`", text) for word in span.split() if PATH.fullmatch(word)}
    return {word for word in words if ("/" in word or word.endswith(ENDINGS)) and not word.startswith(MADE)}


def is_there(path: str) -> bool:
    """Tell whether something has this path. What is in every contract is looked for in those of the tests."""
    of_contracts, own = "chalicelib/contracts/*/", "tests/contracts/*/"
    return any(PROJECT.glob(path.replace(of_contracts, own).rstrip("/")))


@pytest.mark.parametrize("guide", GUIDES)
def test_every_path_that_a_guide_names_and_links_to_is_there(guide: str) -> None:
    text = (PROJECT / guide).read_text("utf-8")
    here = (PROJECT / guide).parent
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link}
    assert {link for link in links if not (here / link).exists()} == set()
    assert {path for path in paths_in(text) if not is_there(path)} == set()


def test_a_path_that_is_not_there_is_seen() -> None:
    assert paths_in("see `chalicelib/gone.py`, `a.b()` and `make test x/y.md`") == {"chalicelib/gone.py", "x/y.md"}


def test_both_drawings_of_the_house_have_every_room_in_them() -> None:
    library = (PROJECT / "chalicelib").iterdir()
    rooms = {path.stem for path in library if path.suffix == ".py" or (path / "__init__.py").exists()} - {"__init__"}
    drawings = re.findall(r"```mermaid\n(.*?)```", (PROJECT / "docs" / "architecture.md").read_text("utf-8"), re.DOTALL)
    of_rooms, journey = (set(re.findall(r"\w+", drawing)) for drawing in drawings)
    assert rooms | {"app", "glue_setup", "operate", "release", "local", "console"} <= of_rooms
    assert rooms - {"version", "help_text", "propose", "setting_checks", "setting_values"} <= journey


def test_every_promise_of_the_documentation_has_a_test_of_its_number_and_every_such_test_a_promise() -> None:
    promised = re.findall(r"^\| (\d+) \| ", (PROJECT / "docs" / "operations.md").read_text("utf-8"), re.MULTILINE)
    tests = [path.read_text("utf-8") for path in (PROJECT / "tests" / "promises").glob("test_*.py")]
    tested = {number for text in tests for number in re.findall(r"^def test_promise_(\d+)_", text, re.MULTILINE)}
    assert promised == [str(number) for number in range(1, len(promised) + 1)]
    assert tested == set(promised)
