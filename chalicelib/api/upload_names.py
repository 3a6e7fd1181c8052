"""File names that callers give as labels, and the upload ids that carry them. Pure: no call is made here.

An upload id is the time it was issued, 16 random bytes, the names of the contract and of the file with a slash between,
and a check over all of these, in URL-safe base64. So the key follows from the id, and nothing has to be stored before
the file arrives; its check shows a mistyped one. Guessing one means guessing 128 random bits. It names the contract and
not its folder: an id that somebody makes up leads to no path of theirs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from chalicelib.contracts.names import NAME
from chalicelib.documents.decompress import SUFFIXES, is_supported
from chalicelib.errors import RequestError, UnknownUpload, shown

MAX_NAME_BYTES = 255
"""UTF-8 bytes of a file name, as most file systems have it."""

SECONDS_BYTES, RANDOM_BYTES, CHECK_BYTES = 5, 16, 4
ID = re.compile(r"[A-Za-z0-9_-]{36,720}", re.ASCII)
"""The longest has a contract's name and a file's of 255 bytes each."""

SEPARATORS = frozenset("/\\")
FORBIDDEN = {
    "/": "is a separator: give the name without its folder",
    "\\": "is a separator: give the name without its folder",
    ";": "cannot be sent in a form by curl: leave it out",
    "$": "is an escape in the policies of S3's forms: leave it out",
}
CONTROLS = frozenset(("Cc", "Cs", "Zl", "Zp"))
"""Categories of Unicode: control characters, half characters, separators of lines and paragraphs."""
FORMATS = "Cf"
"""The category of what only acts on other characters: U+FEFF, U+200B, marks that turn the direction of text."""
DRAWN_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Those of that category that are seen: signs that stand around numbers in Arabic, Syriac and Kaithi."""
FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""What is drawn as nothing although its category is that of letters, marks or symbols."""
JOINERS = frozenset("\u200c\u200d")
"""Persian and the scripts of India spell with these, and emoji are composed with U+200D. So each is taken between two
characters that are not ASCII; next to one that is it changes nothing that can be seen."""

CONTENT_TYPES = {".json": "application/json", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson"}


class UploadId(Struct, frozen=True):
    """What an upload id says: its contract, the name of its file and when it was issued. `text` is the id itself.

    `contract` is empty in an id from the time before there were several: its file lies in the incoming prefix itself.
    """

    text: str
    contract: str
    name: str
    issued_at: datetime

    @classmethod
    def new(cls, contract: str, name: str, issued_at: datetime, random: bytes) -> UploadId:
        """Make an id for the name of a contract, and one of a file that `safe_name` returned.

        `random` are `RANDOM_BYTES` bytes that nobody can guess.
        """
        seconds = int(issued_at.timestamp())
        names = f"{contract}/{name}" if contract else name
        content = seconds.to_bytes(SECONDS_BYTES, "big") + random + names.encode()
        text = base64.urlsafe_b64encode(content + _check(content)).decode().rstrip("=")
        return cls(text, contract, name, datetime.fromtimestamp(seconds, UTC))

    @classmethod
    def read(cls, text: str) -> UploadId:
        """Read an id that a caller gave. Raises UnknownUpload for a text that was never issued."""
        if not ID.fullmatch(text):
            raise UnknownUpload(text)
        try:
            content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:-CHECK_BYTES]
            contract, _, name = content[SECONDS_BYTES + RANDOM_BYTES :].decode().rpartition("/")
            issued_at = datetime.fromtimestamp(int.from_bytes(content[:SECONDS_BYTES], "big"), UTC)
            issued = cls.new(contract, name, issued_at, content[SECONDS_BYTES : SECONDS_BYTES + RANDOM_BYTES])
        except (ValueError, OverflowError, OSError):
            raise UnknownUpload(text) from None
        # Made anew it is the same text, its check included, or it was never issued: base64 has several spellings. The
        # name need only be one that was ever taken, so that an id outlives a rule that is made later.
        if issued.text == text and _ends_a_key(name) and (not contract or NAME.fullmatch(contract)):
            return issued
        raise UnknownUpload(text)


def safe_name(filename: Any) -> str:
    """Return the name as it may end a key: spaces around it removed, everything else as it is.

    Raises RequestError for what is not a name, or not one of a file that can be loaded.
    """
    if not isinstance(filename, str):
        raise _name_error(f"{shown(json.dumps(filename))} is not text: give the file's name, such as orders.json")
    name = filename.strip()
    if not name:
        raise _name_error("is empty: give the file's name, such as orders.json")
    for text, problem in FORBIDDEN.items():
        if text in name:
            raise _name_error(f"{shown(filename)!r} holds {text!r}, which {problem}")
    unseen = next((character for i, character in enumerate(name) if _is_unseen(name, i)), None)
    if unseen is not None:
        raise _name_error(
            f"'{shown(filename)}' holds U+{ord(unseen):04X}, which cannot be seen or breaks a line: leave it out"
        )
    size = len(name.encode())
    if size > MAX_NAME_BYTES:
        raise _name_error(f"{shown(filename)!r} has {size} bytes in UTF-8: give at most {MAX_NAME_BYTES}")
    if not is_supported(name):
        raise _name_error(
            f"{shown(filename)!r} is of no supported type: name it {', '.join(SUFFIXES)}, or one of these .gz"
        )
    return name


def takeable(name: str, most_bytes: int = MAX_NAME_BYTES) -> str:
    """Return a name like this one without what `safe_name` rejects, at most so many bytes long; its type may be any."""
    while True:
        seen = "".join("_" if each in FORBIDDEN or _is_unseen(name, i) else each for i, each in enumerate(name))
        made = seen.encode()[:most_bytes].decode("utf-8", "ignore").strip()
        if made == name:
            return made
        # What was cut or replaced may have been what a joiner joined.
        name = made


def content_type(name: str) -> str:
    """Return the content type of a file of this name, which `safe_name` returned."""
    lower = name.lower()
    if lower.endswith(".gz"):
        return "application/gzip"
    return CONTENT_TYPES[f".{lower.rsplit('.', 1)[1]}"]


def _ends_a_key(name: str) -> bool:
    """Return whether a name is one segment of a key, and of a file that can be loaded."""
    controls = {unicodedata.category(character) for character in name} & CONTROLS
    return not controls and not SEPARATORS & set(name) and is_supported(name)


def _is_unseen(name: str, i: int) -> bool:
    character, around = name[i], name[max(0, i - 1) : i] + name[i + 1 : i + 2]
    if character in JOINERS:
        return len(around) < 2 or any(each.isascii() or each in JOINERS for each in around)
    category = unicodedata.category(character)
    return category in CONTROLS or character in FILLERS or (category == FORMATS and character not in DRAWN_FORMATS)


def _check(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:CHECK_BYTES]


def _name_error(problem: str) -> RequestError:
    return RequestError({"filename": problem})
