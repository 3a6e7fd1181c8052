"""One app for the tests of this folder; its fakes are new for each test."""

from __future__ import annotations

import pytest

from tests.app.front import Front


@pytest.fixture
def front() -> Front:
    """The app with its default settings."""
    return Front()
