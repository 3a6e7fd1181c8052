"""What a round of the sweep asks of S3, how long it takes and what it costs: the model behind docs/scale.md. Pure.

Objects have one file each. How long S3 takes to answer is assumed; what reading an answer takes of a core is measured,
with botocore and answers of the real size. Prices are those of operate.cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from chalicelib.loading.index_view import MOST
from chalicelib.loading.ledger_index import FULL
from chalicelib.loading.sweep_pages import PAGES, READS_AT_ONCE, RESERVE
from operate.cost import GB_SECOND, GET, INVOCATION, LIST, PUT

MEMORY_MB, CORE_MB = 512, 1769
"""What .chalice/config.json gives the sweep, and what Lambda gives a whole core for."""
RUN_SECONDS = 900 - RESERVE
"""How long a run works, of the 15 minutes that Lambda gives it."""

PAGE = 1000
"""Objects of a page of a listing."""
LIST_SECONDS, GET_SECONDS, PUT_SECONDS = 0.08, 0.025, 0.035
"""How long S3 takes to answer: assumptions, in the middle of what is seen within a region."""
LIST_CORE, GET_CORE, PUT_CORE = 0.019, 0.0018, 0.0007
"""Seconds of a core that botocore takes for a page, an entry and a small object to be written."""
LISTED_CORE, READ_CORE = 0.000005, 0.0001
"""Seconds of a core that the sweep itself takes for whatever is listed, and for an entry or receipt that is read."""


@dataclass(frozen=True)
class Round:
    """A round over so many loaded objects.

    Since the round before, `changed` entries were written; the grace time of `settled` others is over: their entry is
    read for the last time, and their receipt. `recent` were written within the lookback.
    """

    objects: int
    changed: int = 0
    settled: int = 0
    recent: int = 0

    @property
    def segments(self) -> int:
        """How many segments the index has."""
        return max(1, math.ceil(self.objects / FULL))

    @property
    def lists(self) -> int:
        """Pages of dropped objects, of the ledger and of the table, and of the index."""
        pages = max(1, math.ceil(self.objects / PAGE))
        # A segment's last page of the ledger goes beyond it.
        return (1 + 2 * self.views) * pages + self.segments + 1

    @property
    def views(self) -> int:
        """How often objects and files are gone through: once for as many recent records as are in memory together."""
        return max(1, math.ceil(self.recent / MOST))

    @property
    def reads(self) -> int:
        """Entries and receipts, which are read side by side."""
        return self.changed + 2 * self.settled

    @property
    def gets(self) -> int:
        """Segments of the index, each for the ledger and for the rest of the round, and the cursor."""
        return 2 * self.segments + 1

    @property
    def puts(self) -> int:
        """Segments that have changed, and the cursor: behind each segment, and every so many pages."""
        changed = min(self.segments, self.changed + self.settled)
        return changed + self.segments + 2 * (self.objects // (PAGES * PAGE)) + 1

    def seconds(self, memory_mb: int = MEMORY_MB) -> float:
        """Return how long the round takes: entries are waited for side by side, and computed one after the other."""
        core = min(1.0, memory_mb / CORE_MB)
        listing = self.lists * (LIST_SECONDS + (LIST_CORE + PAGE * LISTED_CORE) / core)
        reading = self.reads * max(GET_SECONDS / READS_AT_ONCE, (GET_CORE + READ_CORE) / core)
        return listing + reading + self.gets * GET_SECONDS + self.puts * (PUT_SECONDS + PUT_CORE / core)

    def runs(self, memory_mb: int = MEMORY_MB) -> int:
        """Return how many runs of the function the round takes."""
        return math.ceil(self.seconds(memory_mb) / RUN_SECONDS)

    def dollars(self, memory_mb: int = MEMORY_MB) -> float:
        """Return what the round costs."""
        computing = self.seconds(memory_mb) * memory_mb / 1024 * GB_SECOND + self.runs(memory_mb) * INVOCATION
        return computing + self.lists * LIST + (self.reads + self.gets) * GET + self.puts * PUT


def first_round(objects: int) -> Round:
    """Return the first round over a stage whose objects are all loaded, as after the sweep's state was removed."""
    return Round(objects, settled=objects, recent=objects)
