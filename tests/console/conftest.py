"""The console in a real Chromium, on an embedded AWS with the product deployed, and on an API that misbehaves."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from local import env_file
from local.emulator import PROJECT
from tests.local.product import Product
from tests.local.shared.conftest import aws, product  # noqa: F401 - fixtures

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TOKEN = "token-of-the-tests"
SECONDS = 20
expect.set_options(timeout=SECONDS * 1000)

DROP = """([name, text, times]) => {
    const data = new DataTransfer();
    for (let i = 0; i < times; i++) data.items.add(new File([text], times > 1 ? `${i}-${name}` : name));
    const drop = new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true});
    document.querySelector('.drop').dispatchEvent(drop);
}"""
"""Drops files onto the page, given a name, their text, and how many."""

Start = Callable[[Mapping[str, str]], str]


# Ended with the module: Playwright leaves an event loop running, and other tests have loops of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: apt-get install -y chromium")
    # Chromium's sandbox does not run as root, which CI's containers are.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield made
        made.close()


@pytest.fixture(scope="module")
def start(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a console with the environment of a stage, once for each; return its address."""
    with contextlib.ExitStack() as ends:
        running: dict[tuple[tuple[str, str], ...], str] = {}

        def started(environment: Mapping[str, str]) -> str:
            key = tuple(sorted(environment.items()))
            if key not in running:
                running[key] = ends.enter_context(_console(environment, tmp_path_factory.mktemp("console") / "env"))
            return running[key]

        yield started


@contextlib.contextmanager
def _console(environment: Mapping[str, str], path: Path) -> Iterator[str]:
    env_file.write(path, environment)
    port = free_port()
    command = [sys.executable, "-m", "console", "--no-browser", "--port", str(port), "--token", TOKEN]
    # By pytest's variables NiceGUI takes itself for the object of a test, and serves nothing.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    process = subprocess.Popen(
        [*command, "--env-file", str(path)],
        cwd=PROJECT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        printed = [*_until(lines, "Stop it with Ctrl-C")]
        assert process.poll() is None, "".join(printed)
        Thread(target=process.stdout.read, daemon=True).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _until(lines: Iterator[str], text: str) -> Iterator[str]:
    for line in lines:
        yield line
        if text in line:
            return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Visit:
    """A browser's page of a console, at some width."""

    page: Page
    base: str

    def open(self, path: str) -> Page:
        """Open a page of the console, and wait until it has drawn what it loads."""
        self.page.goto(f"{self.base}{path}")
        self.drawn()
        return self.page

    def drawn(self) -> None:
        """Wait until nothing is loading any more."""
        expect(self.page.locator("h1")).to_be_visible()
        expect(self.page.get_by_text("Loading …")).to_have_count(0)

    def fits(self) -> None:
        """See that the page does not scroll sideways."""
        beyond = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond == 0, self.page.url


Visiting = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, start: Start) -> Iterator[Visiting]:
    """Visit the console of a stage. At the end nothing was asked of any other machine, and no script failed."""
    with contextlib.ExitStack() as ends:
        faults: list[str] = []

        def visiting(environment: Mapping[str, str], width: int = 1600, colours: str = "light") -> Visit:
            base = start(environment)
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=colours)  # type: ignore[arg-type]
            ends.callback(context.close)
            context.on(
                "request",
                lambda request: (
                    None if request.url.startswith((base, "data:", "blob:")) else faults.append(request.url)
                ),
            )
            page = context.new_page()
            page.set_default_timeout(SECONDS * 1000)
            # From the first one heard of on, Playwright asks the browser for them, a moment too late for a key.
            page.on("filechooser", lambda chooser: None)
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
            page.goto(f"{base}/?token={TOKEN}")
            made = Visit(page, base)
            made.drawn()
            return made

        yield visiting
        assert faults == []


@pytest.fixture
def stage(product: Product) -> dict[str, str]:  # noqa: F811 - the fixture
    """The environment of the stage that the product is deployed in."""
    return product.environment
