"""How many examples hypothesis draws: few in `make test`, many in `make test-slow`."""

from __future__ import annotations

from hypothesis import settings

MANY = "many"
"""The profile of hypothesis that `make test-slow` runs such tests with."""
settings.register_profile(MANY)


def examples(few: int, many: int) -> settings:
    """Return the settings of a test that draws `few` examples, `many` under the profile of this name."""
    return settings(max_examples=many if settings.get_current_profile_name() == MANY else few, deadline=None)
