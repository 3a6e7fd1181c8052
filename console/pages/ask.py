"""Ask: a saved query as a form, its answer as a table and as a chart, and what it cost."""

from __future__ import annotations

import asyncio
from itertools import groupby

from nicegui import ui

from console.answers import MOST_BARS, chart_options, curl_line, table_columns, table_rows
from console.api import Json
from console.asking import Run
from console.errors import ConsoleError
from console.pages.download import download_answer
from console.pages.layout import button, card, copyable, empty, error_card, fact, frame, heading, loaded
from console.state import Console
from console.words import count, dollars, size

INPUTS = {
    "date": "type=date stack-label",
    "month": "type=month stack-label",
    "integer": "type=number",
    "decimal": "inputmode=decimal",
}
"""How a browser takes values of a parameter's type; others are texts."""
CHART_COLOURS = ("#2a8c9a", "#d1803b", "#7a6fd0", "#5b9b4b", "#c0587e", "#8a94a6")
"""Seen on a light and on a dark page; the first is the one of nearly all charts."""
ROWS_AT_ONCE = 25
SORTS_BY_KEYBOARD = """(function sorts(tries) {
    const headings = getHtmlElement(TABLE)?.querySelectorAll("th") ?? [];
    if (!headings.length && tries) setTimeout(() => sorts(tries - 1), 50);
    for (const heading of headings) {
        heading.tabIndex = 0;
        heading.onkeydown = (event) => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            heading.click();
        };
    }
})(40)"""
"""Quasar's headings sort when they are clicked only. One in a slot would lose the focus when it is drawn anew."""


def ask_page(console: Console, name: str = "") -> None:
    """Draw the page, with the form of one query."""
    with frame(console, "/ask", "Ask", "Questions that are kept with the contracts: fill in the form and run them."):

        async def draw() -> None:
            queries: list[Json] = (await asyncio.to_thread(console.api.get, "/queries"))["queries"]
            if not queries:
                empty("There are no saved queries", "Put a .sql file into a contract's folder queries, and deploy.")
                return
            queries.sort(key=lambda query: (not query["contract"], query["contract"], query["title"]))
            chosen = next((query for query in queries if query["name"] == name), None)
            if name and chosen is None:
                ui.label(f"There is no saved query {name}: this is another.").classes("note wrap")
            chosen = chosen or next((query for query in queries if query["chart"]), queries[0])
            with ui.element("div").classes("narrow"):
                titles = {query["name"]: query["title"] for query in queries}
                choice = ui.select(titles, value=chosen["name"], label="Question").props("outlined dense options-dense")
                choice.style("width: 100%").on_value_change(lambda event: ui.navigate.to(f"/ask?query={event.value}"))
            with ui.element("div").classes("split"):
                _menu(queries, chosen)
                with ui.element("div").classes("stack"):
                    Form(console, chosen).draw()

        loaded(draw)


def _menu(queries: list[Json], chosen: Json) -> None:
    with ui.element("nav").classes("card side").props('aria-label="Saved queries"'):
        for contract, of_contract in groupby(queries, key=lambda query: str(query["contract"])):
            ui.label(contract or "the pipeline").classes("group")
            for query in of_contract:
                link = ui.link(query["title"], f"/ask?query={query['name']}")
                if query is chosen:
                    link.props('aria-current="page"')


