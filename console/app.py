"""The console's pages, put together and served."""

from __future__ import annotations

import asyncio
import webbrowser
from pathlib import Path

from nicegui import app, background_tasks, ui

from console.guard import HOST, Guard
from console.pages.ask import ask_page
from console.pages.drop import drop_page
from console.pages.fix import fix_page
from console.pages.health import health_page
from console.pages.sources import source_page, sources_page
from console.pages.tables import tables_page
from console.state import Console

FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0f6e7c"/>'
    '<path d="M8 11h16M8 16h16M8 21h10" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>'
)

LOOK_SECONDS = 0.05
RECONNECT_SECONDS = 60
"""How long a page is kept that says nothing: a busy browser has closed none, and its files would not be taken."""


def serve(console: Console, port: int, token: str, *, browser: bool) -> None:
    """Serve the console on this machine alone, until the process is stopped. `browser`: open a page of it."""
    ui.page("/")(lambda: drop_page(console))
    ui.page("/fix")(lambda key="": fix_page(console, key))
    ui.page("/sources")(lambda contains="": sources_page(console, contains))
    ui.page("/source")(lambda key="": source_page(console, key))
    ui.page("/ask")(lambda query="": ask_page(console, query))
    ui.page("/tables")(lambda: tables_page(console))
    ui.page("/health")(lambda: health_page(console))

    app.add_middleware(Guard, port=port, token=token)
    address = f"http://{HOST}:{port}/?token={token}"

    async def announce() -> None:
        # NiceGUI's own start-up is over before the port is listened on.
        while not await _listens(port):
            await asyncio.sleep(LOOK_SECONDS)
        print(f"The console of stage {console.stage.name}: {address}\nStop it with Ctrl-C.", flush=True)
        if browser:
            webbrowser.open(doorway(console.folder, address).as_uri())

    app.on_startup(lambda: background_tasks.create(announce(), name="announce"))
    ui.run(
        host=HOST,
        port=port,
        title="Orders console",
        favicon=FAVICON,
        dark=None,
        language="en-US",
        reload=False,
        show=False,
        show_welcome_message=False,
        reconnect_timeout=RECONNECT_SECONDS,
        tailwind=False,
    )


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


def doorway(folder: Path, address: str) -> Path:
    """Return a page of the person's own that leads to the console: others could read an argument of the browser."""
    page = folder / "console.html"
    page.touch(mode=0o600)
    page.write_text(f'<meta http-equiv="refresh" content="0; url={address}">', "utf-8")
    return page
