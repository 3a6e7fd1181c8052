"""What goes wrong, in the words of the person who looks at the page."""

from __future__ import annotations

from collections.abc import Mapping


class ConsoleError(Exception):
    """Something the console cannot do: `problem` says what, `remedy` what to do about it.

    `fields` has what is wrong with single fields of a form, by their names.
    """

    def __init__(self, problem: str, remedy: str, fields: Mapping[str, str] | None = None) -> None:
        self.problem = problem
        self.remedy = remedy
        self.fields = dict(fields or {})
        super().__init__(f"{problem}: {remedy}")


UNEXPECTED = ConsoleError("the console failed at something it was not made for", "its terminal says at what")
