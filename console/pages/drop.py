"""Drop: files go in by drag or by keyboard, and each is watched until it is loaded or is not."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote

from nicegui import ui
from nicegui.events import UploadEventArguments

from console.drops import Drop, worth_showing
from console.pages.layout import badge, button, card, empty, error_card, fact, frame, loaded
from console.state import Console
from console.words import STATES, count, dollars, moment, seconds, size

LOOK_SECONDS = 0.25
AT_ONCE = 30
"""How many of the newest files are drawn at once."""
SEND = """(async (files) => {
    window.onbeforeunload ??= (event) => window.sending && event.preventDefault();
    window.sending = (window.sending ?? 0) + files.length;
    for (const file of files) {
        const form = new FormData();
        form.append("file", file);
        await fetch("ADDRESS", {method: "POST", body: form})
            .then((answer) => { if (!answer.ok) throw answer.status; })
            .catch(() => emitEvent("not_taken", file.name));
        window.sending -= 1;
    }
})"""
"""Sends files to the console, one after the other; ADDRESS is where it takes them. Who leaves meanwhile is asked."""
ACCEPTED = ".json, .ndjson or .jsonl, each also as .gz"


def drop_page(console: Console) -> None:
    """Draw the page."""
    with frame(console, "/", "Drop files", "Drop files of documents and watch them become rows."):
        chosen = _contract(console)
        with ui.element("section").classes("card drop") as zone:
            ui.icon("upload_file", size="40px", color="primary")
            ui.label("Drop files here, or choose them").style("font-weight: 500; font-size: 1.05rem")
            ui.label(f"{ACCEPTED}; an array, one document a line, or one document.").classes("muted small")

            async def take(event: UploadEventArguments) -> None:
                path = console.folder / secrets.token_hex(8)
                try:
                    await event.file.save(path)
                except OSError as problem:
                    ui.notify(f"{event.file.name} could not be kept ({problem})", type="negative", timeout=0)
                else:
                    console.drops.add_path(event.file.name, path, chosen.value or None)

            _takes_files(zone, take)
        nothing = ("Nothing dropped yet", "Drop a file above. sample_data/orders_etl.json is one to begin with.")
        watched(console, lambda: console.drops.files, *nothing)


def _takes_files(zone: ui.element, take: Callable[[UploadEventArguments], Awaitable[None]]) -> None:
    """Have `take` called with each file that is dropped onto a zone or chosen by its button."""
    chooser = (
        ui.element("input").props('type=file multiple aria-label="Files to drop" tabindex=-1').style("display: none")
    )
    # It receives files. Its looks are not used, nor its queue, which takes no file twice and none while it sends.
    receiver = ui.upload(on_upload=take, auto_upload=True).style("display: none")
    send = SEND.replace("ADDRESS", str(receiver.props["url"]))
    button("Choose files", "folder_open", primary=True).props("id=choose").on(
        "click", js_handler=f"() => getHtmlElement({chooser.id}).click()"
    )
    chooser.on("change", js_handler=f"(e) => {{ ({send})([...e.target.files]); e.target.value = ''; }}")
    zone.on("dragover", js_handler="(e) => { e.preventDefault(); e.currentTarget.classList.add('over'); }")
    zone.on("dragleave", js_handler="(e) => e.currentTarget.classList.remove('over')")
    dropped = f"e.preventDefault(); e.currentTarget.classList.remove('over'); ({send})([...e.dataTransfer.files]);"
    zone.on("drop", js_handler=f"(e) => {{ {dropped} }}")
    ui.on(
        "not_taken",
        lambda event: ui.notify(f"{event.args} could not be read: drop it again, as a file", type="negative"),
    )


def _contract(console: Console) -> ui.select:
    options = {"": "Default"}
    choice = (
        ui.select(options, value="", label="Contract").props("outlined dense").style("max-width: 420px; width: 100%")
    )
    choice.set_visibility(False)

    async def fill() -> None:
        answer = await asyncio.to_thread(console.api.get, "/contracts")
        contracts = answer["contracts"]
        choice.set_options(
            {"": "Default: the only one, else orders"} | {each["name"]: _words(each) for each in contracts}
        )
        choice.set_visibility(len(contracts) > 1)

    loaded(fill)
    return choice


def _words(contract: dict[str, str]) -> str:
    return f"{contract['name']} – {contract['description']}"[:90]


def watched(console: Console, files: Callable[[], list[Drop]], *nothing: str) -> None:
    """Draw files that are on their way, newest first; `nothing` is what is said of none."""
    with ui.element("div").classes("stack").props("aria-live=polite"):
        Watched(console, files, nothing)


class Watched:
    """Files as they are, each drawn anew when something happened to it.

    What did not change is left as it is, and of hundreds not all are drawn: a browser would do nothing else any more.
    """

    def __init__(self, console: Console, files: Callable[[], list[Drop]], nothing: Sequence[str]) -> None:
        self._console = console
        self._files = files
        self._newest = AT_ONCE
        self._seen = -1
        self._drawn: dict[Drop, tuple[ui.element, int]] = {}
        with ui.element("div").classes("stack") as self._none:
            if nothing:
                empty(*nothing)
        self._sum = ui.label().classes("muted small")
        self._area = ui.element("div").classes("stack")
        self._more = button(f"Show {AT_ONCE} more", "expand_more", self._show_more)
        self._look()
        ui.timer(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if self._seen != self._console.drops.changes:
            self._seen = self._console.drops.changes
            self._draw()

    def _show_more(self) -> None:
        self._newest += AT_ONCE
        self._draw()

    def _draw(self) -> None:
        files = self._files()
        shown = worth_showing(files, self._newest)
        for gone in self._drawn.keys() - set(shown):
            self._drawn.pop(gone)[0].delete()
        for i, drop in enumerate(shown):
            box, changes = self._drawn.get(drop) or (self._box(), -1)
            if self._area.default_slot.children[i] is not box:
                box.move(self._area, i)
            if changes != drop.changes:
                self._drawn[drop] = box, drop.changes
                box.clear()
                with box:
                    _draw(self._console, drop)
        self._none.set_visibility(not files)
        self._more.set_visibility(len(shown) < len(files))
        self._sum.set_visibility(len(shown) < len(files))
        states = Counter(STATES[drop.state] for drop in files)
        self._sum.set_text(f"{len(files):,} files: " + ", ".join(f"{n:,} {state}" for state, n in states.items()))

    def _box(self) -> ui.element:
        with self._area:
            return ui.element("div").classes("stack")


def _draw(console: Console, drop: Drop) -> None:
    answer = drop.answer
    with card("", "file").props(f'data-file="{quote(drop.name)}" data-status={drop.status}'):
        with ui.element("div").classes("bar"):
            with ui.element("div").classes("grow"):
                ui.label(drop.name).classes("wrap").style("font-weight: 600")
                ui.label(_about(drop)).classes("muted small wrap")
            if not drop.ended:
                ui.spinner(size="18px")
            badge(drop.state)
        if drop.error is not None:
            again = (lambda: console.drops.look_again(drop)) if drop.is_sent else None
            error_card(drop.error, again)
        if answer.get("reason"):
            ui.label(answer["reason"]).classes("note wrap")
        if drop.status in ("loaded", "partly_loaded"):
            ended(answer)
        if drop.status in ("loaded", "partly_loaded", "quarantined"):
            links(answer)


def ended(answer: dict[str, object]) -> None:
    """Draw the figures of a load that has ended."""
    figures = {
        name: int(str(answer[name])) for name in ("orders_read", "orders_loaded", "orders_rejected", "rows", "files")
    }
    took = answer["seconds"]
    duration = float(str(took)) if took is not None else None
    with ui.element("div").classes("facts"):
        fact(f"{figures['orders_loaded']:,} of {figures['orders_read']:,}", "documents loaded")
        fact(f"{figures['orders_rejected']:,}", "rejected")
        fact(f"{figures['rows']:,}", f"rows in {count(figures['files'], 'file')}")
        fact(seconds(duration), "to load")
        cost = answer.get("dollars")
        fact(dollars(None if cost is None else float(str(cost))), "about, to load it")
    hints = answer["hints"]
    if isinstance(hints, list) and hints:
        with ui.expansion(f"{count(len(hints), 'hint')} about the contract").classes("muted"):
            for hint in hints:
                ui.label(str(hint)).classes("small wrap")


def links(source: dict[str, object], *, history: bool = True) -> None:
    """Draw where to go from a source object."""
    key = quote(str(source["key"]), safe="")
    rejected = int(str(source["orders_rejected"]))
    with ui.element("div").classes("bar"):
        if source["status"] == "partly_loaded" and rejected:
            ui.link(f"See and fix {count(rejected, 'rejected record')}", f"/fix?key={key}").style("font-weight: 500")
        if history:
            ui.link("History", f"/source?key={key}")


def _about(drop: Drop) -> str:
    arrived = drop.answer.get("received_at")
    parts = [size(drop.size)]
    if drop.answer.get("contract") or drop.contract:
        parts.append(f"contract {drop.answer.get('contract') or drop.contract}")
    if arrived:
        parts.append(f"arrived {moment(arrived)}")
    return " · ".join(parts)
