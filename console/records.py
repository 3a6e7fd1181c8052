"""Rejected records that are corrected and sent again, as newline-delimited JSON in a file of their own. Pure."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Collection, Iterable

from chalicelib.api.upload_names import MAX_NAME_BYTES, takeable
from chalicelib.documents.decompress import SUFFIXES

VALUE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?\d[\d.,:T+-]*""")
"""What in a reason is of one record alone: quoted texts and numbers."""
LINE_BREAKS = re.compile(r"[\r\n]+\s*")


def kind_of(reason: str) -> str:
    """Return what a reason has in common with others of its kind: its values become an ellipsis."""
    return VALUE.sub("…", reason)


def problem_with(text: str) -> str | None:
    """Return why a record cannot be sent, None where it can: it has to be one JSON value."""
    try:
        text.encode()
        json.loads(text)
    except json.JSONDecodeError as problem:
        return f"not JSON: {problem.msg.lower()} at line {problem.lineno}, column {problem.colno}"
    except UnicodeEncodeError:
        return "not UTF-8: it holds half of a character"
    except RecursionError:
        return "not JSON that can be read: it is nested too deeply"
    return None


def as_lines(records: Iterable[str]) -> bytes:
    """Return records as newline-delimited JSON, each as it stands: no number is written anew.

    Within JSON, line breaks stand between values only, so leaving them out changes none.
    """
    return "".join(f"{LINE_BREAKS.sub(' ', text.strip())}\n" for text in records).encode()


def fixed_name(name: str, used: Collection[str]) -> str:
    """Return the name of the next file with corrected records of a file: `NAME-fixed-N.ndjson`.

    A key may hold what no upload takes, and be longer: that is replaced, and cut.
    """
    stem = name
    lower = name.lower()
    for suffix in (f"{suffix}{more}" for more in (".gz", "") for suffix in SUFFIXES):
        if lower.endswith(suffix):
            stem = name[: -len(suffix)]
            break
    stem = re.sub(r"-fixed-\d+$", "", stem)
    for number in itertools.count(1):
        ending = f"-fixed-{number}.ndjson"
        made = takeable(f"{takeable(stem, MAX_NAME_BYTES - len(ending))}{ending}")
        if made not in used:
            return made
    raise AssertionError
