"""How many examples hypothesis draws: few in `make test`, many in `make test-slow`, the same ones in each run.

With HYPOTHESIS_SEEDS=new in the environment it draws others each time, to look for what no run has met yet.
"""

from __future__ import annotations

import os

from hypothesis import settings

MANY = "many"
"""The profile of hypothesis that `make test-slow` runs such tests with."""
_IS_REPEATED = os.environ.get("HYPOTHESIS_SEEDS") != "new"
settings.register_profile("few", derandomize=_IS_REPEATED)
settings.register_profile(MANY, derandomize=_IS_REPEATED)
settings.load_profile("few")


def examples(few: int, many: int) -> settings:
    """Return the settings of a test that draws `few` examples, `many` under the profile of this name."""
    return settings(max_examples=many if settings.get_current_profile_name() == MANY else few, deadline=None)
