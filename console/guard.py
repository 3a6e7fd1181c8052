"""Who may use the page: the browser of the person who started it, and nobody else on the machine or in the web.

Whoever can call the console acts with the person's credentials. So it takes requests only for its own address (no
other name that points to 127.0.0.1), from its own pages (no other site's form, WebSocket or frame), and from a browser
that has the secret: once as `?token=` of the address that is printed, from then on as a cookie that no script can read.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

HOST = "127.0.0.1"
DAY = 86_400


@dataclass(frozen=True)
class Guard:
    """ASGI middleware around all of the console, its WebSocket included."""

    app: ASGIApp
    port: int
    token: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        answer = self._refusal(HTTPConnection(scope))
        if answer is None:
            await self.app(scope, receive, _unframed(send))
        elif scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            await answer(scope, receive, send)

    def _refusal(self, request: HTTPConnection) -> Response | None:
        """Return the answer to a request that goes no further, None for one that does."""
        own = {f"{HOST}:{self.port}", f"localhost:{self.port}"}
        host = request.headers.get("host", "")
        if host not in own:
            return PlainTextResponse(f"This is the console of {HOST}:{self.port}, under no other name.", 421)
        if request.headers.get("origin", f"http://{host}") != f"http://{host}":
            return PlainTextResponse("Another site may not use the console.", 403)
        cookie = f"console_{self.port}"
        if self._is_token(request.query_params.get("token")):
            # Not a redirection: a browser that was sent here by another page would not send the cookie along with it.
            answer = HTMLResponse('<meta http-equiv="refresh" content="0; url=/">')
            answer.set_cookie(cookie, self.token, max_age=7 * DAY, httponly=True, samesite="strict")
            return answer
        if self._is_token(request.cookies.get(cookie)):
            return None
        return PlainTextResponse("Open the address that `make console` printed: it has the token of this run.", 403)

    def _is_token(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(given.encode(), self.token.encode())


def _unframed(send: Send) -> Send:
    """Return what sends an answer so that no page shows it in a frame: of another port on this machine it could."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Frame-Options"] = "DENY"
            headers["Referrer-Policy"] = "same-origin"
        await send(message)

    return sending
