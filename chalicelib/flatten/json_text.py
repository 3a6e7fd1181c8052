"""JSON as it is read strictly: numbers as their digits, repeated keys noticed, and written back as compact JSON."""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any

from chalicelib.flatten.scalars import NotFinite, NumberText

MAX_DEPTH = 128
"""Objects and arrays nested deeper than this are rejected: no document is, and stacks are finite."""

_PLAIN_KEY = re.compile(r"[^.\[\]\"\s]+")
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels: send a flatter document"


class RejectedDocument(Exception):
    """A document breaks the contract: where (`path`, as `products[0].price`) and why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class RepeatedKey(dict[str, Any]):
    """An object in which a key with a value is repeated; `key` is that key."""

    key = ""


def parsed(raw: bytes) -> Any:
    """Return what JSON says, numbers as their digits. Raises RejectedDocument for what is none or too deep."""
    try:
        return _JSON.decode(raw.decode())
    except RecursionError:
        raise RejectedDocument("", _TOO_DEEP) from None
    except ValueError as problem:
        raise RejectedDocument("", f"not JSON: {problem}") from None


def compact(value: Any, path: str = "", depth: int = 1) -> str:
    """Return a parsed value as JSON without white space, numbers as the digits that were sent."""
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, NotFinite):
        raise RejectedDocument(path, f"{value.name} is not JSON: send a number, text or null")
    if depth > MAX_DEPTH:
        raise RejectedDocument(path, _TOO_DEEP)
    if isinstance(value, RepeatedKey):
        raise repeated_key(value, f"{path}.")
    if isinstance(value, dict):
        return "{" + ",".join(f"{quoted(k)}:{compact(v, path, depth + 1)}" for k, v in value.items()) + "}"
    assert isinstance(value, list)
    return "[" + ",".join(compact(v, path, depth + 1) for v in value) + "]"


def repeated_key(value: RepeatedKey, path: str) -> RejectedDocument:
    """Return what rejects an object with a repeated key; `path` is the object's, empty or ending with a dot."""
    return RejectedDocument(below(path, value.key), "the key appears twice in one object: send one of the values")


def object_text(fields: dict[str, str]) -> str | None:
    """Return fields whose values are JSON texts as one object, or None where there are none."""
    return "{" + ",".join(f"{quoted(key)}:{text}" for key, text in fields.items()) + "}" if fields else None


def with_own(text: str | None, own: dict[str, str]) -> str | None:
    """Return an object's text with fields of its own after it, whose keys are others; None where there are none.

    The fields of a document are not written anew for each of its rows, since both may be thousands. Without any of
    their own, rows share one text.
    """
    if text is None or not own:
        return object_text(own) if own else text
    return f"{text[:-1]},{(object_text(own) or '')[1:]}"


def quoted(text: str) -> str:
    """Return a text as JSON, in UTF-8 but for halves of surrogate pairs."""
    plain: str = encode_basestring(text)
    if not text.isascii():
        try:
            plain.encode()
        except UnicodeEncodeError:
            return str(encode_basestring_ascii(text))
    return plain


def below(prefix: str, key: str) -> str:
    """Return the JSON path of `key` below `prefix`, which is empty or ends with a dot."""
    # A name of letters, digits and underscores is seen faster than by a pattern.
    return (
        prefix + key
        if key.isidentifier() or _PLAIN_KEY.fullmatch(key)
        else f"{prefix.removesuffix('.')}[{quoted(key)}]"
    )


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: dict[str, Any] = {}
    for key, value in pairs:
        # A null says nothing, so that a value after it drops nothing.
        if seen.get(key) is not None:
            twice = RepeatedKey(members)
            twice.key = key
            return twice
        seen[key] = value
    return members


_JSON = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=NumberText, parse_float=NumberText, parse_constant=NotFinite
)
"""Made once: `json.loads` would make one for each document."""
