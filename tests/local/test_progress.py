"""What a person reads while things run and when they fail."""

from __future__ import annotations

import io

import pytest

from local.errors import LocalError
from local.output import tail
from local.progress import Progress


def test_a_failed_step_shows_the_tools_last_lines_the_problem_and_the_remedy() -> None:
    screen = io.StringIO()
    progress = Progress(screen)
    problem = LocalError("chalice deploy failed", "correct it", tail="Error: [bucket] is missing")
    with pytest.raises(LocalError), progress.step("Deploy [the app]"):
        raise problem
    progress.failed(problem)
    progress.say("\\ and [brackets] stay as they are \\")
    assert screen.getvalue().splitlines() == [
        "✗ Deploy [the app]",
        "Error: [bucket] is missing",
        "chalice deploy failed",
        "correct it",
        "\\ and [brackets] stay as they are \\",
    ]


def test_a_stack_trace_is_cut_down_to_the_error_it_ends_with() -> None:
    printed = 'began\nTraceback (most recent call last):\n  File "x.py", line 1\n    boom()\nValueError: boom\nended'
    assert tail(printed) == "began\nValueError: boom\nended"
    assert tail(printed, lines=1) == "ended"
