"""An API of the gateway's manners that answers what a test sets, whoever signs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

Answer = tuple[int, Any]
EXECUTION = "0b1c2d3e-4f50-4a61-8b72-9c8d0e1f2a3b"
QUERY: dict[str, Any] = {
    "name": "preview",
    "contract": "orders",
    "title": "Ten rows",
    "description": "Any ten rows.",
    "parameters": [],
    "chart": None,
    "url": "",
}


@dataclass
class FakeApi:
    """Answers by method and path, in `answers`; what it was asked is in `asked`."""

    port: int
    answers: dict[str, Callable[[], Answer]]
    asked: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a stage whose API this is."""
        address = f"http://127.0.0.1:{self.port}"
        keys = {"AWS_ACCESS_KEY_ID": "AKIAFAKE", "AWS_SECRET_ACCESS_KEY": "fake", "AWS_DEFAULT_REGION": "us-east-1"}
        return {"AWS_ENDPOINT_URL": address, "API_URL": f"{address}/api", **keys}

    def always(self, status: int, body: Any) -> None:
        """Answer everything alike."""
        self.answers.clear()
        self.answers[""] = lambda: (status, body)


@contextlib.contextmanager
def fake_api() -> Iterator[FakeApi]:
    """Serve one."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            call = f"{self.command} {urlsplit(self.path).path.removeprefix('/api')}"
            api.asked.append(call)
            status, body = api.answers.get(
                call, api.answers.get("", lambda: (404, {"Message": "no such thing: ask another"}))
            )()
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - names of the library

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = FakeApi(server.server_port, {})
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()


def takes_files(api: FakeApi) -> None:
    """Have an API give links to itself and load whatever is sent to them."""
    counts = dict.fromkeys(("orders_read", "orders_loaded", "orders_rejected", "rows", "files"), 1)
    loaded = counts | {"status": "loaded", "key": "orders_json_incoming/x/a.json", "orders_rejected": 0}
    link = {"upload_id": "x", "url": f"{api.environment['API_URL']}/s3", "fields": {}, "max_bytes": 1000}
    api.answers |= {
        "GET /contracts": lambda: (200, {"contracts": []}),
        "POST /uploads": lambda: (200, link),
        "POST /s3": lambda: (200, {}),
        "GET /uploads/x": lambda: (200, loaded | {"seconds": 0.1, "dollars": 0.00002835, "hints": [], "reason": None}),
    }


class EndlessQuery:
    """A saved query that runs until it is cancelled."""

    def __init__(self, api: FakeApi) -> None:
        self.state = "RUNNING"
        api.answers |= {
            "GET /queries": lambda: (200, {"queries": [QUERY]}),
            "GET /queries/preview": lambda: (202, {"execution_id": EXECUTION, "query": "preview", "status_url": ""}),
            f"GET /executions/{EXECUTION}": lambda: (
                200,
                {"execution_id": EXECUTION, "state": self.state, "reason": None},
            ),
            f"DELETE /executions/{EXECUTION}": self._cancel,
        }

    def _cancel(self) -> Answer:
        self.state = "CANCELLED"
        return 202, {"execution_id": EXECUTION, "status_url": ""}
