"""Stages on an AWS in memory, for the tests of the foundations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.edge.glue_setup_world import World, world


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture
def stage(credentials: None) -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture
def crawled(credentials: None) -> Iterator[World]:
    """A stage in crawler mode."""
    with world(catalog_mode="crawler", crawler="orders-crawler") as made:
        yield made
