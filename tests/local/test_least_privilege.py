"""Each function works with its policy, and with any statement of it taken away something that it is for does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from glue_setup.policies import FUNCTIONS
from tests.local.product import Product, product_with, without_events, without_schedule
from tests.local.scenes import CRAWLER, SCENES, Scene

pytestmark = [pytest.mark.aws, pytest.mark.slow]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with a crawler, where nothing happens by itself: no announcements, no schedule."""
    variables = {"GLUE_CRAWLER": CRAWLER, "ETL_SWEEP_GRACE_SECONDS": "60"}
    with product_with(tmp_path_factory, variables) as product, without_events(product), without_schedule(product):
        yield product


@pytest.fixture(scope="module")
def scenes(quiet: Product, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scene]:
    return {name: scene(quiet, tmp_path_factory.mktemp(name)) for name, scene in SCENES.items()}


class Role:
    """The role of a deployed function, as Chalice made it."""

    def __init__(self, product: Product, function: str) -> None:
        self._iam = product.aws.client("iam")
        arn = product.aws.client("lambda").get_function_configuration(FunctionName=function)["Role"]
        self._role = arn.rsplit("/", 1)[1]
        (self._name,) = self._iam.list_role_policies(RoleName=self._role)["PolicyNames"]
        self.policy = self._iam.get_role_policy(RoleName=self._role, PolicyName=self._name)["PolicyDocument"]
        assert not self._iam.list_attached_role_policies(RoleName=self._role)["AttachedPolicies"]

    @property
    def sids(self) -> list[str]:
        """The policy's statements; what only shows after a while comes first, since a later one would hide it."""
        return sorted((s["Sid"] for s in self.policy["Statement"]), key=lambda sid: sid != "RemoveFiles")

    def have(self, policy: Any) -> None:
        """Give the role this policy."""
        self._iam.put_role_policy(RoleName=self._role, PolicyName=self._name, PolicyDocument=json.dumps(policy))

    def without(self, sid: str) -> Any:
        """Return the policy without one statement."""
        remaining = [s for s in self.policy["Statement"] if s["Sid"] != sid]
        assert len(remaining) == len(self.policy["Statement"]) - 1
        return self.policy | {"Statement": remaining}


def test_there_is_a_scene_for_every_function() -> None:
    assert set(SCENES) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_statement_can_be_taken_from_a_functions_policy(scenes: dict[str, Scene], quiet: Product, name: str) -> None:
    scene = scenes[name]
    role = Role(quiet, scene.function)
    needless = {}
    for sid in role.sids:
        role.have(role.without(sid))
        try:
            scene.play()
        except Exception as problem:
            print(f"{name} without {sid}: {type(problem).__name__}: {str(problem)[:200]}")
        else:
            needless[sid] = "nothing broke"
        finally:
            role.have(role.policy)
        # With all of it everything works again: it was the statement, and nothing that it left behind.
        scene.play()
    assert needless == {}
