"""Sources: what came when and what became of it; one source object with its versions."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from urllib.parse import quote

from nicegui import ui

from console.api import Json
from console.pages.drop import ended, links
from console.pages.layout import badge, button, card, empty, fact, frame, loaded, text_of
from console.state import Console
from console.words import ago, count, moment, name_of, size


def sources_page(console: Console, contains: str = "") -> None:
    """Draw the list."""
    with frame(console, "/sources", "Sources", "Everything that was dropped, newest first."):
        shown: list[Json] = []
        asked = {"contains": contains, "token": ""}

        with ui.element("div").classes("bar"):
            search = ui.input("Search by key", value=contains).props(
                "outlined dense clearable debounce=400 type=search"
            )
            search.classes("grow")
            button("Reload", "refresh", lambda: begin())

        async def draw() -> None:
            query: dict[str, str | int] = {"page_size": 25}
            if asked["contains"]:
                query["contains"] = asked["contains"]
            if asked["token"]:
                query["page_token"] = asked["token"]
            page = await asyncio.to_thread(lambda: console.api.get("/sources", **query))
            if not asked["token"]:
                shown.clear()
            shown.extend(page["sources"])
            _draw_list(shown, page, asked["contains"])
            token = page["next_page_token"]
            if token:
                button("Show older ones", "expand_more", lambda: begin(token))

        fill = loaded(draw)

        async def begin(token: str = "") -> None:
            asked.update(contains=(search.value or "").strip(), token=token)
            await fill()

        search.on_value_change(lambda: begin())


def _draw_list(sources: list[Json], page: Json, contains: str) -> None:
    if not sources and contains:
        empty("Nothing has this in its key", "Search for another part of it: a file's name, a contract's folder.")
        return
    if not sources:
        empty("Nothing was dropped yet", "Go to Drop and drop a file, or put one below the incoming prefix in S3.")
        return
    if not page["complete"]:
        ui.label(
            f"There are more than the {page['looked_through']:,} objects that were looked through: newer ones may be "
            "missing here."
        ).classes("note")
    now = datetime.now(UTC)
    with card("", "list"):
        for source in sources:
            with ui.link(target=f"/source?key={quote(source['key'], safe='')}").classes("item"):
                with ui.element("div").style("min-width: 0"):
                    ui.label(name_of(source["key"])).classes("name wrap")
                    ui.label(f"{source['contract'] or 'no contract'} · {size(source['source_bytes'])}").classes(
                        "muted small"
                    )
                with ui.element("div"):
                    badge(source["status"])
                ui.label(_outcome(source)).classes("counts small wrap")
                ui.label(ago(source["received_at"], now)).classes("when muted small").props(
                    f'title="{moment(source["received_at"])}"'
                )


def _outcome(source: Json) -> str:
    if source["reason"]:
        reason = str(source["reason"])
        return reason if len(reason) <= 90 else f"{reason[:89]}…"
    if source["status"] not in ("loaded", "partly_loaded"):
        return ""
    rejected = f", {source['orders_rejected']:,} rejected" if source["orders_rejected"] else ""
    return f"{count(source['orders_loaded'], 'document')}, {count(source['rows'], 'row')}{rejected}"


def source_page(console: Console, key: str) -> None:
    """Draw one source object."""
    with frame(console, "/sources", name_of(key)):
        ui.label(key).classes("muted small wrap")

        async def draw() -> None:
            source = await asyncio.to_thread(lambda: console.api.get("/source", key=key))
            with card():
                with ui.element("div").classes("bar"):
                    badge(source["status"])
                    ui.label(f"contract {source['contract'] or '–'}").classes("muted")
                if source["reason"]:
                    ui.label(source["reason"]).classes("note wrap")
                if source["status"] in ("loaded", "partly_loaded"):
                    ended(source)
                with ui.element("div").classes("facts"):
                    fact(moment(source["received_at"]), "arrived")
                    fact(moment(source["finished_at"]), "finished")
                    fact(size(source["source_bytes"]), "file")
                links(source, history=False)
            _receipt(source)
            _versions(source["versions"])

        loaded(draw)


def _receipt(source: Json) -> None:
    receipt = source.get("receipt")
    if not receipt:
        return
    with card("Receipt"):
        ui.label("What the sender is told:").classes("muted small")
        ui.label(str(receipt.get("what_to_do") or "")).classes("wrap")
        with ui.expansion("As it is stored"), ui.element("pre").classes("code"):
            text_of(json.dumps(receipt, ensure_ascii=False, indent=1))


def _versions(versions: list[Json]) -> None:
    with card("Versions"):
        if not versions:
            ui.label("The bucket keeps none of this key any more.").classes("muted")
            return
        with ui.element("div").classes("scroll"), ui.element("table").classes("plain"):
            with ui.element("thead"), ui.element("tr"):
                for name in ("Arrived", "Size", "", "Version"):
                    with ui.element("th"):
                        text_of(name)
            with ui.element("tbody"):
                for each in versions:
                    with ui.element("tr"):
                        _version(each)


def _version(version: Json) -> None:
    marks = [
        words
        for name, words in (
            ("deletion", "deleted the key"),
            ("newest", "newest"),
            ("in_tables", "its rows are in the tables"),
        )
        if version[name]
    ]
    for value in (moment(version["received_at"]), size(version["source_bytes"]), ", ".join(marks) or "replaced"):
        with ui.element("td"):
            text_of(value)
    with ui.element("td"), ui.element("code"):
        text_of(version["version"])
