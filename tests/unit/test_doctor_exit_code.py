"""The exit code of `txplatform doctor`."""

from __future__ import annotations

import json

import pytest

from txplatform.cli import doctor, main
from txplatform.doctor.finding import Finding, FindingStatus, ok


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (FindingStatus.OK, 0),
        (FindingStatus.WARNING, 0),
        (FindingStatus.FAILED, 1),
        (FindingStatus.SKIPPED, 1),
    ],
)
def test_a_check_that_failed_or_was_skipped_makes_the_doctor_fail(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: FindingStatus,
    code: int,
) -> None:
    monkeypatch.setenv("TXPLATFORM_DATABASE_URL", "postgresql://nowhere")
    findings = [ok("first", "Fine."), Finding("second", status, "Said."), ok("third", "Fine.")]
    monkeypatch.setattr(doctor, "examine", lambda _: findings)
    assert main(["doctor"]) == code
    capsys.readouterr()
    assert main(["doctor", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["healthy"] is (code == 0)
