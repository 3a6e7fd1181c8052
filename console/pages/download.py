"""Downloads: what a link of the API leads to is fetched by the console, and handed to the browser as a file."""

from __future__ import annotations

import asyncio
import secrets

from nicegui import ui

from console.api import Json
from console.errors import ConsoleError
from console.state import Console


async def download_answer(console: Console, execution_id: str, query: str) -> None:
    """Hand over the rows of an execution as CSV for spreadsheets; as Athena writes it where the API has only that."""
    path = f"/executions/{execution_id}/download"
    try:
        try:
            link = await asyncio.to_thread(lambda: console.api.get(path, format="excel"))
        except ConsoleError as error:
            if "format" not in error.fields:
                raise
            link = await asyncio.to_thread(console.api.get, path)
        await _hand_over(console, link["url"], f"{query}.csv")
    except ConsoleError as error:
        _say(error)


async def download_quarantine(console: Console, source: Json) -> None:
    """Hand over all that was rejected of a source object, byte for byte."""
    name = f"{source['key'].rpartition('/')[2]}.rejected.ndjson.gz"
    try:
        page = await asyncio.to_thread(lambda: console.api.get("/rejected", key=source["key"], page_size=1))
        await _hand_over(console, page["quarantine_url"], name)
    except ConsoleError as error:
        _say(error)


async def _hand_over(console: Console, url: str, name: str) -> None:
    """Fetch a file and have the browser save it: it gets no link of AWS's."""
    target = console.folder / secrets.token_hex(8)
    await asyncio.to_thread(console.api.download, url, target)
    ui.download.file(target, name)


def _say(error: ConsoleError) -> None:
    ui.notify(f"{error.problem}: {error.remedy}", type="negative", close_button="Close", timeout=0)
