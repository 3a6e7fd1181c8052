"""A client of the deployed REST API: signed requests by `requests`, uploads by curl."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import requests
import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib.api.openapi import document
from chalicelib.queries import saved
from chalicelib.settings import Settings
from local.emulator import REGION
from local.pipeline import wait_for
from tests.contracts import datasets_of
from tests.local.product import Product

SETTINGS = Settings(bucket="any")
DATASETS = datasets_of(SETTINGS)
QUERIES = saved.load(DATASETS)
DOCUMENT = document([each.name for each in DATASETS], QUERIES, SETTINGS, "")
DOCUMENTED = schemathesis.openapi.from_dict(DOCUMENT | {"security": []})
"""The document without its security: every call is signed here, and what is not signed is another test's."""
SECONDS = 35.0
ENDED = ("loaded", "partly_loaded", "quarantined", "failed")


class Signed(requests.auth.AuthBase):
    """Signs each request for API Gateway."""

    def __init__(self, caller: tuple[str, str]) -> None:
        self._caller = caller

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # A signature covers a space as %20 only; a plus sign itself is %2B here.
        request.url = (request.url or "").replace("+", "%20")
        plain = AWSRequest(request.method, request.url, data=request.body)
        SigV4Auth(Credentials(*self._caller), "execute-api", REGION).add_auth(plain)
        request.headers.update(dict(plain.headers))
        return request


class Client:
    """Calls the API as one caller; None for unsigned calls."""

    def __init__(self, product: Product, caller: tuple[str, str] | None) -> None:
        self.url = product.deployment.api_url or ""
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = Signed(caller) if caller else None

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Call a path of the API, or follow one of its links; redirections are not followed."""
        url = path if path.startswith("http") else f"{self.url}{path}"
        answer = self._session.request(method, url, timeout=SECONDS, allow_redirects=False, **more)
        check_documented(method, url.removeprefix(self.url).partition("?")[0], answer)
        return answer

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.call("GET", path, params=query or None)

    def offer(self, filename: str, **more: Any) -> Any:
        """Ask for an upload link."""
        answer = self.call("POST", "/uploads", json={"filename": filename, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def ended(self, status_url: str) -> Any:
        """Wait until an upload is loaded or refused; return what is told of it."""

        def poll() -> Any:
            answer = self.call("GET", status_url)
            assert answer.status_code == 200, answer.text
            return answer.json() if answer.json()["status"] in ENDED else None

        return wait_for(poll)

    def upload(self, filename: str, content: bytes, folder: Path, **more: Any) -> Any:
        """Upload a file by curl and wait for its end."""
        link = self.offer(filename, **more)
        assert send(link, content, folder) == 204
        return self.ended(link["status_url"])


def send(link: dict[str, Any], content: bytes, folder: Path, **changed: str) -> int:
    """Send a file by curl with the link's fields as they are, or `changed`; return the status."""
    file = folder / "file"
    file.write_bytes(content)
    fields = [part for field in (link["fields"] | changed).items() for part in ("-F", "=".join(field))]
    command = ["curl", "-sS", "-q", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "30"]
    done = subprocess.run(
        [*command, *fields, "-F", f"file=@{file}", link["url"]], capture_output=True, text=True, timeout=40, check=True
    )
    return int(done.stdout)


def check_documented(method: str, path: str, answer: requests.Response) -> None:
    """Hold an answer against the OpenAPI document. Raises where status, type or content are not in it."""
    for template, methods in sorted(DOCUMENT["paths"].items(), key=lambda item: "{" in item[0]):
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path) and method.lower() in methods:
            DOCUMENTED[template][method].validate_response(answer)
            return
