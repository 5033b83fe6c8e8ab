"""Generate the OpenAPI, AsyncAPI and JSON Schema documents from the models in the code.

`python -m txplatform.schema_export docs` writes the documents. A test fails if one is outdated.
"""

import json
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import SecretStr, TypeAdapter

from txplatform.bootstrap import create_api
from txplatform.contracts.messages import INBOUND
from txplatform.contracts.rules_document import with_rules
from txplatform.publisher import TOPICS as OUTBOUND
from txplatform.settings import Settings

_KEY = {"type": "string", "description": "The account id, which keeps an account's order."}


def documents() -> dict[str, str]:
    """Return the text of each generated document, by path under docs/."""
    settings = Settings(database_url=SecretStr("postgresql://nowhere/none"))
    schemas = message_schemas()
    files: dict[str, Any] = {
        "openapi.json": create_api(settings).document,
        "asyncapi.json": _asyncapi(schemas),
        **{f"schemas/{topic}.json": schema for topic, schema in schemas.items()},
    }
    return {path: json.dumps(body, indent=2) + "\n" for path, body in files.items()}


def message_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each topic's message body, by topic."""
    bodies: dict[str, type] = INBOUND | {name: topic.body for name, topic in OUTBOUND.items()}
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:txplatform:schema:{name}",
            **TypeAdapter[Any](body).json_schema(),
        }
        for name, body in bodies.items()
    }


def _asyncapi(schemas: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "txplatform",
            "version": version("txplatform"),
            "description": (
                "Messages are CloudEvents 1.0. Binary mode, structured mode and bare JSON bodies "
                "are accepted; binary mode is sent. Delivery is at least once, in order per key."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {
            topic: {
                "address": topic,
                "messages": {
                    "message": {
                        "name": topic,
                        "payload": {"$ref": f"schemas/{topic}.json"},
                        "bindings": {"kafka": {"key": _KEY}},
                    }
                },
            }
            for topic in schemas
        },
        "operations": {
            f"{'receive' if topic in INBOUND else 'send'}-{topic}": {
                "action": "receive" if topic in INBOUND else "send",
                "channel": {"$ref": f"#/channels/{topic}"},
            }
            for topic in schemas
        },
    }


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
