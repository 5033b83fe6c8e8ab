"""The vendored files of the web bank and its tests are those that their lock files name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "bank/src/txbank/web/static/vendored", ROOT / "tests/bank/vendored"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parts[-2])
def test_every_vendored_file_is_locked_with_version_licence_and_hash(folder: Path) -> None:
    locked = {each["file"]: each for each in json.loads((folder / "lock.json").read_text())}
    assert {each.name for each in folder.iterdir()} == {*locked, "lock.json", "LICENSES.txt"}
    licences = (folder / "LICENSES.txt").read_text()
    for name, entry in locked.items():
        assert entry["package"]
        assert entry["version"]
        assert f"{entry['package']} ({entry['licence']})" in licences
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry["sha256"], name


def test_pages_load_no_file_of_another_host_and_have_no_inline_script_or_style() -> None:
    templates = sorted((ROOT / "bank/src/txbank/web/templates").glob("*.html"))
    assert templates
    for template in templates:
        text = template.read_text()
        assert "http:" not in text, template
        assert "https:" not in text, template
        assert "style=" not in text, template
        assert "<style" not in text, template
        assert not any(f" on{event}=" in text for event in ("click", "load", "submit")), template
        assert text.count("<script") == text.count('<script src="/static/'), template
