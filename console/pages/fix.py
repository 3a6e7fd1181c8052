"""Fix and resend: the rejected records of a source object, corrected and sent again as a file of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from nicegui import ui

from console.api import Json
from console.desk import ALL, MOST_RECORDS, Desk, Editing
from console.drops import Drop
from console.errors import ConsoleError
from console.pages.download import download_quarantine
from console.pages.drop import watched
from console.pages.layout import button, card, empty, frame, loaded, text_of
from console.state import Console
from console.words import count, name_of

AT_ONCE = 20
"""How many records are drawn at once, each in an editor."""
LEAD = "Correct what was rejected, and send it again as a file of its own."


def fix_page(console: Console, key: str) -> None:
    """Draw the page."""
    with frame(console, "/", f"Fix {name_of(key)}", LEAD):
        drops: list[Drop] = [each for each in console.drops.files if each.name in _files_of(console, key)]

        async def draw() -> None:
            source = await asyncio.to_thread(lambda: console.api.get("/source", key=key))
            desk = Desk(console.drops, source)

            def ask(more: dict[str, Any]) -> Json:
                return console.api.get("/rejected", key=key, page_size=200, **more)

            await asyncio.to_thread(desk.read, ask)
            if not desk.all:
                empty("No rejected records", _why_none(source, desk.total))
                return
            Editors(console, desk, drops, lambda: desk.read(ask)).draw()

        with ui.element("div").classes("resent"):
            watched(console, lambda: drops)
        loaded(draw)


def _files_of(console: Console, key: str) -> set[str]:
    return {name for each, sent in console.drops.sent.items() if each.startswith(f"{key}\n") for name in sent.values()}


def _why_none(source: Json, rejected: int) -> str:
    """Return why a source has no rejected records to correct."""
    if source["status"] == "partly_loaded" and rejected:
        return f"{count(rejected, 'record was', 'records were')} rejected, but what was kept of them is gone."
    reason = str(source["reason"] or "Every document of this file is in the tables.")
    return f"{reason[:1].upper()}{reason[1:]}"


class Editors:
    """The editors of a desk's records, and what is above them."""

    def __init__(self, console: Console, desk: Desk, drops: list[Drop], read: Callable[[], None]) -> None:
        self._console = console
        self._desk = desk
        self._drops = drops
        self._read = read
        self._shown = AT_ONCE

    def draw(self) -> None:
        """Draw them."""
        with ui.element("div").classes("bar tools"):
            self._choice = ui.select(self._desk.kinds, value=ALL, label="Filter by reason")
            self._choice.props("outlined dense options-dense").classes("grow").on_value_change(self._choose)
            self._sending = button("Send again", "send", self._send, primary=True).props("id=send")
            if self._desk.quarantine_url:
                button("Download all", "download", lambda: download_quarantine(self._console, self._desk.source))
        self._hint = ui.label().classes("muted small")
        with ui.expansion("Replace a text in all of them"), ui.element("div").classes("bar"):
            old = ui.input("Text").props("outlined dense").classes("grow raw")
            new = ui.input("Becomes").props("outlined dense").classes("grow raw")
            button("Replace", "find_replace", lambda: self._replace(old.value or "", new.value or ""))
        with ui.element("div").classes("stack"):
            self._records()
        self._count()

    @ui.refreshable_method
    def _records(self) -> None:
        matching = self._desk.matching
        for each in matching[: self._shown]:
            self._record(each)
        if len(matching) > self._shown:
            button(f"Show {min(AT_ONCE, len(matching) - self._shown)} more", "expand_more", self._more)
        elif self._desk.next_page:
            button(f"Read {MOST_RECORDS:,} more", "expand_more", self._read_more)

    def _count(self) -> None:
        desk, ready = self._desk, len(self._desk.ready)
        self._sending.set_text(f"Send {count(ready, 'record')} again")
        self._sending.set_enabled(ready > 0)
        beyond = f" These are the first {len(desk.all):,} of {desk.total:,}." if desk.next_page else ""
        self._hint.set_text(
            f"A record is sent once its text is changed and is JSON. {len(desk.sent):,} sent again so far.{beyond}"
        )

    def _redraw(self) -> None:
        self._records.refresh()
        self._count()

    def _more(self) -> None:
        self._shown += AT_ONCE
        self._redraw()

    async def _read_more(self) -> None:
        try:
            await asyncio.to_thread(self._read)
        except ConsoleError as error:
            ui.notify(f"{error.problem}: {error.remedy}", type="negative")
        self._choice.set_options(self._desk.kinds)
        self._more()

    def _choose(self) -> None:
        self._desk.kind, self._shown = self._choice.value or ALL, AT_ONCE
        self._redraw()

    def _replace(self, old: str, new: str) -> None:
        ui.notify(f"Replaced in {count(self._desk.replace(old, new), 'record')}.")
        self._redraw()

    def _send(self) -> None:
        drop = self._desk.send()
        if drop is not None:
            self._drops.insert(0, drop)
        self._redraw()
        ui.run_javascript("document.querySelector('.resent').scrollIntoView({block: 'nearest'})")

    def _record(self, editing: Editing) -> None:
        record, sent_in = editing.record, self._desk.sent.get(editing.number)
        with card("", "record", *(("sent",) if sent_in else ())).props(f"data-record={editing.number}"):
            with ui.element("div").classes("bar"):
                with ui.element("b"):
                    text_of(f"Record {editing.number}")
                if record["path"]:
                    with ui.element("code"):
                        text_of(record["path"])
                ui.element("span").classes("grow")
                if sent_in:
                    ui.label(f"sent again in {sent_in}").classes("badge good wrap")
                else:
                    out = ui.checkbox("Leave out", value=editing.leave_out).props("dense")
                    out.on_value_change(lambda event: self._leave_out(editing, bool(event.value)))
            ui.label(record["reason"]).classes("wrap")
            area = ui.textarea(value=editing.text).props("outlined dense autogrow debounce=200 spellcheck=false")
            area.props(f'aria-label="Record {editing.number}"').classes("raw").style("width: 100%")
            problem = ui.label(editing.problem or "").classes("small wrap problem")
            if sent_in or not record["exact"]:
                area.props("readonly")
            area.on_value_change(lambda event: self._edit(editing, event.value or "", problem))

    def _edit(self, editing: Editing, text: str, problem: ui.label) -> None:
        self._desk.edit(editing, text)
        problem.set_text(editing.problem or "")
        self._count()

    def _leave_out(self, editing: Editing, leave_out: bool) -> None:
        editing.leave_out = leave_out
        self._count()
