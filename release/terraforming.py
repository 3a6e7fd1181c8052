"""`python -m release terraform`: a directory that `terraform apply` can run in, made of Chalice's package and ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import boto3

from chalicelib.stage import PLACEHOLDER
from glue_setup import policies
from glue_setup.clients import connect
from glue_setup.errors import SetupError
from glue_setup.foundations import foundations, wiring
from glue_setup.target import Target
from release import configuration
from release.steps import CHALICE, forget_packages
from release.terraform import mended, template_of, text_of

APP, FOUNDATIONS, PACKAGE = "app.tf.json", "foundations.tf.json", "deployment.zip"


def write(project: Path, target: Target, out: Path) -> None:
    """Package the app and write `out`: the package, app.tf.json and foundations.tf.json; other files in it stay.

    Raises SetupError when the stage is not configured, or Chalice fails.
    """
    stage = target.stage
    config = json.loads(configuration.read(project))
    if any(PLACEHOLDER in arn for arn in configuration.managed_layers(config, stage.name)):
        raise SetupError(f"stage {stage.name} has no layer yet: python -m release configure --stage {stage.name}")
    policies.write(target, project)
    packaged = out / "packaged"
    shutil.rmtree(packaged, ignore_errors=True)
    _package(project, stage.name, target.region, packaged)
    template = json.loads((packaged / "chalice.tf.json").read_text("utf-8"))
    clients = connect(boto3.Session(region_name=target.region), stage.name)
    resources = [*foundations(target, clients), *wiring(target, clients)]
    (out / APP).write_text(text_of(mended(template, stage)), "utf-8")
    (out / FOUNDATIONS).write_text(text_of(template_of(resources, target)), "utf-8")
    (packaged / PACKAGE).replace(out / PACKAGE)
    shutil.rmtree(packaged)


def _package(project: Path, stage: str, region: str, out: Path) -> None:
    forget_packages(project)
    command = [*CHALICE, "package", "--stage", stage, "--pkg-format", "terraform", str(out.resolve())]
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, *command],
        cwd=project,
        env={**os.environ, "AWS_DEFAULT_REGION": region},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise SetupError(f"chalice package --stage {stage} failed: the lines above say why")
