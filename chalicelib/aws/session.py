"""Clients of AWS's services, made of the credentials and the region that the process has.

botocore makes them: boto3 would make the same ones, and takes a fifth more of a function's start for its transfers in
threads and its resources, which nothing here uses.
"""

from __future__ import annotations

from typing import Any

from botocore.session import get_session


def make_client(service: str, **options: Any) -> Any:
    """Return a client of a service; `options` are those of `boto3.client`."""
    return get_session().create_client(service, **options)
