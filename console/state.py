"""What one run of the console has: its connection, the API, the files that were dropped, how the page looks."""

from __future__ import annotations

import tempfile
from pathlib import Path

from console.api import Api
from console.connection import Connection
from console.drops import Drops
from console.health import Watcher


class Console:
    """One run of the console, shared by all pages of its one person. `dark` is None where the system decides.

    `folder` is for files on their way from or to the browser.
    """

    def __init__(self, connection: Connection) -> None:
        self.stage = connection.stage
        self.api = Api(connection)
        self.drops = Drops(self.api)
        self.watcher = Watcher(connection)
        self.dark: bool | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="console-")
        self.folder = Path(self._folder.name)
