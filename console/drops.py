"""Files on their way: sent by an upload link, and watched until they are loaded or are not. No page here."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from nicegui import background_tasks

from console import records
from console.api import Api, Json
from console.errors import UNEXPECTED, ConsoleError
from console.words import name_of

ENDED = ("loaded", "partly_loaded", "quarantined", "failed")
PAUSE, LONGEST_PAUSE = 0.3, 3.0
"""Seconds between two looks at a file, growing from the one to the other."""
TRIES = 5
"""Looks at a file that may fail one after the other: what becomes of it does not depend on this machine's network."""
SENT_AT_ONCE = 3
"""Files that are sent at the same time. A link is asked for when a file's turn has come, or it expires before that; and
sending holds a thread, of which pages need some."""
MOST_KEPT = 200
"""How many files the list of a run has, and more only of those that are not loaded: older ones are in Sources."""

MOST_IN_TROUBLE = 100
"""How many files that need somebody are shown beside the newest."""
IN_TROUBLE = ("failed", "unknown", "quarantined", "partly_loaded")

Sent = dict[int, str]
"""By the number of a rejected record, the file that it was sent again in."""


@dataclass(eq=False)
class Drop:
    """One file that was dropped; `answer` is what the API last said of it, `error` why that is not known.

    `changes` counts what happened to it.
    """

    name: str
    size: int
    contract: str | None = None
    status: str = "queued"
    answer: Json = field(default_factory=dict)
    upload_id: str = ""
    error: ConsoleError | None = None
    changes: int = 0

    @property
    def is_sent(self) -> bool:
        """Whether S3 has it."""
        return bool(self.upload_id)

    @property
    def state(self) -> str:
        """Its status for a reader: of a file that S3 has, an error says nothing of how it ended."""
        if self.error is None:
            return self.status
        return "unknown" if self.is_sent else "failed"

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
        self._turns = asyncio.Semaphore(SENT_AT_ONCE)
        self.files: list[Drop] = []
        self.changes = 0
        self.sent: dict[str, Sent] = {}
        self.edits: dict[str, dict[int, str]] = {}

    def add(self, name: str, size: int, contract: str | None, opened: Callable[[], BinaryIO]) -> Drop:
        """Send a file and watch it, in the background. `opened` gives its bytes; they are closed."""
        drop = Drop(name, size, contract)
        self.files.insert(0, drop)
        self._leave_out_old()
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
        self._changed(drop)
        self._spawn(self._follow(drop))

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
        while not drop.ended and not drop.is_sent:
            await asyncio.sleep(PAUSE)
        if not drop.is_sent:
            for number in numbers:
                sent.pop(number, None)
            self.changes += 1

    async def _follow(self, drop: Drop, opened: Callable[[], BinaryIO] | None = None) -> None:
        """Send a file, unless it is sent, and watch it to its end, which is an error where anything fails."""
        try:
            if opened is not None:
                async with self._turns:
                    await self._send(drop, opened)
            await self._watch(drop)
        except ConsoleError as error:
            drop.error = error
        except Exception:
            logging.exception("a file could not be followed")
            drop.error = UNEXPECTED
        self._leave_out_old()
        self._changed(drop)

    async def _send(self, drop: Drop, opened: Callable[[], BinaryIO]) -> None:
        drop.status = "sending"
        self._changed(drop)
        try:
            with opened() as file:
                body = {"filename": drop.name} | ({"contract": drop.contract} if drop.contract else {})
                link = await asyncio.to_thread(self._api.call, "POST", "/uploads", body=body)
                if drop.size > link["max_bytes"]:
                    problem = f"{drop.name} has {drop.size:,} bytes, and an upload takes {link['max_bytes']:,}"
                    raise ConsoleError(problem, "split the file, or copy it below the incoming prefix in S3")
                await asyncio.to_thread(self._api.send, link, file, drop.name)
        except OSError as error:
            raise ConsoleError(f"{drop.name} could not be read ({error})", "drop it again") from error
        drop.upload_id, drop.status = link["upload_id"], "waiting"
        self._changed(drop)

    async def _watch(self, drop: Drop) -> None:
        pause, failures = PAUSE, 0
        while True:
            try:
                answer = await asyncio.to_thread(self._api.get, f"/uploads/{drop.upload_id}")
            except ConsoleError:
                failures += 1
                if failures == TRIES:
                    raise
            else:
                failures = 0
                if answer != drop.answer:
                    drop.answer, drop.status = answer, answer["status"]
                    self._changed(drop)
            if drop.ended:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, LONGEST_PAUSE)

    def _leave_out_old(self) -> None:
        loaded = [drop for drop in self.files if drop.state == "loaded"]
        surplus = len(self.files) - MOST_KEPT
        left_out = set(loaded[-surplus:]) if surplus > 0 else set()
        self.files = [drop for drop in self.files if drop not in left_out]

    def _changed(self, drop: Drop) -> None:
        drop.changes += 1
        self.changes += 1


def worth_showing(files: Sequence[Drop], newest: int) -> list[Drop]:
    """Return so many of the newest files, and of the others those that need somebody, in the order of `files`."""
    others = [drop for drop in files[newest:] if drop.state in IN_TROUBLE]
    return [*files[:newest], *others[:MOST_IN_TROUBLE]]


def _version_of(source: Json) -> str:
    return f"{source['key']}\n{source.get('received_at')}"
