"""Steps of a deployment: shown as typed, stopped at the first failure, with what to do and how to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from glue_setup.errors import SetupError
from release.steps import Step, run

PASSES = Step("One", "json.tool", ("--help",), "Look here.")
FAILS = Step("Two", "json.tool", ("/there/is/no such file",), "Look there.")


def test_the_steps_run_in_turn_and_each_is_shown_as_a_person_types_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chalice = Step("Three", "chalice", ("--version",), "")
    run([PASSES, chalice], tmp_path, "again")
    assert capsys.readouterr().out.splitlines() == [
        "[1/2] One: python -m json.tool --help",
        "[2/2] Three: chalice --version",
    ]


def test_the_first_failure_stops_with_the_remedy_and_the_command_that_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SetupError) as failed:
        run([PASSES, FAILS, PASSES], tmp_path, "make deploy STAGE=dev")
    told = str(failed.value)
    assert told.startswith("step 2 of 3 failed: python -m json.tool '/there/is/no such file' (exit status ")
    assert "\nLook there.\n" in told
    assert told.endswith("it goes on where it stopped: make deploy STAGE=dev")
    assert "[3/3]" not in capsys.readouterr().out


def test_what_surrounds_a_step_knows_whether_it_succeeded(tmp_path: Path) -> None:
    seen: list[object] = []
    for step in (PASSES, FAILS):
        around = Step(step.title, step.module, step.arguments, step.remedy, lambda: seen.append("before"), seen.append)
        try:
            run([around], tmp_path, "again")
        except SetupError:
            seen.append("failed")
    assert seen == ["before", True, "before", False, "failed"]
