"""What a request for rows takes in its query string besides a saved query's own parameters: stated once. Pure."""

from __future__ import annotations

from msgspec import Struct

from chalicelib.aws.athena import MAX_AGE_MINUTES, MAX_PAGE


class QueryOption(Struct, frozen=True):
    """A whole number from `minimum` to `maximum`, counted in `unit`. `description` is for the OpenAPI document."""

    name: str
    unit: str
    default: int
    minimum: int
    maximum: int
    description: str


# The gateway gives up after 29 seconds.
WAIT = QueryOption("wait", "seconds", 20, 0, 25, "Seconds to wait for the rows.")
MAX_AGE = QueryOption(
    "max_age",
    "minutes",
    0,
    0,
    MAX_AGE_MINUTES,
    "Minutes: an earlier result that is no older may be reused, at no cost.",
)
PAGE_SIZE = QueryOption("page_size", "rows", MAX_PAGE, 1, MAX_PAGE, "Rows of the page, at most.")

DOWNLOAD_FORMATS = ("csv", "excel")
"""What /executions/{id}/download takes as `format`, the default first."""

QUERY_OPTIONS = (WAIT, MAX_AGE, PAGE_SIZE)
"""The options of /queries/{name}: no parameter of a saved query may have such a name."""

SOURCES_SIZE = QueryOption("page_size", "sources", 25, 1, 100, "Sources of the page, at most.")
REJECTED_SIZE = QueryOption("page_size", "records", 100, 1, 500, "Rejected records of the page, at most.")
