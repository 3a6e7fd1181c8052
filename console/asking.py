"""One run of a saved query: begun, looked at until it has ended, cancelled on demand. No page here."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping

from console.api import Api, Json
from console.errors import ConsoleError

PAUSE, LONGEST_PAUSE = 0.2, 2.0
PAGE = 1000


class Run:
    """A run of a saved query with these parameters; `execution` is what the API last told of it."""

    def __init__(self, api: Api, query: str, parameters: Mapping[str, str]) -> None:
        self._api = api
        self.query = query
        self.parameters = dict(parameters)
        self.execution: Json = {}
        self.columns: list[dict[str, str]] = []
        self.rows: list[list[object]] = []
        self.next_page: str | None = None

    async def begin(self) -> None:
        """Begin it. Raises ConsoleError, with `fields` where a parameter is not taken."""
        # A call that is repeated below us must not run, and be paid, twice.
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        answer = await asyncio.to_thread(
            self._api.call, "GET", f"/queries/{self.query}", query=self.parameters | {"wait": 0}, headers=headers
        )
        self.execution = {"state": "QUEUED"} | {
            name: answer[name] for name in answer if name not in ("rows", "columns")
        }

    async def end(self) -> None:
        """Wait until it has ended, and read the first rows. Raises ConsoleError where it has failed."""
        pause = PAUSE
        path = f"/executions/{self.execution['execution_id']}"
        while True:
            self.execution = await asyncio.to_thread(self._api.get, path)
            if self.execution["state"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
                break
            await asyncio.sleep(pause)
            pause = min(pause * 1.4, LONGEST_PAUSE)
        if self.execution["state"] == "CANCELLED":
            raise ConsoleError("the query was cancelled", "ask again when you want its answer")
        if self.execution["state"] == "FAILED":
            raise ConsoleError("the query failed", str(self.execution["reason"]))
        await self.more()

    async def more(self) -> None:
        """Read the next rows."""
        query: dict[str, str | int] = {"page_size": PAGE} | ({"page_token": self.next_page} if self.next_page else {})
        path = f"/executions/{self.execution['execution_id']}/results"
        page = await asyncio.to_thread(self._api.call, "GET", path, query=query)
        self.columns = page["columns"]
        self.rows += page["rows"]
        self.next_page = page["next_page_token"]

    async def cancel(self) -> None:
        """Have it cancelled; `end` tells when it is."""
        await asyncio.to_thread(self._api.call, "DELETE", f"/executions/{self.execution['execution_id']}")
