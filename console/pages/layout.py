"""What all pages have in common: the frame around them, and the few parts they are made of."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nicegui import ui

from console.errors import UNEXPECTED, ConsoleError
from console.state import Console
from console.words import STATES, TONES

CSS = (Path(__file__).parents[1] / "style.css").read_text("utf-8")
PAGES = {"/": "Drop", "/sources": "Sources", "/ask": "Ask", "/tables": "Tables", "/health": "Health"}
THEMES = {
    None: ("brightness_auto", "Colours follow the system"),
    False: ("light_mode", "Light colours"),
    True: ("dark_mode", "Dark colours"),
}


LONG = 14
"""Characters of a figure above which it is drawn smaller."""


@contextmanager
def frame(console: Console, page: str, title: str, lead: str = "") -> Iterator[None]:
    """Draw the frame of a page, whose content is what the `with` block draws. `page` is the entry of the menu."""
    ui.add_css(CSS)
    ui.page_title(f"{title} · {console.stage.app} {console.stage.name}")
    dark = ui.dark_mode(console.dark)
    ui.link("To the content", "#content").classes("skip")
    with ui.element("header").classes("top"), ui.element("div").classes("top-in"):
        ui.link("Orders console", "/").classes("brand")
        with ui.element("nav").classes("nav").props('aria-label="Pages"'):
            for path, name in PAGES.items():
                link = ui.link(name, path)
                if path == page:
                    link.props('aria-current="page"')
        ui.label(f"stage {console.stage.name}").classes("stage").tooltip(console.api.url)
        switch = ui.button(color=None).props("flat round dense")

        def show() -> None:
            icon, words = THEMES[console.dark]
            switch.props(f'icon={icon} aria-label="{words}: change" title="{words}"')

        def change() -> None:
            console.dark = {None: True, True: False, False: None}[console.dark]
            dark.value = console.dark
            show()

        switch.on_click(change)
        show()
    with ui.element("main").classes("main").props("id=content"):
        with ui.element("div").classes("head"):
            heading(title)
            if lead:
                ui.label(lead).classes("lead")
        yield


def heading(text: str, level: int = 1) -> None:
    """Draw a heading."""
    with ui.element(f"h{level}").classes("wrap"):
        text_of(text)


def text_of(text: str) -> None:
    """Draw a text, as a text: no part of it is ever HTML."""
    ui.label(text).style("display: inline")


def card(title: str = "", *classes: str) -> ui.element:
    """Draw a card, to be filled in a `with` block."""
    made = ui.element("section").classes(" ".join(("card", *classes)))
    if title:
        with made:
            heading(title, 2)
    return made


def badge(state: str) -> ui.element:
    """Draw a state, with the colour of what it means."""
    made = ui.element("span").classes(f"badge {TONES.get(state, '')}")
    with made:
        text_of(STATES.get(state, state.lower().replace("_", " ")))
    return made


def fact(value: str, words: str) -> None:
    """Draw a figure with what it says."""
    with ui.element("div").classes("fact"):
        with ui.element("b").classes("long" if len(value) > LONG else ""):
            text_of(value)
        with ui.element("span"):
            text_of(words)


def empty(title: str, *lines: str) -> None:
    """Draw what a page says that has nothing to show yet."""
    with card(title, "empty"):
        for line in lines:
            ui.label(line)


def button(
    words: str, icon: str = "", action: Callable[..., object] | None = None, *, primary: bool = False
) -> ui.button:
    """Draw a button; `primary` is the one that a page is for."""
    made = ui.button(words, icon=icon or None, on_click=action, color=None)
    return made.classes("btn primary" if primary else "btn").props("unelevated no-caps")


def error_card(error: ConsoleError, again: Callable[[], object] | None = None) -> None:
    """Draw what went wrong, what to do about it, and a button to try again."""
    with card("", "error").props("role=alert"):
        heading(f"{error.problem[:1].upper()}{error.problem[1:]}.", 2)
        ui.label(f"{error.remedy[:1].upper()}{error.remedy[1:]}.").classes("wrap")
        if again is not None:
            button("Try again", "refresh", again).style("align-self: flex-start")


def loaded(draw: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Make a place that `draw` fills once the page is there; return what fills it anew. Errors show in its stead."""
    area = ui.element("div").classes("stack")
    with area:
        waiting = ui.row().classes("items-center muted")
        with waiting:
            ui.spinner(size="20px")
            ui.label("Loading …")
    turns = [0]

    async def fill() -> None:
        turns[0] += 1
        turn = turns[0]
        fresh = ui.element("div").classes("stack").style("display: none")
        fresh.move(area)
        try:
            with fresh:
                await draw()
        except Exception as error:
            if not isinstance(error, ConsoleError):
                logging.exception("a page could not be drawn")
            fresh.clear()
            with fresh:
                error_card(error if isinstance(error, ConsoleError) else UNEXPECTED, fill)
        # Of two that overlap, the later one shows.
        if turn != turns[0]:
            fresh.delete()
            return
        for child in list(area.default_slot.children):
            if child is not fresh:
                child.delete()
        fresh.style(remove="display: none")

    ui.timer(0, fill, once=True)
    return fill


def copyable(text: str, words: str) -> None:
    """Draw a text to be copied."""
    with ui.element("pre").classes("code"):
        text_of(text)
    made = button("Copy", "content_copy").props(f'aria-label="{words}"').style("align-self: flex-start")
    made.on("click", js_handler=f"() => navigator.clipboard.writeText({_js(text)})")


def _js(text: str) -> str:
    # A text of JavaScript that no text of data can end: what is not plain becomes an escape.
    return '"' + "".join(c if (c.isascii() and c.isalnum()) or c == " " else f"\\u{{{ord(c):x}}}" for c in text) + '"'
