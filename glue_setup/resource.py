"""What every resource of the foundations is: what it should be, what it is, and how to get from one to the other."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

State = Mapping[str, str]
"""Field by field what a resource is or should be, as text that a person can read; only fields that we manage."""


@dataclass(frozen=True)
class Change:
    """One field that differs. None stands for absent."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Plan:
    """What would happen to one resource. `creates` tells whether it does not exist yet."""

    changes: tuple[Change, ...] = ()
    creates: bool = False

    @property
    def word(self) -> str:
        """The plan in a word."""
        return "create" if self.creates else "change" if self.changes else "unchanged"


class Resource(ABC):
    """One thing in AWS. `current` and `desired` hold the same fields; what they do not hold is left as it is."""

    name: str

    @abstractmethod
    def current(self) -> State | None:
        """Read what is there, None where nothing is. Only read calls.

        Raises Refused when what is there is not ours to change.
        """

    @abstractmethod
    def desired(self, current: State | None) -> State:
        """Return what should be there, given what is."""

    @abstractmethod
    def make(self, plan: Plan) -> None:
        """Create the resource, or change the fields that the plan names. May be repeated after it failed anywhere."""

    @abstractmethod
    def remove(self, delete_data: bool) -> str:
        """Remove what `make` made and return what was done in words: `removed`, `absent` or `kept: <reason>`."""

    def check_owner(self) -> None:
        """Raise Refused when deleting this resource with its data would delete another stage's. Only read calls."""
        return

    def waits(self) -> str | None:
        """Return why it cannot be made yet and what to do, or None when it can."""
        return None

    def plan(self) -> Plan:
        """Compare what is with what should be."""
        current = self.current()
        desired = self.desired(current)
        return Plan(tuple(_differences(current or {}, desired)), creates=current is None)

    def apply(self) -> Plan:
        """Make it as it should be; return what that took."""
        plan = self.plan()
        if plan.creates or plan.changes:
            self.make(plan)
        return plan


def _differences(current: State, desired: State) -> list[Change]:
    names = [*desired, *(name for name in current if name not in desired)]
    return [
        Change(name, current.get(name), desired.get(name)) for name in names if current.get(name) != desired.get(name)
    ]


def as_text(value: Any) -> str:
    """Return a JSON value as text that is equal for equal values: keys sorted, no spaces to differ in."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
