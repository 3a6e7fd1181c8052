"""A wildcard of a policy stands for a line break too.

Gap: MiniStack's `*` ends at a line break, so that a function that may read every key below a prefix is refused the one
key with a line break in it, and its file is never loaded. Drop this file when a role with `s3:PutObject` on `out/*` can
write a key that holds one.
"""

from __future__ import annotations

import re

from ministack.core import iam_evaluator

TOUCHES = {
    "ministack.core.iam_evaluator._fnmatch_compile": "c95d90f11ae7",
    "ministack.core.iam_evaluator.fnmatch_iam": "3a42065d770d",
    "ministack.core.iam_evaluator.fnmatch_iam_cs": "73763e92fcaa",
}


def apply() -> None:
    """Let the dot of the patterns made of wildcards match every character."""
    compiled = iam_evaluator._fnmatch_compile

    def over_lines(glob: str, ignore_case: bool) -> re.Pattern[str]:
        pattern: re.Pattern[str] = compiled(glob, ignore_case)
        return re.compile(pattern.pattern, pattern.flags | re.DOTALL)

    iam_evaluator._fnmatch_compile = over_lines
