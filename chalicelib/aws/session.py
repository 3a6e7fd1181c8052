"""Clients of AWS's services, made of the credentials and the region that the process has.

botocore makes them: boto3 would make the same ones, and takes a fifth more of a function's start for its transfers in
threads and its resources, which nothing here uses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.session import get_session
from botocore.utils import parse_timestamp


def make_client(service: str, **options: Any) -> Any:
    """Return a client of a service; `options` are those of `boto3.client`."""
    session = get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    return session.create_client(service, **options)


def _time(text: Any) -> datetime:
    """Read a time of an answer as botocore would, whose parser takes most of the time of reading a listing."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return parse_timestamp(text)
    return time if time.tzinfo is not None else parse_timestamp(text)
