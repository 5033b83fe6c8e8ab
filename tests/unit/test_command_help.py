"""The output of `txplatform COMMAND --help`."""

from __future__ import annotations

import pytest

from txplatform.cli import COMMANDS, main


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_begins_with_its_summary_as_written(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    summary = COMMANDS[command]
    assert f" {summary[0].upper()}{summary[1:]}. " in shown
