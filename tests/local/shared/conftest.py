"""One embedded AWS for all tests of this folder, with the product and the probe app deployed into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.deploy import Deployment, deploy
from local.emulator import Emulator, running
from tests.local.calls import PROBE_BUCKET
from tests.local.product import Product, project_with

PROBE_APP = Path(__file__).parent / "probe_app"


@pytest.fixture(scope="session")
def aws() -> Iterator[Emulator]:
    """An embedded AWS on a free port."""
    with running() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def probe(aws: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The probe app, deployed by Chalice."""

    def make_bucket(emulator: Emulator, workspace: Path) -> None:
        emulator.client("s3").create_bucket(Bucket=PROBE_BUCKET)

    return deploy(aws, tmp_path_factory.mktemp("probe"), PROBE_APP, foundations=make_bucket)


@pytest.fixture(scope="session")
def product(aws: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The product itself: foundations laid, policies written, app deployed."""
    return Product(
        aws, deploy(aws, tmp_path_factory.mktemp("product"), project_with(tmp_path_factory.mktemp("project")))
    )
