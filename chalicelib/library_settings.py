"""What numpy and Arrow look up in the environment when they are imported, and never after."""

from __future__ import annotations

from collections.abc import MutableMapping


def set_up_libraries(environment: MutableMapping[str, str]) -> None:
    """Set up libraries that are not imported yet, in the environment of this process; what is set already stays."""
    # Arrow's own allocator keeps what it once had: 70 MB, of which Parquet's writer never uses more than 7 at a time.
    # What is chosen later (`pyarrow.set_memory_pool`) holds for what Python calls, and not for what that writer takes.
    environment.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # OpenBLAS starts a thread for each further core, which at once spins for 50 ms and more of a core's time: in a
    # Lambda, which shows two cores and gives a part of one, the start waits for it. There are no matrices here.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
