"""Headers of every answer of the REST API: what browsers may do with it, and which web origins may read it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Answers are data of one caller: not to be kept, run, framed, or read as another type."""

ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, X-Amz-Date, X-Amz-Security-Token, X-Api-Key"
EXPOSED_HEADERS = "Location, Retry-After"
PREFLIGHT_SECONDS = "600"


def cross_origin(origin: str | None, allowed: Sequence[str]) -> dict[str, str]:
    """Return the CORS headers for a request of this origin: none at all where no origin is allowed.

    Credentials are never allowed, so that a browser's cookies and stored logins have no part in a call.
    """
    if not allowed:
        return {}
    if origin is None or origin not in allowed:
        return {"Vary": "Origin"}
    return {"Vary": "Origin", "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED_HEADERS}


def preflight(methods: Sequence[str]) -> dict[str, str]:
    """Return the headers, beside `cross_origin`, that let a browser send a request of one of these methods."""
    return {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Max-Age": PREFLIGHT_SECONDS,
    }
