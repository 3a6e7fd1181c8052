"""Makes Arrow ready for a small machine: its memory is the process's own, and pandas stays out."""

from __future__ import annotations

import sys

import pyarrow as pa


def prepare() -> None:
    """Set Arrow up for loading; to be called before its first use, and harmless after."""
    # For a program that imported it before `library_settings` had a say, as a notebook does.
    pa.set_memory_pool(pa.system_memory_pool())
    _leave_pandas_out()


def _leave_pandas_out() -> None:
    """Let Arrow find no pandas in its one look for it, at its first conversion of anything.

    That look imports pandas where it is installed, as in the Lambda layer: a quarter of a second and 50 MB for
    nothing, since no column comes from there or goes there. What asks for a DataFrame by name looks again, and gets
    it.
    """
    if "pandas" in sys.modules:
        return
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        pa.scalar(0)
    finally:
        sys.meta_path.remove(hidden)


class _Hidden:
    """A finder of modules that answers for pandas that there is none."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("not needed for this", name=name)
