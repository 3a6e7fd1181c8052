"""The compiled part of the flattening: built from the source that lies beside it, and not indispensable."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest

from chalicelib import native_library
from native.build import BINARIES, SOURCE, TARGETS, source_digest
from tests.builders import flattened

ORDER = '{"order_id": 1, "order_date": "2024-01-01", "gift": true, "products": [{"product_id": "a", "sku": %s}]}'


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_each_binary_was_built_from_the_source_that_is_here(name: str) -> None:
    assert source_digest().encode() in (BINARIES / f"{name}.so").read_bytes(), "make native builds it anew"


def test_this_machine_has_a_binary() -> None:
    assert native_library.library() is not None


@pytest.mark.parametrize("name", sorted(name for name in TARGETS if name.startswith("linux")))
def test_a_binary_stands_on_no_library(name: str) -> None:
    assert not re.search(rb"\.so\.[0-9]|GLIBC", (BINARIES / f"{name}.so").read_bytes())


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [("Linux", "x86_64", "linux-x86_64"), ("Linux", "aarch64", "linux-aarch64"), ("Darwin", "arm64", "darwin-aarch64")],
)
def test_binaries_are_named_as_systems_name_themselves(system: str, machine: str, name: str) -> None:
    assert native_library.binary_name(system, machine) == f"{name}.so"
    assert name in TARGETS


def test_both_sides_have_arrays_of_the_same_size() -> None:
    source = SOURCE.read_text()
    for name in ("HASHES", "SEEN", "NAMES"):
        (shift,) = re.findall(rf"{name} = 1 << (\d+)", source)
        assert getattr(native_library, name) == 1 << int(shift)


def test_documents_come_out_the_same_without_a_binary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = ("[" + ",".join(ORDER % i for i in range(20)) + "]").encode()
    expected = flattened(text, True)
    monkeypatch.setattr(native_library, "BINARIES", tmp_path)
    native_library.library.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match=r"\.so cannot be loaded .*: documents are read many times slower"):
            assert native_library.library() is None
        assert flattened(text, True) == expected
    finally:
        native_library.library.cache_clear()


def test_a_binary_that_cannot_be_loaded_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in TARGETS:
        (tmp_path / f"{name}.so").write_bytes(b"\x7fELF of another world")
    monkeypatch.setattr(native_library, "BINARIES", tmp_path)
    native_library.library.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="cannot be loaded"):
            assert native_library.library() is None
    finally:
        native_library.library.cache_clear()


def test_structures_have_the_same_size_as_in_c() -> None:
    assert ctypes.sizeof(native_library.LevelStruct) == 56
    assert (native_library.SLOT.itemsize, native_library.NODE.itemsize) == (24, 16)
