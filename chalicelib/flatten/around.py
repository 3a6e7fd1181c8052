"""The way from a record to the document in it, and the names of what lies around the document."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.paths import Key, Step
from chalicelib.contracts.sources import FromRecord
from chalicelib.flatten.diagnosis import no_document
from chalicelib.flatten.follow import follow
from chalicelib.flatten.json_text import RejectedDocument, below, parsed
from chalicelib.flatten.observations import Observations
from chalicelib.flatten.scalars import NumberText

_Keys = dict[str, "_Keys | None"]
"""The keys that paths of a contract lead through, each with those below it; None where the value is taken whole."""


class AroundDocument:
    """Finds the document of a record at `contract.at`.

    What lies around it, and is neither on the way nor read by a column, is noted by its path.
    """

    def __init__(self, contract: Contract, observations: Observations) -> None:
        self._contract = contract
        self._observations = observations
        self._branches: _Keys = {}
        if contract.at is not None:
            self._add(contract.at.steps)
        for _, column in contract.columns():
            for path in column.source.paths if isinstance(column.source, FromRecord) else ():
                self._add(path.steps)

    def _add(self, steps: Sequence[Step]) -> None:
        keys: _Keys | None = self._branches
        names = [step.name for step in takewhile(lambda step: isinstance(step, Key), steps) if isinstance(step, Key)]
        for name in names[:-1]:
            keys = keys.setdefault(name, {}) if keys is not None else None
        if keys is not None and names:
            keys[names[-1]] = None

    def document_in(self, record: Any) -> Any:
        """Return the document of a record, where a text on the way is JSON. Raises RejectedDocument."""
        at = self._contract.at
        if at is None:
            return record
        document, path = record, ""
        branches: _Keys | None = self._branches
        for step in at.relative:
            on_the_way = step.name if isinstance(step, Key) else ""
            self._note(document, branches, path, on_the_way)
            document, path = follow(document, (step,), path)
            if isinstance(document, str) and not isinstance(document, NumberText):
                try:
                    document = parsed(document.encode())
                except RejectedDocument as problem:
                    raise RejectedDocument(path, f"the text is to be JSON: {problem.reason}") from None
            path += "."
            branches = branches.get(on_the_way) if branches else None
        if document is None:
            raise RejectedDocument(str(at), no_document(record, self._contract))
        return document

    def _note(self, value: Any, branches: _Keys | None, path: str, on_the_way: str) -> None:
        """Note the members of an object that no path leads through, also in the objects beside the way."""
        if branches is None or not isinstance(value, dict):
            return
        for key, member in value.items():
            if key not in branches:
                self._observations.note_around(below(path, key))
            elif key != on_the_way:
                self._note(member, branches[key], f"{below(path, key)}.", "")
