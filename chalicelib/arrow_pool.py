"""Has Arrow take its memory from libc; to be imported before Arrow is, which looks once, at its own import."""

from __future__ import annotations

import os

# Arrow's own allocator keeps what it once had: 70 MB, of which Parquet's writer never uses more than 7 at a time. What
# is chosen later (`pyarrow.set_memory_pool`) holds for what Python calls, and not for what that writer takes.
os.putenv("ARROW_DEFAULT_MEMORY_POOL", "system")
