"""The rejected records of one source object on the desk: corrected one by one or all at once, and sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from console.api import Json
from console.drops import Drop, Drops
from console.records import kind_of, problem_with

MOST_RECORDS = 1000
"""How many rejected records are read at once."""
ALL = "all reasons"

Ask = Callable[[dict[str, Any]], Json]
"""Returns a page of rejected records, given the parameters of the page."""


@dataclass
class Editing:
    """A rejected record with the text that is to be sent in its stead."""

    record: Json
    text: str
    leave_out: bool = False

    @property
    def number(self) -> int:
        """Its number in its file."""
        return int(self.record["record_number"])

    @property
    def problem(self) -> str | None:
        """Why it cannot be sent, None where it can."""
        if not self.record["exact"]:
            return "not all of it can be shown here: download the quarantine, correct it there, and drop it as a file"
        return problem_with(self.text)

    @property
    def changed(self) -> bool:
        """Whether it differs from what was sent and rejected."""
        return bool(self.text != self.record["raw"])


class Desk:
    """The rejected records of one source object, as far as they were read, and what is done with them."""

    def __init__(self, drops: Drops, source: Json) -> None:
        self.source = source
        self.sent = drops.sent_of(source)
        self.all: list[Editing] = []
        self.kind = ALL
        self.total = 0
        self.quarantine_url: str | None = None
        self.next_page: str | None = None
        self._drops = drops
        self._edits = drops.edits_of(source)

    def read(self, ask: Ask) -> None:
        """Read the first records, or the next. Raises what `ask` raises."""
        until = len(self.all) + MOST_RECORDS
        while True:
            page = ask({"page_token": self.next_page} if self.next_page else {})
            self.total, self.quarantine_url = int(page["orders_rejected"]), page["quarantine_url"]
            for record in page["records"]:
                if record["record_number"] is not None:
                    text = self._edits.get(record["record_number"], str(record["raw"]))
                    self.all.append(Editing(record, text))
            self.next_page = page["next_page_token"]
            if not self.next_page or len(self.all) >= until:
                return

    @property
    def kinds(self) -> dict[str, str]:
        """The kinds of reasons with how many records have each, for a choice."""
        numbers = Counter(kind_of(each.record["reason"]) for each in self.all)
        every = {ALL: f"All reasons ({len(self.all):,})"}
        return every | {kind: f"{kind} ({number:,})" for kind, number in numbers.most_common()}

    @property
    def matching(self) -> list[Editing]:
        """The records of the kind that is chosen."""
        return [each for each in self.all if self.kind in (ALL, kind_of(each.record["reason"]))]

    @property
    def ready(self) -> list[Editing]:
        """The records that would be sent now: corrected, JSON, not left out and not sent yet."""
        return [
            each
            for each in self.matching
            if each.changed and not each.leave_out and each.number not in self.sent and each.problem is None
        ]

    def edit(self, editing: Editing, text: str) -> None:
        """Take the text that is to be sent in a record's stead."""
        editing.text = self._edits[editing.number] = text

    def replace(self, old: str, new: str) -> int:
        """Replace a text in all records of the kind that is chosen and not sent; return in how many it stood."""
        holding = [
            each
            for each in self.matching
            if old and old in each.text and each.record["exact"] and each.number not in self.sent
        ]
        for each in holding:
            self.edit(each, each.text.replace(old, new))
        return len(holding)

    def send(self) -> Drop | None:
        """Send those that are ready; None where none is."""
        corrected = {each.number: each.text for each in self.ready}
        return self._drops.resend(self.source, corrected, self.source["contract"])
