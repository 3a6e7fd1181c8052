"""The package as Chalice builds it, without an AWS account: its own packager, fed with a copy of the project."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from chalicelib.settings import LOCAL_STAGE
from local.deploy import CHALICE, copy_project
from local.emulator import PROJECT
from tests.contracts import ORDERS, lay

ACCOUNT, REGION = "123456789012", "us-east-1"
NOBODY = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": REGION}


def build(folder: Path, with_requirements: bool) -> Path:
    """Build the package with the tests' orders in `folder` and return the zip file.

    With the requirements it asks the package index.
    """
    copy_project(PROJECT, folder / "project")
    lay(folder / "project" / "chalicelib" / "contracts", ORDERS.name)
    if not with_requirements:
        (folder / "project" / "requirements.txt").write_text("")
    stage = ("--stage", LOCAL_STAGE)
    run(folder / "project", "-m", "glue_setup", "policies", *stage, "--account", ACCOUNT, "--region", REGION)
    run(folder / "project", *CHALICE, "package", *stage, "--pkg-format", "terraform", str(folder / "out"))
    return folder / "out" / "deployment.zip"


def run(folder: Path, *arguments: str) -> None:
    """Run a Python command that must succeed and reaches no AWS."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **NOBODY, "AWS_CONFIG_FILE": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def imports() -> dict[str, set[str]]:
    """Return the modules that app.py and chalicelib import from elsewhere, and which files do."""
    imported: dict[str, set[str]] = {}
    for path in [PROJECT / "app.py", *(PROJECT / "chalicelib").rglob("*.py")]:
        for node in _run_time(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                imported.setdefault(name.split(".")[0], set()).add(path.name)
    return {name: files for name, files in imported.items() if name not in sys.stdlib_module_names}


def _run_time(tree: ast.AST) -> list[ast.AST]:
    """Return the nodes of a module without what only a type checker reads."""
    nodes = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        nodes += [node, *_run_time(node)]
    return nodes
