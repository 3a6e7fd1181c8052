"""Tables: what the contracts say of them, and how fresh they are."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import quote

from nicegui import ui

from console.api import Json
from console.pages.layout import badge, card, empty, frame, heading, loaded, text_of
from console.state import Console
from console.words import ago, count, name_of

LAST_FILES = 5


def tables_page(console: Console) -> None:
    """Draw the page."""
    with frame(
        console,
        "/tables",
        "Tables",
        "What documents become: the contracts, their tables, and where each column comes from.",
    ):

        async def draw() -> None:
            contracts: list[Json] = (await asyncio.to_thread(console.api.get, "/contracts"))["contracts"]
            for contract in contracts:
                _draw(console, contract)

        loaded(draw)


def _draw(console: Console, contract: Json) -> None:
    with card(contract["name"]):
        ui.label(contract["description"]).classes("muted wrap")
        with ui.element("div").classes("small wrap"):
            text_of("Files are dropped below ")
            with ui.element("code"):
                text_of(contract["incoming"])

        async def last() -> None:
            page = await asyncio.to_thread(
                lambda: console.api.get("/sources", prefix=contract["incoming"], page_size=LAST_FILES)
            )
            _files([each for each in page["sources"] if each["contract"] == contract["name"]])

        loaded(last)
    for table in contract["tables"]:
        _table(table)


def _files(sources: list[Json]) -> None:
    if not sources:
        empty("No file yet", "Go to Drop: with the first file the tables have rows.")
        return
    now = datetime.now(UTC)
    done = [each for each in sources if each["status"] in ("loaded", "partly_loaded") and each["finished_at"]]
    newest = max((each["finished_at"] for each in done), default=None, key=datetime.fromisoformat)
    ui.label(f"Fresh as of {ago(newest, now)}; the last files:" if newest else "The last files:").style(
        "font-weight: 500"
    )
    for each in sources:
        with ui.element("div").classes("bar").style("gap: 8px"):
            badge(each["status"])
            ui.link(name_of(each["key"]), f"/source?key={quote(each['key'], safe='')}").classes("wrap")
            ui.label(f"{count(each['rows'], 'row')} · {ago(each['received_at'], now)}").classes("muted small")


def _table(table: Json) -> None:
    with card():
        with ui.element("div").classes("bar"):
            heading(table["name"], 2)
            ui.label(count(len(table["columns"]), "column")).classes("muted small")
        ui.label(table["description"]).classes("muted wrap")
        notes = [f"one row for each of {table['rows']}" if table["rows"] else "one row for each document"]
        notes += [
            f"{words}: {table[name]}"
            for name, words in (
                ("latest", "latest versions in the view"),
                ("documents", "one row a document in the view"),
            )
            if table[name]
        ]
        ui.label("; ".join(notes)).classes("small wrap")
        with ui.element("div").classes("scroll"), ui.element("table").classes("plain columns"):
            with ui.element("thead"), ui.element("tr"):
                for name in ("Column", "Type", "From", "What it is"):
                    with ui.element("th"):
                        text_of(name)
            with ui.element("tbody"):
                for column in table["columns"]:
                    _column(column)


def _column(column: Json) -> None:
    with ui.element("tr"):
        with ui.element("td"), ui.element("b"):
            text_of(column["name"])
        with ui.element("td"):
            text_of(column["type"])
        with ui.element("td"), ui.element("code"):
            text_of(column["from"])
        with ui.element("td"):
            ui.label(column["description"]).classes("wrap")
            more = [*(["required"] if column["required"] else []), *column["rules"]]
            if more:
                ui.label("; ".join(more)).classes("muted small wrap")
