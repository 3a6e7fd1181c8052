"""Health: what the alarms say, what waits, when the sweep ran, what was loaded in the last day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from nicegui import ui

from console.answers import GREY
from console.errors import ConsoleError
from console.health import Alarm, Day
from console.pages.ask import CHART_COLOURS
from console.pages.layout import badge, card, empty, error_card, fact, frame, loaded
from console.state import Console
from console.words import ago, count

T = TypeVar("T")


def health_page(console: Console) -> None:
    """Draw the page. Each part asks for itself: a permission that is missing takes away its part alone."""
    watcher = console.watcher
    with frame(
        console, "/health", "Health", "Read from CloudWatch and SQS with your own credentials; nothing is changed."
    ):

        async def day() -> None:
            contracts = (await asyncio.to_thread(console.api.get, "/contracts"))["contracts"]
            names = [each["name"] for each in contracts]
            _day(await asyncio.to_thread(watcher.day, names))

        async def now() -> None:
            with card("Now"), ui.element("div").classes("facts"):
                waiting = await _part(watcher.failed_events)
                if waiting is not None:
                    fact(f"{waiting:,}", "events whose load failed to the end")
                sweep = await _part(lambda: [watcher.last_sweep()])
                if sweep is not None:
                    moment = sweep[0]
                    fact(ago(None if moment is None else moment.isoformat(), datetime.now(UTC)), "last sweep ended")

        async def alarms() -> None:
            _alarms(await asyncio.to_thread(watcher.alarms))

        for draw in (now, day, alarms):
            loaded(draw)


async def _part(look: Callable[[], T]) -> T | None:
    try:
        return await asyncio.to_thread(look)
    except ConsoleError as error:
        error_card(error)
        return None


def _day(day: Day) -> None:
    totals = day.totals
    with card("The last day"):
        with ui.element("div").classes("facts"):
            fact(f"{totals['ObjectsLoaded']:,.0f}", "files loaded")
            fact(f"{totals['ObjectsQuarantined']:,.0f}", "files quarantined")
            fact(f"{totals['OrdersLoaded']:,.0f}", "documents loaded")
            fact(f"{totals['OrdersRejected']:,.0f}", "documents rejected")
            fact(f"{totals['RowsLoaded']:,.0f}", "rows")
        if not any(totals.values()):
            ui.label("No load has been measured in the last 24 hours; metrics come some minutes late.").classes("muted")
            return
        line = {"lineStyle": {"color": GREY, "opacity": 0.25}}
        hours = [f"{hour.astimezone():%H:00}" for hour in day.hours]
        bars = {"type": "bar", "stack": "documents", "barMaxWidth": 40}
        ui.echart(
            {
                "animation": False,
                "aria": {"enabled": True},
                "grid": {"left": 8, "right": 16, "top": 36, "bottom": 8, "containLabel": True},
                "legend": {"top": 0, "textStyle": {"color": GREY}, "left": 0},
                "tooltip": {"trigger": "axis", "renderMode": "richText", "confine": True},
                "xAxis": {"type": "category", "data": hours, "axisLabel": {"color": GREY}, "axisLine": line},
                "yAxis": {"type": "value", "axisLabel": {"color": GREY}, "splitLine": line},
                "series": [
                    bars | {"name": "loaded", "data": day.loaded, "itemStyle": {"color": CHART_COLOURS[0]}},
                    bars | {"name": "rejected", "data": day.rejected, "itemStyle": {"color": CHART_COLOURS[1]}},
                ],
            }
        ).classes("chart").style("height: 260px").props('role=img aria-label="Documents by the hour"')


def _alarms(alarms: list[Alarm]) -> None:
    if not alarms:
        empty("There are no alarms", "python -m glue_setup apply makes those of the stage.")
        return
    ringing = [alarm for alarm in alarms if alarm.state == "ALARM"]
    with card(f"Alarms: {count(len(ringing), 'rings', 'ring')}" if ringing else "Alarms: none rings"):
        for alarm in alarms:
            with ui.element("div").classes("alarm"):
                badge(alarm.state)
                with ui.element("div").style("min-width: 0"):
                    ui.label(alarm.name).style("font-weight: 500").classes("wrap")
                    if alarm.since and alarm in ringing:
                        ui.label(f"since {alarm.since.astimezone():%Y-%m-%d %H:%M}").classes("small")
                    ui.label(alarm.meaning).classes("muted small wrap")
