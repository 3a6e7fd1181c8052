"""Compiled code splits short texts as well, for tests whose files are small: else msgspec would split all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.documents import array, value_reader


@pytest.fixture(scope="module", autouse=True)
def short_texts_are_split_by_compiled_code() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (array, value_reader):
            patch.setattr(module, "COMPILED_FROM_BYTES", 0)
        yield


@pytest.fixture(scope="module", autouse=True, params=["by compiled code", "by msgspec"])
def short_texts_are_split_either_way(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (array, value_reader):
            patch.setattr(module, "COMPILED_FROM_BYTES", 0 if request.param == "by compiled code" else 1 << 60)
        yield
