"""Fix and resend: the rejected records of a source object, corrected and sent again as a file of their own."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from console.api import Json
from console.drops import Drop, pages
from console.pages.download import download_quarantine
from console.pages.drop import watched
from console.pages.layout import button, card, empty, frame, loaded, text_of
from console.records import kind_of, problem_with
from console.state import Console
from console.words import count, name_of

MOST_RECORDS = 1000
"""How many rejected records one visit reads: the first of them are sent, then the next are there."""
AT_ONCE = 20
"""How many are drawn at once, each in an editor."""
ALL = "all reasons"


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
        """Whether it is still what was sent and rejected."""
        return bool(self.text != self.record["raw"])


class Desk:
    """The rejected records of one source object, and what is done with them."""

    def __init__(self, console: Console, source: Json, first: Json, records: list[Json]) -> None:
        self.console = console
        self.source = source
        self.total = int(first["orders_rejected"])
        self.quarantine_url = first["quarantine_url"]
        self.sent = console.drops.sent_of(source)
        self.edits = console.drops.edits_of(source)
        numbered = [each for each in records if each["record_number"] is not None]
        texts = {each["record_number"]: str(each["raw"]) for each in numbered} | self.edits
        self.all = [Editing(each, texts[each["record_number"]]) for each in numbered]
        self.kind = ALL
        self.shown = AT_ONCE

    @property
    def kinds(self) -> dict[str, str]:
        """The kinds of reasons with how many records have each, for a choice."""
        numbers = Counter(kind_of(each.record["reason"]) for each in self.all)
        every = {ALL: f"All reasons ({len(self.all)})"}
        return every | {kind: f"{kind} ({number})" for kind, number in numbers.most_common()}

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
            if each.changed and not each.leave_out and each.problem is None and each.number not in self.sent
        ]

    def send(self) -> Drop | None:
        """Send them."""
        corrected = {each.number: each.text for each in self.ready}
        return self.console.drops.resend(self.source, corrected, self.source["contract"])


def fix_page(console: Console, key: str) -> None:
    """Draw the page."""
    with frame(
        console, "/", f"Fix {name_of(key)}", "Correct what was rejected, and send it again as a file of its own."
    ):
        drops: list[Drop] = [each for each in console.drops.files if each.name in _files_of(console, key)]

        async def draw() -> None:
            source = await asyncio.to_thread(lambda: console.api.get("/source", key=key))

            async def ask(more: dict[str, Any]) -> Json:
                answer: Json = await asyncio.to_thread(
                    lambda: console.api.get("/rejected", key=key, page_size=200, **more)
                )
                return answer

            records, first = await pages(ask, "records", MOST_RECORDS)
            if not records:
                reason = source["reason"] or "Every document of this file is in the tables."
                empty("No rejected records", f"{reason[:1].upper()}{reason[1:]}")
                return
            _draw_desk(Desk(console, source, first, records), drops)

        with ui.element("div").classes("resent"):
            watched(console, lambda: drops)
        loaded(draw)


def _files_of(console: Console, key: str) -> set[str]:
    return {name for each, sent in console.drops.sent.items() if each.startswith(f"{key}\n") for name in sent.values()}


def _draw_desk(desk: Desk, drops: list[Drop]) -> None:
    with ui.element("div").classes("bar tools"):
        choice = ui.select(desk.kinds, value=ALL, label="Filter by reason").props("outlined dense options-dense")
        choice.classes("grow")
        sending = button("Send again", "send", primary=True).props("id=send")
        if desk.quarantine_url:
            button("Download all", "download", lambda: download_quarantine(desk.console, desk.source))
    hint = ui.label().classes("muted small")

    def count_ready() -> None:
        ready = len(desk.ready)
        sending.set_text(f"Send {count(ready, 'record')} again")
        sending.set_enabled(ready > 0)
        rest = desk.total - len(desk.all)
        beyond = f" These are the first {len(desk.all):,} of {desk.total:,}." if rest > 0 else ""
        hint.set_text(
            f"A record is sent once its text is changed and is JSON. {len(desk.sent)} sent again so far.{beyond}"
        )

    @ui.refreshable
    def records() -> None:
        matching = desk.matching
        for each in matching[: desk.shown]:
            _record(desk, each, count_ready)
        if len(matching) > desk.shown:
            button(f"Show {min(AT_ONCE, len(matching) - desk.shown)} more", "expand_more", more)

    def more() -> None:
        desk.shown += AT_ONCE
        records.refresh()

    def chosen() -> None:
        desk.kind, desk.shown = choice.value or ALL, AT_ONCE
        records.refresh()
        count_ready()

    def send() -> None:
        drop = desk.send()
        if drop is not None:
            drops.insert(0, drop)
        records.refresh()
        count_ready()
        ui.run_javascript("document.querySelector('.resent').scrollIntoView({block: 'nearest'})")

    choice.on_value_change(chosen)
    sending.on_click(send)
    with ui.element("div").classes("stack"):
        records()
    count_ready()


def _record(desk: Desk, editing: Editing, changed: Any) -> None:
    record = editing.record
    sent_in = desk.sent.get(editing.number)
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
                ui.checkbox("Leave out", value=editing.leave_out).props("dense").on_value_change(
                    lambda event: _set(editing, "leave_out", event.value, changed)
                )
        ui.label(record["reason"]).classes("wrap")
        area = ui.textarea(value=editing.text).props("outlined dense autogrow debounce=200 spellcheck=false")
        area.props(f'aria-label="Record {editing.number}"')
        area.classes("raw").style("width: 100%")
        problem = ui.label(editing.problem or "").classes("small wrap").style("color: var(--bad)")
        problem.set_visibility(editing.problem is not None)
        if sent_in or not record["exact"]:
            area.props("readonly")

        def edited(text: str) -> None:
            desk.edits[editing.number] = text
            _set(editing, "text", text, changed)
            problem.set_text(editing.problem or "")
            problem.set_visibility(editing.problem is not None)

        area.on_value_change(lambda event: edited(event.value or ""))


def _set(editing: Editing, name: str, value: object, changed: Any) -> None:
    setattr(editing, name, value)
    changed()
