"""JSON as text: parsed with the digits of numbers kept, and written again without white space, keyed by JSON path."""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any

from chalicelib.flatten.values import NotFinite, NumberText, RejectedDocument

MAX_DEPTH = 128
"""Objects and arrays nested deeper than this are rejected: no document is, and stacks are finite."""

_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels: send a flatter order"
_PLAIN_KEY = re.compile(r"[^.\[\]\"\s]+")


def parse(raw: bytes) -> object:
    """Parse JSON, numbers as their digits. Raises RejectedDocument for what is not JSON or too deep."""
    try:
        return _JSON.decode(raw.decode())
    except RecursionError:
        raise RejectedDocument("", _TOO_DEEP) from None
    except ValueError as problem:
        raise RejectedDocument("", f"not JSON: {problem}") from None


def compact(value: object, path: str = "", depth: int = 1) -> str:
    """Return a parsed value as JSON without white space, numbers as the digits that were sent.

    Raises RejectedDocument, with `path`, for what JSON has no form for, or what is too deep.
    """
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, NotFinite):
        raise RejectedDocument(path, f"{value.name} is not JSON: send a number, text or null")
    if depth > MAX_DEPTH:
        raise RejectedDocument(path, _TOO_DEEP)
    if isinstance(value, RepeatedKey):
        raise repeated_key(value, f"{path}.")
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(k)}:{compact(v, path, depth + 1)}" for k, v in value.items()) + "}"
    assert isinstance(value, list)
    return "[" + ",".join(compact(v, path, depth + 1) for v in value) + "]"


class RepeatedKey(dict[str, Any]):
    """An object in which a key with a value is repeated; `key` is that key."""

    key = ""


def repeated_key(members: RepeatedKey, path: str) -> RejectedDocument:
    """Return the rejection of an object that lies at `path`, which is empty or ends with a dot."""
    return RejectedDocument(json_path(path, members.key), "the key appears twice in one object: send one of the values")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: dict[str, Any] = {}
    for key, value in pairs:
        # A null says nothing, so that a value after it drops nothing.
        if seen.get(key) is not None:
            repeated = RepeatedKey(members)
            repeated.key = key
            return repeated
        seen[key] = value
    return members


_JSON = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=NumberText, parse_float=NumberText, parse_constant=NotFinite
)
"""Made once: `json.loads` would make one for each document."""


def object_text(fields: dict[str, str]) -> str | None:
    """Return fields whose values are JSON as one object, or None where there are none."""
    return "{" + ",".join(f"{_quoted(key)}:{text}" for key, text in fields.items()) + "}" if fields else None


def merged_text(text: str | None, own: dict[str, str]) -> str | None:
    """Return the extra fields of a line: the document's, as one JSON object, and its `own`, whose paths differ.

    The document's are not written anew for each line, since both may be thousands. Without fields of their own, lines
    share one text.
    """
    if text is None or not own:
        return object_text(own) if own else text
    return f"{text[:-1]},{(object_text(own) or '')[1:]}"


def json_path(prefix: str, key: str) -> str:
    """Return the JSON path of `key` below `prefix`, which is empty or ends with a dot."""
    return prefix + key if _PLAIN_KEY.fullmatch(key) else f"{prefix.removesuffix('.')}[{_quoted(key)}]"


def _quoted(text: str) -> str:
    quoted: str = encode_basestring(text)
    if not text.isascii():
        try:
            quoted.encode()
        except UnicodeEncodeError:
            return str(encode_basestring_ascii(text))
    return quoted
