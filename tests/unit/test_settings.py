"""Settings: every one is documented; what is unknown or invalid is named and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from txplatform.settings import Settings, SettingsError, load_settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def documented() -> str:
    """The table that the document has to hold."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.is_required() or field.default is None else f"`{field.default}`"
        if field.is_required():
            default = "required"
        rows.append(f"| `TXPLATFORM_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(["| setting | default | what it is |", "|---|---|---|", *rows])


@pytest.fixture
def _no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TXPLATFORM_DATABASE_URL", "postgresql://localhost/x")


def test_the_document_lists_every_setting_as_it_is() -> None:
    """Name, default and meaning come from the code."""
    assert documented() in DOCUMENT.read_text()


@pytest.mark.usefixtures("_no_file")
def test_an_unknown_setting_is_named_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt setting must not silently do nothing."""
    monkeypatch.setenv("TXPLATFORM_API_PROT", "8001")
    with pytest.raises(SettingsError, match="TXPLATFORM_API_PROT"):
        load_settings()


@pytest.mark.usefixtures("_no_file")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_PORT", "70000"),
        ("API_PORT", "many"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("DECISION_BATCH_SIZE", "0"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_an_invalid_setting_is_named_and_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """With what is wrong."""
    monkeypatch.setenv(f"TXPLATFORM_{name}", value)
    with pytest.raises(SettingsError, match=f"TXPLATFORM_{name}"):
        load_settings()


@pytest.mark.usefixtures("_no_file")
def test_a_missing_setting_is_named_with_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has just installed it does not know."""
    monkeypatch.delenv("TXPLATFORM_DATABASE_URL")
    with pytest.raises(SettingsError, match="TXPLATFORM_DATABASE_URL is not set") as refused:
        load_settings()
    assert "environment variable or in .env" in refused.value.next_step


@pytest.mark.usefixtures("_no_file")
def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings end up in logs and tracebacks."""
    monkeypatch.setenv("TXPLATFORM_DATABASE_URL", "postgresql://me:s3cret@localhost/x")
    assert "s3cret" not in repr(load_settings())


@pytest.mark.usefixtures("_no_file")
def test_settings_come_from_a_file_too(tmp_path: Path) -> None:
    """The environment wins."""
    (tmp_path / ".env").write_text("TXPLATFORM_API_PORT=8123\n")
    assert load_settings().api_port == 8123
    (tmp_path / ".env").write_text("TXPLATFORM_NOPE=1\n")
    with pytest.raises(SettingsError, match="TXPLATFORM_NOPE"):
        load_settings()
