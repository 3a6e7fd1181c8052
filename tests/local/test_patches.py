"""The patches meet the emulator they were written for, or nothing starts."""

from __future__ import annotations

import importlib.metadata
from types import ModuleType

import pytest

from local import patches
from local.errors import EmulatorChanged
from local.patches.__main__ import main

PATCHES = patches.discover()


def test_the_installed_emulator_is_what_the_patches_were_written_for() -> None:
    patches.check()


def test_the_pinned_version_is_the_patches_version() -> None:
    assert importlib.metadata.version("ministack") == patches.MINISTACK_VERSION


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.__name__.rsplit(".", 1)[-1])
def test_a_patch_says_which_gap_it_closes_and_how_to_drop_it(patch: ModuleType) -> None:
    assert patch.__doc__
    assert "gap" in patch.__doc__.lower()
    assert "drop" in patch.__doc__.lower()
    assert patch.TOUCHES


def test_another_version_is_refused_with_the_remedy() -> None:
    with pytest.raises(EmulatorChanged, match=r"MiniStack is 1\.6\.0.*written for.*ministack==1\.5\.33"):
        patches.check(version="1.6.0")


def test_changed_code_is_an_error_with_the_expected_and_the_actual_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    name, expected = next(iter(PATCHES[-1].TOUCHES.items()))
    monkeypatch.setitem(PATCHES[-1].TOUCHES, name, "000000000000")
    with pytest.raises(EmulatorChanged) as refused:
        patches.check()
    message = str(refused.value)
    assert name in message
    assert f"expected 000000000000, found {expected}" in message
    assert "python -m local.patches fingerprints" in message


def test_code_that_went_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PATCHES[-1].TOUCHES, "ministack.services.glue._no_such_thing", "000000000000")
    with pytest.raises(EmulatorChanged, match=r"_no_such_thing.*found nothing of that name"):
        patches.check()


def test_the_command_prints_the_present_fingerprints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fingerprints"]) == 0
    printed = capsys.readouterr().out
    for patch in PATCHES:
        for name, expected in patch.TOUCHES.items():
            assert f'"{name}": "{expected}",' in printed
    assert "# was" not in printed
