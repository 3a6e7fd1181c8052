"""Names of columns and tables: lower-case letters, digits and underscores, a letter first, never the same twice."""

from __future__ import annotations

import re
import unicodedata

from chalicelib.contracts.names import RESERVED

LONGEST = 100
"""Characters of a name that is made of keys: Glue takes 255."""

_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


def snake_case(text: str) -> str:
    """Return a text as part of a name; empty where it has neither letters nor digits of ASCII."""
    plain = unicodedata.normalize("NFKD", text[: 4 * LONGEST].replace("ß", "ss"))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return _NOT_A_NAME.sub("_", _BORDER.sub("_", plain).lower()).strip("_")[:LONGEST].strip("_")


def singular(text: str) -> str:
    """Return the name of one of many: `line_items` is `line_item`, `taxes` is `tax`, `entries` is `entry`."""
    for end, instead in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("us", "us"), ("ss", "ss")):
        if text.endswith(end) and len(text) > len(end) + 1:
            return text.removesuffix(end) + instead
    return text.removesuffix("s") if len(text) > 3 else text


class Names:
    """Gives out names that differ from all given out before."""

    def __init__(self, used: tuple[str, ...] = ()) -> None:
        self._used = set(used)

    def name(self, *spellings: str) -> str:
        """Return the first of these spellings that is free, else the last with a number behind it."""
        usable = [self._usable(each) for each in spellings]
        for each in usable:
            if each not in self._used:
                self._used.add(each)
                return each
        number = 2
        while (numbered := f"{usable[-1][: LONGEST - 6]}_{number}") in self._used:
            number += 1
        self._used.add(numbered)
        return numbered

    def __contains__(self, name: str) -> bool:
        return name in self._used

    @staticmethod
    def _usable(text: str) -> str:
        name = snake_case(text) or "field"
        if not name[0].isalpha():
            name = f"field_{name}"[:LONGEST].strip("_")
        return f"{name}_value" if name in RESERVED else name
