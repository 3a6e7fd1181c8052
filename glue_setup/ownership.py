"""Which stage a resource belongs to: told by a tag, or by a parameter where a resource has no tags.

What carries another stage's name is never changed, and never removed. What carries none is from a version that set
none, or somebody's own: apply puts the name of the first stage on it that uses it.
"""

from __future__ import annotations

from chalicelib.stage import Stage
from glue_setup.errors import Refused

TAG = "orders-etl:stage"
PARAMETER = "orders_etl_stage"
"""The same on a Glue database, which has parameters and no tags."""
OWNER = "belongs to stage"
"""The field of a resource's state that holds the name."""


def owner_of(stage: Stage) -> str:
    """Return a stage's name among all stages of an account: app, stage and bucket, which no two stages share."""
    return f"{stage.app}/{stage.name}/{stage.settings.bucket}"


def refuse_other(resource: str, found: str | None, owner: str, remedy: str) -> None:
    """Raise Refused when `found`, the name that a resource carries, is another stage's than `owner`."""
    if found and found != owner:
        raise Refused(resource, [f"it belongs to stage {found}: {remedy}, or destroy that stage first"])


def with_owner(owner: str | None) -> dict[str, str]:
    """Return the field of a state; none where a resource carries no name."""
    return {OWNER: owner} if owner else {}
