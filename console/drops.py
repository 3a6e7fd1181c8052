"""Files on their way: sent by an upload link, and watched until they are loaded or are not. No page here."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from nicegui import background_tasks

from console import records
from console.api import Api, Json
from console.errors import ConsoleError
from console.words import name_of

ENDED = ("loaded", "partly_loaded", "quarantined", "failed")
PAUSE, LONGEST_PAUSE = 0.3, 3.0
"""Seconds between two looks at a file, growing from the one to the other."""
MOST_KEPT = 200
"""How many files the list of a run has: older ones are in Sources."""

Sent = dict[int, str]
"""By the number of a rejected record, the file that it was sent again in."""


@dataclass
class Drop:
    """One file that was dropped; `answer` is what the API last said of it, `error` why that is not known."""

    name: str
    size: int
    contract: str | None = None
    status: str = "sending"
    answer: Json = field(default_factory=dict)
    upload_id: str = ""
    error: ConsoleError | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come."""
        return self.status in ENDED or self.error is not None


class Drops:
    """The files of this run of the console, newest first. `changes` counts what happened, for pages to look at.

    `spawn` runs a coroutine in the background.
    """

    def __init__(
        self, api: Api, spawn: Callable[[Coroutine[Any, Any, None]], object] = background_tasks.create
    ) -> None:
        self._api = api
        self._spawn = spawn
        self.files: list[Drop] = []
        self.changes = 0
        self.sent: dict[str, Sent] = {}
        self.edits: dict[str, dict[int, str]] = {}

    def add(self, name: str, size: int, contract: str | None, opened: Callable[[], BinaryIO]) -> Drop:
        """Send a file and watch it, in the background. `opened` gives its bytes; they are closed."""
        drop = Drop(name, size, contract)
        self.files.insert(0, drop)
        del self.files[MOST_KEPT:]
        self.changes += 1
        self._spawn(self._follow(drop, opened))
        return drop

    def add_path(self, name: str, path: Path, contract: str | None) -> Drop:
        """Send a file that lies on disk, and remove it."""

        def opened() -> BinaryIO:
            file = path.open("rb")
            path.unlink()
            return file

        return self.add(name, path.stat().st_size, contract, opened)

    def look_again(self, drop: Drop) -> None:
        """Go on watching a file that was sent, after an error."""
        drop.error = None
        self._spawn(self._watch(drop))

    def sent_of(self, source: Json) -> Sent:
        """Return which rejected records of a version of a source were sent again, in which file."""
        return self.sent.setdefault(_version_of(source), {})

    def edits_of(self, source: Json) -> dict[int, str]:
        """Return the texts of its rejected records that were changed, by number: they outlive the page."""
        return self.edits.setdefault(_version_of(source), {})

    def resend(self, source: Json, corrected: dict[int, str], contract: str | None) -> Drop | None:
        """Send corrected records, by their numbers, in a file of their own; those that were sent are left out.

        Nothing is awaited between the look at what was sent and the note of it, so a second click finds the note.
        Returns None where nothing is left to send.
        """
        sent = self.sent_of(source)
        unsent = {number: text for number, text in corrected.items() if number not in sent}
        if not unsent:
            return None
        name = records.fixed_name(name_of(source["key"]), self._names())
        sent |= dict.fromkeys(unsent, name)
        body = records.as_lines(unsent.values())
        drop = self.add(name, len(body), contract, lambda: io.BytesIO(body))
        self._spawn(self._forget_if_not_sent(drop, sent, unsent))
        return drop

    def _names(self) -> Collection[str]:
        return {drop.name for drop in self.files}

    async def _forget_if_not_sent(self, drop: Drop, sent: Sent, numbers: Collection[int]) -> None:
        """Let records be sent again whose file never reached S3."""
        while not drop.ended and drop.status == "sending":
            await asyncio.sleep(PAUSE)
        if drop.status == "sending":
            for number in numbers:
                sent.pop(number, None)
            self.changes += 1

    async def _follow(self, drop: Drop, opened: Callable[[], BinaryIO]) -> None:
        try:
            with opened() as file:
                body = {"filename": drop.name} | ({"contract": drop.contract} if drop.contract else {})
                link = await asyncio.to_thread(self._api.call, "POST", "/uploads", body=body)
                if drop.size > link["max_bytes"]:
                    problem = f"{drop.name} has {drop.size:,} bytes, and an upload takes {link['max_bytes']:,}"
                    raise ConsoleError(problem, "split the file, or copy it below the incoming prefix in S3")
                await asyncio.to_thread(self._api.send, link, file, drop.name)
        except ConsoleError as error:
            drop.error = error
        except OSError as error:
            drop.error = ConsoleError(f"{drop.name} could not be read ({error})", "drop it again")
        else:
            drop.upload_id, drop.status = link["upload_id"], "waiting"
            await self._watch(drop)
        self.changes += 1

    async def _watch(self, drop: Drop) -> None:
        pause = PAUSE
        self.changes += 1
        while not drop.ended:
            before = drop.answer
            try:
                drop.answer = await asyncio.to_thread(self._api.get, f"/uploads/{drop.upload_id}")
            except ConsoleError as error:
                drop.error = error
            else:
                drop.status = drop.answer["status"]
            self.changes += drop.answer != before
            if not drop.ended:
                await asyncio.sleep(pause)
                pause = min(pause * 1.3, LONGEST_PAUSE)
        self.changes += 1


def _version_of(source: Json) -> str:
    return f"{source['key']}\n{source.get('received_at')}"
