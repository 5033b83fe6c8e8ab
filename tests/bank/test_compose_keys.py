"""`deploy/bank-keys.sh`, which makes the keys of the bank's services for docker-compose.yml."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.bank import new_bank
from harness.postgres import PostgresServer, TestDatabase
from txbank.notifications import NotificationsSettings
from txbank.settings import CommonSettings, SettingsError, load
from txbank.web import WebSettings

SCRIPT = Path(__file__).parents[2] / "deploy" / "bank-keys.sh"


def test_the_keys_are_made_once_and_the_settings_read_them(
    postgres: PostgresServer,
    database: TestDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bank = new_bank(postgres, "127.0.0.1:1")
    env = {
        **{name: value for name, value in bank.env.items() if not name.endswith("_KEY")},
        "TXPLATFORM_DATABASE_URL": database.service_url,
        "TXBANK_SECRETS_DIR": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    def made() -> dict[str, str]:
        subprocess.run([SCRIPT], env=env, check=True, capture_output=True)
        return {each.name: each.read_text().strip() for each in tmp_path.iterdir()}

    keys = made()
    assert set(keys) == {"txbank_platform_key", "txbank_web_key", "txbank_notifications_key"}
    assert made() == keys
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert load(CommonSettings).required_platform_key == keys["txbank_platform_key"]
    web, notifications = load(WebSettings).key, load(NotificationsSettings).key
    assert web is not None
    assert web.get_secret_value() == keys["txbank_web_key"]
    assert notifications is not None
    assert notifications.get_secret_value() == keys["txbank_notifications_key"]


def test_a_missing_folder_of_secrets_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TXBANK_SECRETS_DIR", str(tmp_path / "missing"))
    with pytest.raises(SettingsError, match=r"TXBANK_SECRETS_DIR is .*missing, which is not a"):
        load(CommonSettings)
