"""Arguments of `python -m chalicelib.flatten` that would hurt are rejected as wrong usage."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.flatten.command import main


def test_the_input_is_never_overwritten_by_what_was_rejected_of_it(tmp_path: Path) -> None:
    source = tmp_path / "orders.json"
    source.write_text('{"order_id": 1}')
    link = tmp_path / "link.json"
    link.symlink_to(source)
    for rejects in (source, link):
        with pytest.raises(SystemExit) as ended:
            main([str(source), "-o", str(tmp_path / "out"), "--rejects", str(rejects)])
        assert ended.value.code == 2
    assert source.read_text() == '{"order_id": 1}'


@pytest.mark.parametrize("arguments", [["", "-o", "out"], ["-", "-o", ""], ["-", "-o", "out", "--rejects", "-"]])
def test_names_of_no_file_are_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_a_closed_standard_input_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert main(["-", "-o", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == "-: standard input is closed: send the file to it\n"
