"""Generate the OpenAPI, AsyncAPI and JSON Schema documents from the models in the code.

`python -m txplatform.schema_export docs` writes the documents. A test fails if one is outdated.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from txplatform.api.asyncapi import describe_messages, message_schemas
from txplatform.bootstrap import create_api
from txplatform.contracts.rules_document import with_rules
from txplatform.settings import Settings


def documents() -> dict[str, str]:
    """Return the text of each generated document, by path under docs/."""
    settings = Settings(database_url=SecretStr("postgresql://nowhere/none"))
    schemas = message_schemas()
    files: dict[str, Any] = {
        "openapi.json": create_api(settings).document,
        "asyncapi.json": describe_messages(schemas),
        **{f"schemas/{topic}.json": schema for topic, schema in schemas.items()},
    }
    return {path: json.dumps(body, indent=2) + "\n" for path, body in files.items()}


def main(folder: Path) -> None:
    """Write every document into the folder, and the generated part of `rules.md`."""
    for path, text in documents().items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    rules = folder / "rules.md"
    rules.write_text(with_rules(rules.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
