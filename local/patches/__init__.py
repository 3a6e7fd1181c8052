"""Patches that close gaps of the embedded AWS: discovered, checked against MiniStack's code, applied.

A patch is a module of this package. Its docstring says which gap it closes and how to drop it. It has

- `TOUCHES`: dotted name of each attribute of MiniStack that it replaces or relies on -> its fingerprint,
- `apply()`: replaces the attributes.

MiniStack's code changes every few days. A fingerprint that differs stops the start, because a patch over code it was
not written for would break in ways that look like faults of the product.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import inspect
import pkgutil
from types import ModuleType
from typing import Any

from local.errors import EmulatorChanged

MINISTACK_VERSION = "1.5.33"
FINGERPRINT_DIGITS = 12


def discover() -> list[ModuleType]:
    """Return every patch of this package, in the order of their names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def fingerprint(name: str) -> str:
    """Return the first digits of the SHA-256 of the source of a function or class, or of the repr of a plain value.

    Raises LookupError when nothing has this dotted name.
    """
    value = _resolve(name)
    text = inspect.getsource(value) if inspect.isroutine(value) or inspect.isclass(value) else repr(value)
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_DIGITS]


def check(version: str | None = None) -> None:
    """Make sure that MiniStack is the version, and its code the code, that the patches were written for.

    Raises EmulatorChanged, naming what differs and the remedy.
    """
    installed = version or importlib.metadata.version("ministack")
    if installed != MINISTACK_VERSION:
        raise EmulatorChanged(
            f"MiniStack is {installed}, and the patches are written for {MINISTACK_VERSION}",
            f"install ministack=={MINISTACK_VERSION} (`make clean`, then the command again), "
            "or go through local/patches for the new version",
        )
    for patch in discover():
        for name, expected in patch.TOUCHES.items():
            _check_one(patch, name, expected)


def _check_one(patch: ModuleType, name: str, expected: str) -> None:
    try:
        actual = fingerprint(name)
    except LookupError:
        actual = "nothing of that name"
    if actual != expected:
        raise EmulatorChanged(
            f"{name} is not what {patch.__name__} was written for (expected {expected}, found {actual})",
            "read what changed there, correct the patch, and put in the fingerprint that "
            "`python -m local.patches fingerprints` prints",
        )


def apply() -> None:
    """Check everything, then apply every patch. Must run before MiniStack's own main().

    Raises EmulatorChanged.
    """
    check()
    for patch in discover():
        patch.apply()


def _resolve(name: str) -> Any:
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[cut:]:
            try:
                value = getattr(value, attribute)
            except AttributeError:
                raise LookupError(name) from None
        return value
    raise LookupError(name)
