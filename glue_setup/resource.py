"""What every foundation is: what it should be, what it is, and how to get from one to the other."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from glue_setup.clients import Clients
from glue_setup.errors import Refused
from glue_setup.target import Target

State = Mapping[str, str]
"""Field by field what a resource is or should be, as text that a person can read; only fields that we manage."""

Blocks = dict[str, dict[str, Any]]
"""Resources of Terraform by kind and name."""

TAG = "orders-etl:stage"
"""The tag that holds the name of the stage that a resource belongs to.

What carries another stage's name is never changed, and never removed. What carries none is from a version that set
none, or somebody's own: apply puts the name of the first stage on it that uses it."""
OWNER = "belongs to stage"
"""The field of a resource's state that holds the name."""


@dataclass(frozen=True)
class Change:
    """One field that differs. None stands for absent."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Plan:
    """What would happen to one resource: the fields that differ. `existing` is what `find` returned."""

    changes: tuple[Change, ...] = ()
    existing: Any = None

    @property
    def creates(self) -> bool:
        """Whether the resource does not exist yet."""
        return self.existing is None

    @property
    def fields(self) -> set[str]:
        """The names of the fields that differ."""
        return {change.field for change in self.changes}

    @property
    def word(self) -> str:
        """The plan in a word."""
        return "create" if self.creates else "change" if self.changes else "unchanged"


class Resource(ABC):
    """One foundation. `find` and `desired` hold the same fields; what they do not hold is left as it is."""

    remedy: ClassVar[str] = "give this stage another name in .chalice/config.json"
    """What to do where it is another stage's."""

    def __init__(self, target: Target, clients: Clients, name: str) -> None:
        self.target = target
        self.clients = clients
        self.settings = target.settings
        self.name = name

    @abstractmethod
    def find(self) -> Any:
        """Read what is there, None where nothing is. Only read calls. Raises Refused for what is not ours to remove."""

    @abstractmethod
    def state(self, existing: Any) -> State:
        """Return the fields of what `find` returned. Only read calls. Raises Refused for what is not to be changed."""

    @abstractmethod
    def desired(self, current: State | None) -> State:
        """Return what should be there, given what is."""

    @abstractmethod
    def make(self, plan: Plan) -> None:
        """Create the resource, or change the fields that the plan names. May be repeated after it failed anywhere."""

    @abstractmethod
    def delete(self, existing: Any, delete_data: bool) -> str | None:
        """Remove what `make` made; return what was done, where it is not just `removed`."""

    def terraform(self) -> Blocks:
        """Return the same for Terraform; nothing for what Terraform has no resource for."""
        return {}

    def remarks(self, existing: Any) -> list[str]:
        """Return what a change of what `find` returned means for those who use it."""
        return []

    def remains(self) -> list[str]:
        """Return what is left to a person, and what to do: plan and apply say it each time.

        Such as what an earlier version of the stage made here and nothing looks after any more: it is never removed
        without being asked for, since its files may be all that is left of somebody's data.
        """
        return []

    def waits(self) -> str | None:
        """Return why it cannot be made yet and what to do, or None when it can."""
        return None

    def plan(self) -> Plan:
        """Compare what is with what should be."""
        existing = self.find()
        current = None if existing is None else self.state(existing)
        desired, before = self.desired(current), current or {}
        names = [*desired, *(name for name in before if name not in desired)]
        pairs = ((name, before.get(name), desired.get(name)) for name in names)
        return Plan(tuple(Change(*each) for each in pairs if each[1] != each[2]), existing)

    def apply(self) -> Plan:
        """Make it as it should be; return what that took."""
        plan = self.plan()
        if plan.creates or plan.changes:
            self.make(plan)
        return plan

    def remove(self, delete_data: bool) -> str:
        """Remove it; return what was done in words: `removed`, `absent` or `kept: <reason>`."""
        try:
            existing = self.find()
        except Refused as refused:
            return f"kept: {refused.reasons[0]}"
        return "absent" if existing is None else self.delete(existing, delete_data) or "removed"

    def check_owner(self, owner: str | None) -> dict[str, str]:
        """Return the owner's field of a state, none where no stage is named. Raises Refused for another stage."""
        if owner and owner != self.target.owner:
            raise Refused(self.name, [f"it belongs to stage {owner}: {self.remedy}, or destroy that stage first"])
        return {OWNER: owner} if owner else {}

    @property
    def tags(self) -> dict[str, str]:
        """The tag that says whose it is."""
        return {TAG: self.target.owner}


def as_text(value: Any) -> str:
    """Return a JSON value as text that is equal for equal values: keys sorted, no spaces to differ in."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
