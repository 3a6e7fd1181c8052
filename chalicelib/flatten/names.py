"""Names that compiled code meets and the contract does not have, each the first time."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from chalicelib.native_library import NAME, NAMES, NamesStruct

_MOST = 2000
"""How many names of one source are noted, as compiled code has it: all of them may come at once."""


class Names:
    """Names of one source: `struct` is what compiled code works on."""

    def __init__(self) -> None:
        self._names = np.empty(_MOST, NAME)
        self._table = np.zeros(NAMES, np.uint64)
        self.struct = NamesStruct(self._names.ctypes.data, self._table.ctypes.data, 0, _MOST)

    def fresh(self, data: bytes) -> Iterator[tuple[int, str]]:
        """Return the names that are new, which lie in `data`, with the node of the object that each was in."""
        count, self.struct.count = self.struct.count, 0
        for number, start, length in self._names[:count].tolist():
            yield number, str(msgspec.json.decode(b'"' + data[start : start + length] + b'"'))