class Form:
    """The form of one saved query, and below it the answer to its last run."""

    def __init__(self, console: Console, query: Json) -> None:
        self._console = console
        self._query = query
        self._inputs: dict[str, ui.input] = {}
        self._run: Run | None = None

    def draw(self) -> None:
        """Draw it."""
        query = self._query
        with card():
            heading(query["title"], 2)
            ui.label(query["description"]).classes("muted wrap")
            with ui.element("form").classes("stack") as form:
                with ui.element("div").classes("form"):
                    for parameter in query["parameters"]:
                        self._inputs[parameter["name"]] = _input(parameter)
                with ui.element("div").classes("bar"):
                    self._button = button("Run", "play_arrow", primary=True).props("type=submit")
                    self._cancel = button("Cancel", "stop", self._stop).props("type=button")
                    self._cancel.set_visibility(False)
                    self._spinner = ui.spinner(size="20px")
                    self._spinner.set_visibility(False)
            form.on("submit.prevent", self._ask)
            with ui.expansion("The same question with curl").classes("muted"):
                self._curl = ui.element("div").classes("stack")
                self._show_curl()
        for each in self._inputs.values():
            each.on_value_change(self._show_curl)
        self._answer = ui.element("div").classes("stack answer").props("aria-live=polite")

    def _parameters(self) -> dict[str, str]:
        given = {name: str(each.value if each.value is not None else "") for name, each in self._inputs.items()}
        return {name: value for name, value in given.items() if value != ""}

    def _show_curl(self) -> None:
        self._curl.clear()
        api = self._console.api
        with self._curl:
            url = f"{api.url}/queries/{self._query['name']}"
            copyable(curl_line(url, api.region, self._parameters(), api.signs), "Copy the curl line")

    def _busy(self, busy: bool) -> None:
        self._button.set_enabled(not busy)
        self._cancel.set_visibility(busy)
        self._cancel.set_enabled(True)
        self._spinner.set_visibility(busy)

    async def _ask(self) -> None:
        if not self._button.enabled:
            return
        self._busy(True)
        for each in self._inputs.values():
            each.error = None
        self._answer.clear()
        this = Run(self._console.api, self._query["name"], self._parameters())
        try:
            await this.begin()
            self._run = this
            await this.end()
        except ConsoleError as error:
            self._show_error(error)
        else:
            self._show(this)
        finally:
            self._run = None
            self._busy(False)

    async def _stop(self) -> None:
        self._cancel.set_enabled(False)
        if self._run is None:
            return
        try:
            await self._run.cancel()
        except ConsoleError as error:
            ui.notify(f"{error.problem}: {error.remedy}", type="negative")

    def _show_error(self, error: ConsoleError) -> None:
        for name, problem in error.fields.items():
            if name in self._inputs:
                self._inputs[name].error = problem
        if not set(error.fields) & set(self._inputs):
            with self._answer:
                error_card(error, self._ask)

    def _show(self, answer: Run) -> None:
        self._answer.clear()
        with self._answer:
            with card():
                with ui.element("div").classes("facts"):
                    fact(f"{len(answer.rows):,}{' and more' if answer.next_page else ''}", "rows")
                    fact(size(answer.execution["scanned_bytes"]), "scanned")
                    fact(dollars(answer.execution["cost_usd"]), "about, for the scan")
                if answer.execution["reused"]:
                    ui.label("An earlier result was reused, at no cost.").classes("muted small")
            if not answer.rows:
                empty("No rows", "The question was answered, and nothing fits it: widen the parameters.")
                return
            self._chart(answer)
            self._table(answer)

    def _chart(self, answer: Run) -> None:
        chart = self._query["chart"]
        options = chart_options(chart, answer.columns, answer.rows, CHART_COLOURS) if chart else None
        if options is None:
            return
        with card():
            drawn = ui.echart(options).classes("chart")
            drawn.props(f'role=img aria-label="Chart: {chart["y"]} by {chart["x"]}"')
            shown = len(options["xAxis"]["data"])
            if shown == MOST_BARS:
                ui.label(f"The first {shown} of {chart['x']} are drawn.").classes("muted small")

    def _table(self, answer: Run) -> None:
        with card():
            with ui.element("div").classes("bar"):
                ui.label(f"{count(len(answer.columns), 'column')}; choose one's name to sort").classes(
                    "muted small grow"
                )
                if answer.next_page:
                    button("Read more rows", "expand_more", lambda: self._more(answer))
                execution = answer.execution["execution_id"]
                button("Download CSV", "download", lambda: download_answer(self._console, execution, answer.query))
            table = (
                ui.table(
                    columns=table_columns(answer.columns),
                    rows=table_rows(answer.columns, answer.rows),
                    row_key="id",
                    pagination=ROWS_AT_ONCE,
                )
                .props("flat dense binary-state-sort :rows-per-page-options=[10,25,100,0]")
                .classes("rows")
            )
            ui.run_javascript(SORTS_BY_KEYBOARD.replace("TABLE", str(table.id)))

    async def _more(self, answer: Run) -> None:
        try:
            await answer.more()
        except ConsoleError as error:
            ui.notify(f"{error.problem}: {error.remedy}", type="negative")
        else:
            self._show(answer)


def _input(parameter: Json) -> ui.input:
    label = f"{parameter['name']}{'' if parameter['required'] else ' (optional)'}"
    made = ui.input(label, value=parameter["default"] or "", placeholder=f"such as {parameter['example']}")
    made.props(f"outlined dense {INPUTS.get(parameter['type'], '')} bottom-slots")
    made.props(f'name="{parameter["name"]}"')
    with made.add_slot("hint"):
        ui.label(parameter["description"])
    return made
