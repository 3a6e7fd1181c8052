"""Steps of a deployment: shown as typed, stopped at the first failure, with what to do and how to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from glue_setup.errors import SetupError
from release.steps import Patience, Step, run

PASSES = Step("One", "json.tool", ("--help",), "Look here.")
FAILS = Step("Two", "json.tool", ("/there/is/no such file",), "Look there.")


@pytest.mark.thorough
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
    output = str(failed.value)
    assert output.startswith("step 2 of 3 failed: python -m json.tool '/there/is/no such file' (exit status ")
    assert "\nLook there.\n" in output
    assert output.endswith("it goes on where it stopped: make deploy STAGE=dev")
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


SETTLES = """
import pathlib, sys
tries = pathlib.Path("tries")
tries.write_text((tries.read_text() if tries.exists() else "") + "x")
if len(tries.read_text()) < 3:
    sys.exit("An error occurred: Unable to validate\\n  the following destination")
print("done")
"""


def settles(tmp_path: Path, *passing: str) -> tuple[Step, list[float], Patience, list[bool]]:
    (tmp_path / "settles.py").write_text(SETTLES)
    slept: list[float] = []
    seen: list[bool] = []
    step = Step("Settles", "settles", (), "Look here.", after=seen.append, passing=passing)
    return step, slept, Patience(runs=4, pause=7, sleep=slept.append), seen


def test_a_step_that_fails_for_a_passing_reason_is_run_again_and_each_failure_is_cleaned_up_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step, slept, patience, seen = settles(tmp_path, "Unable to validate the following destination")
    run([step], tmp_path, "again", patience)
    assert (slept, seen) == ([7, 7], [False, False, True])
    output = capsys.readouterr().out
    assert "which passes: run again in 7 s, 3 times more" in output
    assert output.endswith("done\n")


def test_a_step_that_fails_for_another_reason_is_not_run_again(tmp_path: Path) -> None:
    step, slept, patience, seen = settles(tmp_path, "something else")
    with pytest.raises(SetupError, match="step 1 of 1 failed"):
        run([step], tmp_path, "again", patience)
    assert (slept, seen) == ([], [False])


def test_a_reason_that_does_not_pass_ends_the_step_after_so_many_runs(tmp_path: Path) -> None:
    step, _, _, seen = settles(tmp_path, "Unable to validate the following destination")
    with pytest.raises(SetupError, match="step 1 of 1 failed"):
        run([step], tmp_path, "again", Patience(runs=2, pause=0.0))
    assert seen == [False, False]
